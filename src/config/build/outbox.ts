import type { OutboxSettings } from '../../settings.ts'
import { formatDuration } from '../units.ts'
import type { Context } from './context.ts'

/** The limits of the store. What cannot be reached with them is told. */
export function buildOutbox(context: Context): OutboxSettings {
  const { outbox } = context.file
  if (outbox.keep_delivered > outbox.max_age) {
    const [kept, age] = [formatDuration(outbox.keep_delivered), formatDuration(outbox.max_age)]
    context.warning(['outbox', 'keep_delivered'], `${kept} is above max_age ${age}, at which everything goes`)
  }
  return {
    commitIntervalMs: outbox.commit_interval,
    maxAgeMs: outbox.max_age,
    maxSizeBytes: outbox.max_size,
    minFreeDiskBytes: outbox.min_free_disk,
    whenFull: outbox.when_full,
    keepDeliveredMs: outbox.keep_delivered,
  }
}

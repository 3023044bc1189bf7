import type { Operation } from '../storage/operation.ts'
import type { Outbox } from './outbox.ts'
import { restoreOperation } from './salvage-operations.ts'

/**
 * Everything the outbox has in memory that belongs into the small tables. Nothing is marked as stored: what changed stays
 * part of the next snapshot, too.
 */
export function everythingKnown(outbox: Outbox): Operation<void> {
  const { epochs, boots, losses, audiences } = outbox
  const head = outbox.head()
  const all = [...outbox.cursors, ...outbox.absent]
  return restoreOperation({
    epochs: epochs.all.map((epoch) => ({ ...epoch, through: Math.min(head, epochs.throughOf(epoch)) })),
    boots: boots.all.map((boot) => ({ ...boot })),
    head,
    commit: {
      newUplinks: all.map(({ number, name, past }) => ({ uplink: number, name, ...(past ? { past } : {}) })),
      audiences: audiences.all,
      cursors: all.map(({ number, ranges, skipped }) => ({
        uplink: number,
        ranges: ranges.toJSON(),
        skipped: skipped.toJSON(),
      })),
      controls: all.map(({ number, paused, replay }) => ({ uplink: number, paused, replay: replay.remaining() })),
      absent: all.map(({ number, wantedThrough }) => ({ uplink: number, wantedThrough: wantedThrough ?? null })),
      accounts: all.flatMap(({ number, account }) =>
        [...account.entries()].map(([epoch, counts]) => ({ uplink: number, epoch, counts: { ...counts } })),
      ),
      losses: [...losses.ledger.episodes].map((episode) => ({ ...episode })),
    },
  })
}

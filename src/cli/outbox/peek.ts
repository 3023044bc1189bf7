import { GatewayError } from '../../errors.ts'
import type { ListedRecord, OutboxReader } from '../../outbox-api.ts'
import { recordText } from '../../uplink/formats/envelope.ts'
import { formatCount, formatDuration, formatTime } from '../format.ts'
import { eachPage, forPrograms } from './listing.ts'
import { type OutboxFlags, withOutbox } from './source.ts'

/** `tidegate outbox peek`: one record in full, as it would be sent; without a number, the oldest that waits. */
export function peek(seq: number | undefined, flags: OutboxFlags & { readonly uplink?: string }): Promise<number> {
  return withOutbox(flags.stateDir, async (reader) => {
    const record = await find(reader, seq, flags.uplink)
    if (!record) return nothing(seq)
    if (flags.json) {
      console.log(JSON.stringify(forPrograms(record), null, 2))
      return 0
    }
    console.error(remark(record))
    console.log(recordText(record))
    return 0
  })
}

/** As the uplink would get it that was named, or that alone waits for it. */
async function find(
  reader: OutboxReader,
  seq: number | undefined,
  uplink: string | undefined,
): Promise<ListedRecord | undefined> {
  const choice = seq === undefined ? {} : { after: seq - 1, until: String(seq) }
  const of = async (name: string | undefined, all: boolean) => {
    const named = name === undefined ? {} : { uplink: name }
    for await (const [first] of eachPage(reader, { ...choice, ...named, all }, { limit: 1 })) if (first) return first
    return undefined
  }
  const found = await of(uplink, seq !== undefined)
  const [only, ...others] = found?.waitsFor ?? []
  if (!found || uplink !== undefined || only === undefined || others.length > 0) return found
  return (await of(only, false)) ?? found
}

function remark({ seq, ts, clockKnown, waitsFor }: ListedRecord): string {
  const waits = waitsFor.length === 0 ? 'delivered, and kept' : `waits for ${waitsFor.join(', ')}`
  const clock = clockKnown ? '' : ' (the clock was not known)'
  return `record ${formatCount(seq)}, read ${formatTime(ts)}${clock}, ${formatDuration(Date.now() - ts)} ago, ${waits}`
}

function nothing(seq: number | undefined): number {
  if (seq === undefined) {
    console.error('Nothing waits.')
    return 0
  }
  throw new GatewayError('bad_answer', `there is no record ${seq}: not issued yet, or delivered and not kept`, {
    hint: 'tidegate outbox ls',
  })
}

import { GatewayError } from '../../errors.ts'
import type { RejectedRecord } from '../../outbox-api.ts'
import { confirmed } from '../ask.ts'
import { formatNumberOf, formatTime } from '../format.ts'
import { cut, table } from '../table.ts'
import { told } from './orders.ts'
import { type OutboxFlags, outboxOfAgent, withOutbox } from './source.ts'

export interface RejectedFlags extends OutboxFlags {
  readonly uplink?: string
  readonly limit: number
}

/** `tidegate outbox rejected`: what the server will never take, and why. */
export function rejected({ stateDir, json, uplink, limit }: RejectedFlags): Promise<number> {
  return withOutbox(stateDir, async (reader) => {
    const found = await reader.rejected(uplink === undefined ? { limit } : { uplink, limit })
    const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
    if (json) console.log(JSON.stringify(found, null, 2))
    else if (found.length > 0) console.log(rejectedText(found, columns).join('\n'))
    if (found.length === 0) console.error('No rejected record is kept.')
    else if (found.length === limit) console.error(`There may be more: --limit ${limit * 2}`)
    return 0
  })
}

/** Pure. Lines are cut at `columns`. */
export function rejectedText(records: readonly RejectedRecord[], columns: number): string[] {
  const rows = records.map(({ seq, uplink, ts, source, kind, reason, retry }) => {
    const what = source === '' ? kind : source
    return [String(seq), uplink, formatTime(ts), what, `${retry ? '(to be sent again) ' : ''}${reason}`]
  })
  const lines = table([['SEQ', 'uplink', 'read', 'source', 'reason'], ...rows], { right: [0] })
  return lines.map((line) => cut(line, columns))
}

export interface ChosenFlags extends OutboxFlags {
  readonly all: boolean
}

/** `tidegate outbox retry`: sends rejected records once more. */
export async function retry(uplink: string, seqs: readonly number[], flags: ChosenFlags): Promise<number> {
  const result = await outboxOfAgent(flags.stateDir).retry(uplink, chosen(seqs, flags.all))
  const text = `${formatNumberOf(result.records, 'rejected record')} will be sent to ${uplink} once more.`
  return told(result, { json: flags.json, text })
}

/** `tidegate outbox discard`: removes rejected records; they stay counted. */
export async function discard(
  uplink: string,
  seqs: readonly number[],
  flags: ChosenFlags & { readonly yes: boolean },
): Promise<number> {
  const which = chosen(seqs, flags.all)
  const what = which === 'all' ? 'all rejected records' : formatNumberOf(which.length, 'rejected record')
  if (!(await confirmed(`Remove ${what} of ${uplink}, for good?`, flags))) {
    console.error('Nothing was changed.')
    return 1
  }
  const result = await outboxOfAgent(flags.stateDir).discard(uplink, which)
  const text = `${formatNumberOf(result.records, 'rejected record')} removed; they stay counted as rejected.`
  return told(result, { json: flags.json, text })
}

function chosen(seqs: readonly number[], all: boolean): readonly number[] | 'all' {
  if (all && seqs.length === 0) return 'all'
  if (!all && seqs.length > 0) return seqs
  throw new GatewayError('usage', all ? 'both --all and record numbers are given' : 'no record is named', {
    hint: 'give the numbers that tidegate outbox rejected shows, or --all',
  })
}

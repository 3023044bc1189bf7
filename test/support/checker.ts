/**
 * Judges what an independent subscriber received from one uplink, knowing only what is promised to the cloud: ids are
 * `gateway/epoch/seq`, every epoch begins with a `started` event that names the one before and its `stored_through`, and
 * `after` explains numbers that are not for this uplink. Pure.
 */
import { type EpochView, epochFaults, excusedNumbers, viewEpochs } from './checker-epochs.ts'

/** One message, in order of arrival. */
export interface Arrival {
  readonly topic: string
  readonly payload: string
}

/** A record that arrived for the first time. */
export interface ArrivedRecord {
  readonly id: string
  readonly epoch: string
  /** Start count of the epoch. */
  readonly start: number
  readonly seq: number
  readonly topic: string
  readonly content: Readonly<Record<string, unknown>>
  /** The record's own JSON text, where 64-bit integers have all their digits. */
  readonly text: string
}

/** Records sent again in a row: the sender went back to an older one, once for each interruption. */
export interface Burst {
  /** How many arrivals came before it. */
  readonly at: number
  readonly duplicates: number
  /** The interruption that explains it: the last one before it. */
  readonly cause: number | undefined
}

export interface Verdict {
  /** In order. */
  readonly records: readonly ArrivedRecord[]
  readonly epochs: readonly EpochView[]
  readonly bursts: readonly Burst[]
  readonly duplicates: number
  /** Numbers that never came and are said not to be for this uplink. Where nothing is filtered, one is a loss. */
  readonly excused: readonly number[]
  /** What breaks a promise, one sentence each. */
  readonly faults: readonly string[]
}

/**
 * `interruptions`: the number of arrivals seen when the link or the agent was cut, in order. Duplicates that none of them
 * explains are a fault.
 */
export function judge(arrivals: readonly Arrival[], interruptions: readonly number[] = []): Verdict {
  const faults: string[] = []
  const all = arrivals.flatMap((arrival) => recordsOf(arrival, faults))
  const { firsts, bursts } = separate(all, interruptions, faults)
  const epochs = viewEpochs(firsts, faults)
  return {
    records: firsts,
    epochs,
    bursts,
    duplicates: all.length - firsts.length,
    excused: [...excusedNumbers(firsts)],
    faults: [...faults, ...epochFaults(firsts, epochs)],
  }
}

function recordsOf({ topic, payload }: Arrival, faults: string[]): ArrivedRecord[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(payload)
  } catch {
    faults.push(`not JSON on ${topic}: ${payload.slice(0, 60)}`)
    return []
  }
  const items: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed]
  return items.flatMap((item) => {
    const text = Array.isArray(parsed) ? JSON.stringify(item) : payload
    const record = recordOf(topic, item as Record<string, unknown>, text)
    if (!record) faults.push(`no record on ${topic}: ${payload.slice(0, 60)}`)
    return record ?? []
  })
}

/** An outcome's own `id` is that of the command; the record's identity is called `record` there. */
function recordOf(topic: string, content: Record<string, unknown>, text: string): ArrivedRecord | undefined {
  const id = content['record'] ?? content['id']
  const parts = typeof id === 'string' ? /^[^/]+\/((\d+)-[0-9a-f]+)\/(\d+)$/.exec(id) : null
  if (!parts || typeof content['ts'] !== 'number') return undefined
  const [whole, epoch = '', start, seq] = parts
  return { id: whole, epoch, start: Number(start), seq: Number(seq), topic, content, text }
}

/** First arrivals must come in order; whatever comes again must be the same. */
function separate(all: readonly ArrivedRecord[], interruptions: readonly number[], faults: string[]) {
  const firsts: ArrivedRecord[] = []
  const seen = new Map<string, ArrivedRecord>()
  const bursts: { at: number; duplicates: number; cause: number | undefined }[] = []
  let before: ArrivedRecord | undefined
  for (const [at, record] of all.entries()) {
    const first = seen.get(record.id)
    const last = firsts.at(-1)
    if (!first) {
      if (last && !isBefore(last, record)) faults.push(`${record.id} came after ${last.id}`)
      seen.set(record.id, record)
      firsts.push(record)
    } else {
      if (fixedPart(first) !== fixedPart(record)) faults.push(`${record.id} came again with other content`)
      if (before && isBefore(before, record) && bursts.length > 0) countOne(bursts.at(-1))
      else bursts.push({ at, duplicates: 1, cause: causeOf(at, interruptions) })
    }
    before = record
  }
  const unexplained = bursts.filter((burst) => burst.cause === undefined)
  for (const { at, duplicates } of unexplained) faults.push(`${duplicates} duplicates at ${at} without an interruption`)
  return { firsts, bursts: bursts satisfies readonly Burst[] }
}

function countOne(burst: { duplicates: number } | undefined): void {
  if (burst) burst.duplicates += 1
}

function causeOf(at: number, interruptions: readonly number[]): number | undefined {
  const index = interruptions.findLastIndex((after) => after <= at)
  return index < 0 ? undefined : index
}

function isBefore(a: ArrivedRecord, b: ArrivedRecord): boolean {
  return a.start < b.start || (a.start === b.start && a.seq < b.seq)
}

/** What may differ when a record is sent again: whether it is late, and what the clock is known to be. */
function fixedPart({ topic, content }: ArrivedRecord): string {
  const { late: _late, ts: _ts, clock: _clock, after: _after, ...rest } = content
  return `${topic} ${JSON.stringify(rest)}`
}

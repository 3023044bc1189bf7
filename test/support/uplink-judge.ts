/** Judges what an uplink brought to a server that failed by plan, against what was made. Pure. */
import { gunzipSync } from 'node:zlib'
import type { StoredMessage } from './broker.ts'

/** A record in a message, or one point of it, as the server stored it. */
export interface Sighting {
  readonly id: string
  /** What cannot differ when it comes again: which record it is, by the number the test gave it. */
  readonly content: string
  readonly topic: string
  readonly connection: number
}

export interface Facts {
  readonly sightings: readonly Sighting[]
  /** What must have come, or be rejected: content by id. */
  readonly owed: ReadonlyMap<string, string>
  /** What may have come: made, but taken back by a kill before it was durable. */
  readonly allowed: ReadonlyMap<string, string>
  /** Ids that the outbox holds as rejected. */
  readonly rejected: ReadonlySet<string>
  /** Ids that may be rejected: the server refused them, or they are too large for it. */
  readonly mayBeRejected: (id: string) => boolean
  /** Ids whose order says nothing, because the server refused or lost them once. */
  readonly disturbed: ReadonlySet<string>
  /** Ids that wait for another message of their record, which the server refused: they come again however small the window. */
  readonly isHeldUp: (id: string) => boolean
  /** Records that may have been without an answer at the end of a connection: each may come once more. */
  readonly inFlightMax: (connection: number) => number
  /** 2: fresh records go before the backlog, each in order. */
  readonly lanes: 1 | 2
  /** at_most_once: what was on its way when a connection ended is lost, and nothing comes twice. */
  readonly once: boolean
}

export interface Verdict {
  readonly faults: readonly string[]
  readonly duplicates: number
  readonly missing: number
}

export function judgeUplink(facts: Facts): Verdict {
  const faults: string[] = []
  const seen = new Map<string, string>()
  for (const { id, content } of facts.sightings) {
    const made = facts.owed.get(id) ?? facts.allowed.get(id) ?? seen.get(id)
    if (made === undefined && !content.startsWith('event ')) faults.push(`${id}: nobody made ${content}`)
    if (made !== undefined && made !== content) faults.push(`${id} came as ${content} and is ${made}`)
    seen.set(id, content)
  }
  const missing = [...facts.owed.keys()].filter((id) => !seen.has(id) && !facts.rejected.has(recordOf(id)))
  if (missing.length > 0 && !facts.once)
    faults.push(`${missing.length} missing, among them ${missing.slice(0, 5).join(', ')}`)
  for (const id of facts.rejected) if (!facts.mayBeRejected(id)) faults.push(`${id} is rejected without a reason`)
  const duplicates = countDuplicates(facts, faults)
  if (facts.once && duplicates > 0) faults.push(`${duplicates} came twice`)
  faults.push(...disorder(facts))
  return { faults, duplicates, missing: missing.length }
}

/** What a connection stored and a later one stored again was in flight at its end; nothing comes twice on one connection. */
function countDuplicates({ sightings, inFlightMax, isHeldUp }: Facts, faults: string[]): number {
  const lastOn = new Map<string, number>()
  const again = new Map<number, number>()
  let duplicates = 0
  for (const { id, connection } of sightings) {
    const before = lastOn.get(id)
    lastOn.set(id, connection)
    if (before === undefined) continue
    duplicates += 1
    if (before === connection) faults.push(`${id} came twice on connection ${connection}`)
    else if (!isHeldUp(id)) again.set(before, (again.get(before) ?? 0) + 1)
  }
  for (const [connection, count] of again) {
    const most = inFlightMax(connection)
    if (count > most) faults.push(`${count} of connection ${connection} came again, ${most} can have been in flight`)
  }
  return duplicates
}

/** First sightings of each topic come in the order of their numbers, or as two such sequences that take turns. */
function disorder({ sightings, disturbed, lanes }: Facts): string[] {
  const faults: string[] = []
  const ends = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const { id, topic } of sightings) {
    if (seen.has(id) || disturbed.has(id)) continue
    seen.add(id)
    const before = ends.get(topic) ?? []
    ends.set(topic, before)
    // What comes goes on with the sequence that is nearest to it.
    const nearest = before.filter((end) => isBefore(end, id)).reduce((a, b) => (isBefore(a, b) ? b : a), '')
    if (nearest !== '') before[before.indexOf(nearest)] = id
    else if (before.length < lanes) before.push(id)
    else faults.push(`${id} came after ${before.join(' and ')} on ${topic}`)
  }
  return faults
}

/** Without the point. */
function recordOf(id: string): string {
  return id.split('/').slice(0, 3).join('/')
}

/** Ids are `gateway/start-random/seq`. */
function isBefore(a: string, b: string): boolean {
  if (a === '') return true
  const [startA = 0, seqA = 0] = numbersOf(a)
  const [startB = 0, seqB = 0] = numbersOf(b)
  return startA < startB || (startA === startB && seqA < seqB)
}

function numbersOf(id: string): number[] {
  const [, epoch, seq] = id.split('/')
  return [Number.parseInt(epoch ?? '', 10), Number(seq)]
}

export function seqOf(id: string): number {
  return Number(id.split('/')[2])
}

/** The records in messages of the formats json and json-flat, single or in arrays, compressed or not. */
export function sightingsOf(messages: readonly Pick<StoredMessage, 'topic' | 'bytes' | 'connection'>[]): Sighting[] {
  return messages.flatMap(({ topic, bytes, connection }) =>
    recordsIn(bytes).map((record) => ({
      id: record.point === undefined ? record.id : `${record.id}/${record.point}`,
      content: contentOf(record),
      topic,
      connection,
    })),
  )
}

interface WireRecord {
  readonly id: string
  readonly event?: string
  readonly n?: number
  readonly point?: string
  readonly value?: number
}

function contentOf({ id, event, n, point, value }: WireRecord): string {
  if (point !== undefined) return `${point} = ${value}`
  // Each epoch begins with an event of its own, which is not the test's.
  return n === undefined ? `event ${event} of ${id.split('/')[1]}` : `record ${n}`
}

function recordsIn(bytes: Uint8Array): WireRecord[] {
  const text = Buffer.from(bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString()
  return [JSON.parse(text) as WireRecord | WireRecord[]].flat()
}

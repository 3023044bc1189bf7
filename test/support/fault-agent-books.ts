/**
 * What the cloud has from one gateway, by id: it knows ids (`gateway/epoch/seq`), contents and the event records, and
 * nothing else. Unlike checker.ts it demands no order: salvaged records come behind newer ones.
 */
import type { Arrival } from './checker.ts'

/** Of salvaged records whose epochs could not be read, the epoch says so. */
const ID = /^[^/]+\/\d+(-salvaged)?-[0-9a-f]+\/\d+$/

export interface CloudEvent {
  readonly id: string
  readonly event: string
  readonly content: Readonly<Record<string, unknown>>
}

export class CloudBooks {
  readonly contents = new Map<string, string>()
  readonly events: CloudEvent[] = []
  /** Ids that came again with other content (P3). */
  readonly changed: string[] = []
  /** Messages that are no records. */
  readonly strange: string[] = []
  /** first number -> last one of holes that an `after` explains: not for this uplink. */
  readonly #holes = new Map<number, number>()

  add({ topic, payload }: Arrival): void {
    const parsed = JSON.parse(payload) as Record<string, unknown> | Record<string, unknown>[]
    for (const content of [parsed].flat()) {
      const id = content['record'] ?? content['id']
      if (typeof id !== 'string' || !ID.test(id)) this.strange.push(payload.slice(0, 200))
      else this.#addRecord(id, topic, content)
    }
  }

  #addRecord(id: string, topic: string, content: Record<string, unknown>): void {
    // What may differ when a record is sent again.
    const { late: _late, ts: _ts, clock: _clock, after, replay: _replay, ...rest } = content
    const fixed = `${topic} ${JSON.stringify(rest)}`
    if (typeof after === 'number') this.#holes.set(after + 1, partsOf(id).seq - 1)
    const known = this.contents.get(id)
    if (known !== undefined && known !== fixed) this.changed.push(id)
    this.contents.set(id, fixed)
    if (known === undefined && typeof content['event'] === 'string') {
      this.events.push({ id, event: content['event'], content })
    }
  }

  has(id: string): boolean {
    return this.contents.has(id)
  }

  eventsNamed(event: string): readonly CloudEvent[] {
    return this.events.filter((each) => each.event === event)
  }

  /** Highest seq that came of the newest epoch. */
  newest(): { readonly tag: string; readonly seq: number } {
    let newest = { tag: '', start: 0, seq: 0 }
    for (const id of this.contents.keys()) {
      const { tag, start, seq } = partsOf(id)
      if (start > newest.start || (start === newest.start && seq > newest.seq)) newest = { tag, start, seq }
    }
    return newest
  }

  /**
   * Ids that ought to be here and are not, without those that an event names as given up. Of every epoch whose `started`
   * came: from that number through the `stored_through` that the next `started` names, or through `head` for the newest.
   * Only `withHoles` is an `after` an excuse: where nothing is filtered, it would hide a loss.
   */
  missing(head: number, options: { readonly withHoles?: boolean } = {}): string[] {
    const begun = this.#begun()
    return begun.flatMap(({ prefix, first }, index) => {
      const next = begun[index + 1]
      const through = next ? next.storedThrough : head
      const missing: string[] = []
      for (let seq = first; seq <= through; seq += 1) {
        const holeEnd = options.withHoles ? this.#holes.get(seq) : undefined
        if (holeEnd !== undefined) seq = holeEnd + 1
        if (seq > through) break
        if (!this.has(`${prefix}${seq}`) && !this.isNamed(seq)) missing.push(`${prefix}${seq}`)
      }
      return missing
    })
  }

  /** Lies in the range of a `dropped` event. */
  isNamed(seq: number): boolean {
    return this.eventsNamed('dropped').some(
      ({ content }) => seq >= Number(content['first']) && seq <= Number(content['last']),
    )
  }

  /** Records given up, as the `dropped` events count them. */
  droppedCount(reason: string): number {
    const events = this.eventsNamed('dropped').filter(({ content }) => content['reason'] === reason)
    return events.reduce((sum, { content }) => sum + Number(content['count']), 0)
  }

  #begun() {
    return this.eventsNamed('started')
      .map(({ id, content }) => {
        const { start, seq } = partsOf(id)
        const previous = content['previous'] as { readonly stored_through: number } | undefined
        return {
          prefix: id.slice(0, id.lastIndexOf('/') + 1),
          start,
          first: seq,
          storedThrough: previous?.stored_through ?? 0,
        }
      })
      .sort((a, b) => a.start - b.start)
  }
}

function partsOf(id: string): { readonly tag: string; readonly start: number; readonly seq: number } {
  const [, tag = '', seq] = id.split('/')
  return { tag, start: Number.parseInt(tag, 10), seq: Number(seq) }
}

import type { DiskEvent } from './crashdisk-log.ts'
import type { Chance } from './seeded.ts'

/**
 * What a power cut makes of the writes that no completed flush covers. A disk with a volatile cache may keep none, all or
 * any of them, and may tear each at a sector.
 */
const fates = ['none', 'all', 'some', 'torn'] as const
export type UnflushedFate = (typeof fates)[number]

/** The power goes after the first `at` events. */
export interface Cut {
  readonly at: number
  readonly fate: UnflushedFate
}

/** Sectors are written whole: the unit of tearing every file system and SQLite count on. */
const SECTOR_BYTES = 512

/** Instants after the first mark, in order: half of them right after something was promised, where it is newest. */
export function planCuts(events: readonly DiskEvent[], count: number, chance: Chance): Cut[] {
  const marks = events.flatMap((event, index) => (event.kind === 'mark' ? [index] : []))
  const first = marks[0]
  if (first === undefined) throw new Error('nothing was ever promised: there is no mark in the disk log')
  const cuts = Array.from({ length: count }, (_, index): Cut => {
    const at = index % 2 === 0 ? chance.oneOf(marks) + 1 : chance.between(first + 1, events.length)
    return { at, fate: chance.oneOf(fates) }
  })
  return cuts.sort((a, b) => a.at - b.at)
}

/** Rebuilds the disk at one cut after the other; the cuts must come in order. */
export class DiskStates {
  readonly #events: readonly DiskEvent[]
  readonly #chance: Chance
  /** What has reached the medium for sure. */
  readonly #medium: Buffer
  #unflushed: (DiskEvent & { kind: 'write' })[] = []
  #position = 0

  constructor(base: Buffer, events: readonly DiskEvent[], chance: Chance) {
    this.#medium = Buffer.from(base)
    this.#events = events
    this.#chance = chance
  }

  /** The content of the disk when the power comes back. */
  after(cut: Cut): Buffer {
    if (cut.at < this.#position) throw new Error('cuts must come in the order of their instants')
    for (const event of this.#events.slice(this.#position, cut.at)) {
      if (event.kind === 'write') this.#unflushed.push(event)
      else if (event.kind === 'flush') this.#flush()
    }
    this.#position = cut.at
    const disk = Buffer.from(this.#medium)
    for (const write of this.#unflushed) this.#maybe(disk, write, cut.fate)
    return disk
  }

  #flush(): void {
    for (const { data, offset } of this.#unflushed) data.copy(this.#medium, offset)
    this.#unflushed = []
  }

  #maybe(disk: Buffer, write: { readonly data: Buffer; readonly offset: number }, fate: UnflushedFate): void {
    const { data, offset } = write
    switch (fate) {
      case 'none':
        return
      case 'all':
        data.copy(disk, offset)
        return
      case 'some':
        if (this.#chance.hits(0.5)) data.copy(disk, offset)
        return
      case 'torn':
        for (let from = 0; from < data.length; from += SECTOR_BYTES) {
          if (this.#chance.hits(0.5)) data.copy(disk, offset + from, from, Math.min(from + SECTOR_BYTES, data.length))
        }
    }
  }
}

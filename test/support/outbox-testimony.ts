import type { UplinkIdentity } from '../../src/outbox/opening.ts'

/** What all victims on one database said, read after the last of them is dead (see outbox-victim.ts). */
export const UPLINKS = ['north', 'south', 'west', 'east'] as const
export type UplinkName = (typeof UPLINKS)[number]

/** north: plain. south: live first. west: of one device only. east: at most once. */
export const IDENTITIES: readonly (UplinkIdentity & { readonly name: UplinkName })[] = [
  { name: 'north', startAt: 'tail' },
  { name: 'south', startAt: 'tail', order: 'live_first' },
  { name: 'west', startAt: 'tail', filter: { devices: ['meter'] } },
  { name: 'east', startAt: 'tail' },
]

/** What the kills interrupted. */
export interface Hits {
  /** A transaction that was not known to be synced. */
  transaction: number
  removal: number
  limit: number
  rejection: number
  /** The connection was lost, and what was in flight had not come again. */
  rewind: number
  /** The database or the outbox was being opened. */
  opening: number
}

const DROPPED = '"event":"dropped"'

/** An epoch, as the first record of the next one names it. */
interface Previous {
  readonly epoch: string
  readonly first: number
  readonly stored_through: number
}

export class Testimony {
  readonly confirmed = new Set<string>()
  readonly onlyNorth = new Set<string>()
  /** Not of the meter. */
  readonly ofPump = new Set<string>()
  /** Spent by east before it was sent, or about to be: a kill may take it. */
  readonly spent = new Set<string>()
  live = 0
  readonly held = new Set<string>()
  readonly mayBeGivenUp = new Set<string>()
  readonly bodies = new Map<string, string>()
  readonly tags = new Set<string>()
  readonly received = new Map<UplinkName, Set<string>>(UPLINKS.map((name) => [name, new Set()]))
  readonly broken: string[] = []
  readonly hits: Hits = { transaction: 0, removal: 0, limit: 0, rejection: 0, rewind: 0, opening: 0 }
  duplicates = 0
  /** Of the process that spoke last. */
  #life = { isRunning: false, isOpen: false }
  readonly #last = new Map<string, number>()
  readonly #rewound = new Set<string>()
  readonly #transactions = new Map<string, string>()

  /** Takes everything the victims wrote; a process that spoke is over when the next one does, or at the end. */
  constructor(text: string) {
    for (const line of text.split('\n')) if (line.endsWith(';')) this.#take(line.slice(0, -1))
    this.#end()
  }

  #take(line: string): void {
    const [word = '', first = '', second = ''] = line.split(' ', 3)
    switch (word) {
      case 'S':
        this.#end()
        this.#life.isRunning = true
        break
      case 'O':
        this.#life.isOpen = true
        if (this.tags.has(first)) this.broken.push(`epoch ${first} came again`)
        this.tags.add(first)
        break
      case 'C':
        this.#transactions.set(first, second)
        break
      case 'E':
        this.#transactions.delete(first)
        break
      case 'R':
        this.#rewound.add(first)
        this.#last.delete(first)
        this.#last.delete(`${first}, live`)
        break
      case 'D':
      case 'L':
        this.#rewound.delete(first)
        this.delivered(first as UplinkName, second, {
          body: line.slice(word.length + first.length + second.length + 3),
          isLive: word === 'L',
        })
        break
      case 'U':
        this.spent.add(first)
        // It may never be sent, and still says whom it was for.
        this.bodies.set(first, line.slice(word.length + first.length + 2))
        break
      default:
        this.#sets[word]?.add(first)
    }
  }

  readonly #sets: Readonly<Record<string, Set<string>>> = {
    A: this.confirmed,
    T: this.onlyNorth,
    P: this.ofPump,
    H: this.held,
    G: this.mayBeGivenUp,
  }

  /** Also to be called for what the survivor hands out. */
  delivered(name: UplinkName, id: string, { body, isLive }: { readonly body: string; readonly isLive: boolean }): void {
    const seq = Number(id.split('/')[2])
    const lane = isLive ? `${name}, live` : name
    const last = this.#last.get(lane) ?? 0
    if (seq <= last && !this.held.has(id)) this.broken.push(`${name} got ${id} behind ${last}`)
    // One that was passed over says nothing about those behind it.
    if (!this.held.has(id)) this.#last.set(lane, seq)
    if (isLive) this.live += 1
    if (name === 'west' && this.ofPump.has(id)) this.broken.push(`west got ${id}, which it does not want`)
    if (name === 'east' && this.received.get(name)?.has(id)) this.broken.push(`east got ${id} twice`)
    if ((this.bodies.get(id) ?? body) !== body) this.broken.push(`${id} stands for two things`)
    this.bodies.set(id, body)
    const received = this.received.get(name)
    if (received?.has(id)) this.duplicates += 1
    received?.add(id)
  }

  #end(): void {
    const { hits } = this
    const [running] = this.#transactions.values()
    if (running !== undefined) hits.transaction += 1
    if (running?.includes('r')) hits.removal += 1
    if (running?.includes('l')) hits.limit += 1
    if (running?.includes('x')) hits.rejection += 1
    if (this.#rewound.size > 0) hits.rewind += 1
    if (this.#life.isRunning && !this.#life.isOpen) hits.opening += 1
    this.#life = { isRunning: false, isOpen: false }
    this.#transactions.clear()
    this.#rewound.clear()
    this.#last.clear()
  }

  /** Does this uplink get the record, as far as nothing gives it up? */
  wants(name: UplinkName, id: string): boolean {
    // A record of the loss ledger is for the uplink that lost something.
    if (this.bodies.get(id)?.startsWith(DROPPED)) return this.received.get(name)?.has(id) ?? false
    if (name === 'west' && this.ofPump.has(id)) return false
    return name === 'north' || !this.onlyNorth.has(id)
  }

  /** It came, or was spent and may be lost for that. */
  #isSettled(name: UplinkName, id: string): boolean {
    return this.received.get(name)?.has(id) || (name === 'east' && this.spent.has(id))
  }

  /** P1: confirmed records that an uplink neither got nor lost to a limit. */
  lost(): string[] {
    return UPLINKS.flatMap((name) =>
      [...this.confirmed]
        .filter((id) => this.wants(name, id) && !this.#isSettled(name, id) && !this.mayBeGivenUp.has(id))
        .map((id) => `${name} never got ${id}`),
    )
  }

  /** The epochs that were named by the ones after them. */
  previous(): Previous[] {
    const starts = [...this.bodies.values()].filter((body) => body.startsWith('"event":"started"'))
    return starts.flatMap((body) => JSON.parse(`{${body}}`).previous ?? [])
  }

  /**
   * P4 from outside: of every epoch that is over, each number through `stored_through` came, or was for another uplink, or
   * was given up; what must be durable before anybody sees it was not seen above. Gives the numbers that were given up.
   */
  checkEpochs(): ReadonlyMap<UplinkName, number> {
    const givenUp = new Map<UplinkName, number>(UPLINKS.map((name) => [name, 0]))
    const through = new Map<string, number>()
    for (const { epoch, first, stored_through } of this.previous()) {
      through.set(epoch, stored_through)
      for (let seq = first; seq <= stored_through; seq += 1) {
        const id = `gw/${epoch}/${seq}`
        for (const name of UPLINKS) {
          if (!this.wants(name, id) || this.#isSettled(name, id)) continue
          if (this.mayBeGivenUp.has(id)) givenUp.set(name, (givenUp.get(name) ?? 0) + 1)
          else this.broken.push(`${name} never got ${id}, which is stored`)
        }
      }
    }
    for (const id of this.held) {
      const [, epoch = '', seq] = id.split('/')
      if (this.bodies.has(id) && Number(seq) > (through.get(epoch) ?? 0)) this.broken.push(`${id} was seen too early`)
    }
    for (const tag of this.tags) if (!through.has(tag)) this.broken.push(`no epoch names ${tag}`)
    return givenUp
  }

  /** What the records of the loss ledger say was given up, per uplink. */
  toldDropped(): ReadonlyMap<UplinkName, number> {
    const told = new Map<UplinkName, number>()
    for (const name of UPLINKS) {
      let sum = 0
      for (const id of this.received.get(name) ?? []) {
        const body = this.bodies.get(id) ?? ''
        if (body.startsWith(DROPPED)) sum += Number(JSON.parse(`{${body}}`).count)
      }
      told.set(name, sum)
    }
    return told
  }
}

import type { DiskEvent } from './crashdisk-log.ts'

/** What the writer says about itself on the mark file, each before or after the moment it names. */
export type Mark =
  /** After the outbox was opened: a new epoch, durable. */
  | { readonly mark: 'epoch'; readonly tag: string; readonly first: number }
  /** Before an append: numbers up to this may exist from now on. `outcome`: the last of them is an outcome. */
  | { readonly mark: 'issued'; readonly through: number; readonly outcome?: true }
  /** After a sync: everything up to this is stored or settled. */
  | { readonly mark: 'stored'; readonly through: number }
  /**
   * Before an uplink settles these numbers: the cloud has them, or refused them. `outcomes`: ids of the commands among
   * them; `losses`: numbers of the records of its loss ledger.
   */
  | {
      readonly mark: 'acked'
      readonly uplink: string
      readonly seqs: readonly number[]
      readonly outcomes: readonly string[]
      readonly losses: readonly number[]
    }
  /** Before a limit may give these numbers up. */
  | { readonly mark: 'given'; readonly seqs: readonly number[] }
  /** After a clean stop. */
  | { readonly mark: 'closed'; readonly tag: string; readonly through: number }
  /** After a command was accepted: it would now be confirmed to the cloud. */
  | { readonly mark: 'command'; readonly key: string; readonly id: string; readonly value: number }
  /** A device is written. */
  | { readonly mark: 'written'; readonly value: number }
  /** After the transaction that settled a command. */
  | { readonly mark: 'outcome'; readonly id: string; readonly state: string; readonly seq: number }

/** Everything that had been promised at one instant. */
export interface Promised {
  readonly epochs: readonly { readonly tag: string; readonly first: number }[]
  readonly issuedThrough: number
  readonly storedThrough: number
  /** uplink -> numbers the cloud has */
  readonly acked: ReadonlyMap<string, ReadonlySet<number>>
  readonly ackedOutcomes: ReadonlySet<string>
  /** uplink -> numbers that only it wants */
  readonly ackedLosses: ReadonlyMap<string, ReadonlySet<number>>
  /** Numbers that a limit may have given up. */
  readonly given: ReadonlySet<number>
  readonly closed: ReadonlySet<string>
  readonly commands: readonly { readonly key: string; readonly id: string; readonly value: number }[]
  readonly written: ReadonlySet<number>
  /** command id -> final state */
  readonly outcomes: ReadonlyMap<string, string>
  /** Numbers of outcome records that were begun. */
  readonly outcomeSeqs: ReadonlySet<number>
}

/** What stood on the mark file after the first `at` events. */
export function promisedAt(events: readonly DiskEvent[], at: number): Promised {
  const acked = new Map<string, Set<number>>()
  const ackedLosses = new Map<string, Set<number>>()
  const promised = {
    epochs: [] as { tag: string; first: number }[],
    issuedThrough: 0,
    storedThrough: 0,
    acked,
    ackedOutcomes: new Set<string>(),
    ackedLosses,
    given: new Set<number>(),
    closed: new Set<string>(),
    commands: [] as { key: string; id: string; value: number }[],
    written: new Set<number>(),
    outcomes: new Map<string, string>(),
    outcomeSeqs: new Set<number>(),
  }
  for (const event of events.slice(0, at)) {
    if (event.kind !== 'mark') continue
    const mark = JSON.parse(event.text) as Mark
    switch (mark.mark) {
      case 'epoch':
        promised.epochs.push(mark)
        promised.issuedThrough = Math.max(promised.issuedThrough, mark.first)
        break
      case 'issued':
        promised.issuedThrough = Math.max(promised.issuedThrough, mark.through)
        if (mark.outcome) promised.outcomeSeqs.add(mark.through)
        break
      case 'stored':
        promised.storedThrough = Math.max(promised.storedThrough, mark.through)
        break
      case 'acked': {
        addAll(acked, mark.uplink, mark.seqs)
        addAll(ackedLosses, mark.uplink, mark.losses)
        for (const id of mark.outcomes) promised.ackedOutcomes.add(id)
        break
      }
      case 'given':
        for (const seq of mark.seqs) promised.given.add(seq)
        break
      case 'closed':
        promised.closed.add(mark.tag)
        promised.storedThrough = Math.max(promised.storedThrough, mark.through)
        break
      case 'command':
        promised.commands.push(mark)
        break
      case 'written':
        promised.written.add(mark.value)
        break
      case 'outcome':
        promised.outcomes.set(mark.id, mark.state)
        promised.storedThrough = Math.max(promised.storedThrough, mark.seq)
        break
    }
  }
  return promised
}

function addAll(sets: Map<string, Set<number>>, name: string, seqs: readonly number[]): void {
  const set = sets.get(name) ?? new Set()
  sets.set(name, set)
  for (const seq of seqs) set.add(seq)
}

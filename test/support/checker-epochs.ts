import type { ArrivedRecord } from './checker.ts'

/** What a `started` event says of the epoch before. */
export interface Previous {
  readonly epoch: string
  readonly first: number
  readonly stored_through: number
  readonly clean: boolean
}

/** One run of the agent, as the cloud can know it. */
export interface EpochView {
  readonly tag: string
  readonly first: number
  readonly arrivedThrough: number
  /** Named by the next epoch; undefined for the newest. */
  readonly storedThrough: number | undefined
  readonly clean: boolean | undefined
  /** Records that arrived although they had never become durable. */
  readonly arrivedUnstored: number
}

/** The epochs in order. What is wrong with their first events goes to `faults`. */
export function viewEpochs(records: readonly ArrivedRecord[], faults: string[]): EpochView[] {
  const groups = [...Map.groupBy(records, (record) => record.epoch).values()]
  const began = groups.map(([first]) => previousOf(first))
  return groups.map((group, index) => {
    const first = group[0]?.seq ?? 0
    const tag = group[0]?.epoch ?? ''
    if (group[0]?.content['event'] !== 'started') faults.push(`${tag} does not begin with its started event`)
    const next = began[index + 1]
    if (next && (next.epoch !== tag || next.first !== first)) {
      faults.push(`${tag} began at ${first}, the next epoch names ${next.epoch} from ${next.first}`)
    }
    if (groups[index + 1] && !next) faults.push(`the epoch after ${tag} names none before`)
    const storedThrough = next?.stored_through
    return {
      tag,
      first,
      arrivedThrough: group.at(-1)?.seq ?? 0,
      storedThrough,
      clean: next?.clean,
      arrivedUnstored: group.filter(({ seq }) => storedThrough !== undefined && seq > storedThrough).length,
    }
  })
}

function previousOf(first: ArrivedRecord | undefined): Previous | undefined {
  return first?.content['event'] === 'started' ? (first.content['previous'] as Previous | undefined) : undefined
}

/** Numbers must go on without a gap, and only what the next epoch names may be missing. */
export function epochFaults(records: readonly ArrivedRecord[], epochs: readonly EpochView[]): string[] {
  const ids = new Set(records.map(({ epoch, seq }) => `${epoch}/${seq}`))
  const excused = excusedNumbers(records)
  return epochs.flatMap((epoch, index) => {
    const { tag, first, arrivedThrough, storedThrough = arrivedThrough, clean } = epoch
    const faults: string[] = []
    const next = epochs[index + 1]
    if (next && next.first !== storedThrough + 1) {
      faults.push(`${next.tag} begins at ${next.first} after ${tag}, which was stored through ${storedThrough}`)
    }
    if (clean && arrivedThrough > storedThrough)
      faults.push(`${tag} ended cleanly, yet ${arrivedThrough} was not stored`)
    // What never became durable but arrived must not have a gap either: only a tail of numbers may never come.
    const missing = rangeOf(first, Math.max(storedThrough, arrivedThrough)).filter(
      (seq) => !ids.has(`${tag}/${seq}`) && !excused.has(seq),
    )
    if (missing.length > 0)
      faults.push(`${tag} lacks ${missing.length} numbers, first ${missing[0]}, last ${missing.at(-1)}`)
    const lied = rangeOf(first, storedThrough).filter((seq) => ids.has(`${tag}/${seq}`) && excused.has(seq))
    if (lied.length > 0) faults.push(`${tag}: an "after" says that ${lied[0]} does not come, but it did`)
    return faults
  })
}

/** Numbers that some record's `after` says are not for this uplink. */
export function excusedNumbers(records: readonly ArrivedRecord[]): Set<number> {
  const excused = new Set<number>()
  for (const { seq, content } of records) {
    const { after } = content
    if (typeof after === 'number') for (const number of rangeOf(after + 1, seq - 1)) excused.add(number)
  }
  return excused
}

function rangeOf(from: number, through: number): number[] {
  return Array.from({ length: Math.max(0, through - from + 1) }, (_, index) => from + index)
}

/** What may have happened to commands while a gateway was killed again and again (P8), from the device and the cloud. */

/** How a key is configured: may it be written again after a crash, and do newer ones replace older ones? */
export interface KeyRules {
  readonly repeatable: boolean
  readonly queue: boolean
}

export interface SentCommand {
  readonly id: string
  readonly key: string
  /** Value and rank: of two commands of a key the one with the higher number is the newer. No two have the same. */
  readonly number: number
  /** Unix ms. */
  readonly expiresAt?: number
}

export interface SeenWrite {
  readonly key: string
  readonly number: number
  /** Lives of the gateway are counted from 0. */
  readonly life: number
}

export interface ToldOutcome {
  readonly record: string
  readonly id: string
  readonly state: string
  readonly superseded_by?: string
}

export interface CommandRun {
  readonly keys: Readonly<Record<string, KeyRules>>
  readonly sent: readonly SentCommand[]
  readonly written: readonly SeenWrite[]
  readonly told: readonly ToldOutcome[]
  /** When each life of the gateway began, in Unix ms. */
  readonly lives: readonly number[]
}

export interface CommandVerdict {
  /** One sentence each; none is what is wanted. */
  readonly faults: readonly string[]
  /** Commands that ended so. */
  readonly states: Readonly<Record<string, number>>
  /** Writes of what had been written in an earlier life. */
  readonly repeatedWrites: number
}

/** Nothing in such a run is malformed, refused by the device or cancelled. */
const endings = ['applied', 'verified', 'superseded', 'expired', 'unknown']
/** After so many crashes in attempts a command itself is suspected. */
const CRASHES_SUSPECT = 5

export function judgeCommands(run: CommandRun): CommandVerdict {
  const states = endStates(run)
  const faults = [...outcomeFaults(run, states), ...writeFaults(run), ...agreementFaults(run, states)]
  const counts: Record<string, number> = {}
  for (const { state } of states.values()) counts[state] = (counts[state] ?? 0) + 1
  const different = new Set(run.written.map(({ key, number }) => `${key} ${number}`))
  return { faults, states: counts, repeatedWrites: run.written.length - different.size }
}

/** What the sender of each command was told first. */
function endStates({ told }: CommandRun): ReadonlyMap<string, ToldOutcome> {
  const states = new Map<string, ToldOutcome>()
  for (const outcome of told) if (!states.has(outcome.id)) states.set(outcome.id, outcome)
  return states
}

/** Every command ends once, and who is told again is told the same. */
function outcomeFaults(run: CommandRun, states: ReadonlyMap<string, ToldOutcome>): string[] {
  const faults: string[] = []
  const sent = new Map(run.sent.map((command) => [command.id, command]))
  const records = new Map<string, string>()
  for (const { id } of run.sent) if (!states.has(id)) faults.push(`nobody was told what became of ${id}`)
  for (const outcome of run.told) {
    const { id, state, superseded_by: by, record } = outcome
    const command = sent.get(id)
    if (!command) faults.push(`${id} was never sent, and is told as ${state}`)
    const first = states.get(id)
    if (first?.state !== state || first.superseded_by !== by) faults.push(`${id} is ${first?.state}, and then ${state}`)
    // Not with what may differ: whether it came late.
    const text = JSON.stringify([id, state, by])
    if ((records.get(record) ?? text) !== text) faults.push(`record ${record} came with other content`)
    records.set(record, text)
    if (state !== 'superseded' || !command) continue
    const newer = sent.get(by ?? '')
    if (newer?.key !== command.key || newer.number <= command.number) faults.push(`${id} was superseded by ${by}`)
  }
  return faults
}

/** At the device: never an older one after a newer one, never one twice that must not be, never an expired one. */
function writeFaults({ keys, sent, written, lives }: CommandRun): string[] {
  const faults: string[] = []
  const last = new Map<string, SeenWrite>()
  for (const write of written) {
    const { key, number, life } = write
    const command = sent.find((one) => one.key === key && one.number === number)
    const what = `${key} ${number} in life ${life}`
    if (!command) faults.push(`${what}: was written and never sent`)
    const before = last.get(key)
    last.set(key, write)
    if (before && before.number > number) faults.push(`${what}: written after ${before.number}`)
    if (before?.number === number) {
      if (!keys[key]?.repeatable) faults.push(`${what}: written again, and it is not repeatable`)
      else if (before.life === life) faults.push(`${what}: written twice in one life`)
    }
    // When the gateway began to live after the end of its time, no race between clock and wire excuses it.
    const began = lives[life] ?? 0
    if (command?.expiresAt !== undefined && command.expiresAt < began) faults.push(`${what}: written, and expired`)
  }
  return faults
}

/** What the sender was told is what the device saw. */
function agreementFaults({ keys, sent, written }: CommandRun, states: ReadonlyMap<string, ToldOutcome>): string[] {
  const faults: string[] = []
  for (const { id, key, number, expiresAt } of sent) {
    const state = states.get(id)?.state ?? 'not told'
    const writes = written.filter((write) => write.key === key && write.number === number).length
    const { repeatable = false, queue = false } = keys[key] ?? {}
    if (!endings.includes(state)) faults.push(`${id} is ${state}`)
    if ((state === 'applied' || state === 'verified') && writes === 0)
      faults.push(`${id} is ${state} and was not written`)
    if (state === 'superseded' && queue) faults.push(`${id} is a job, and was superseded`)
    // One that may be written again is tried again, until its time is over or too many lives ended with it.
    const isGivenUp = expiresAt !== undefined || writes >= CRASHES_SUSPECT
    if (state === 'unknown' && repeatable && !isGivenUp) faults.push(`${id} is repeatable, and unknown`)
    const isDenied = state === 'expired' || (state === 'superseded' && !repeatable)
    if (isDenied && writes > 0) faults.push(`${id} is ${state}, and was written`)
  }
  return faults
}

import type { CommandSettings } from '../command-settings.ts'
import type { NewRecord } from '../model.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { take } from './allowance.ts'
import type { Command, Highest } from './command.ts'
import { type Decision, decide, type KeyRules, type KeyState, type Known, type Outcome, type Step } from './decide.ts'
import { isRecent, type Now, REDELIVERY_MAX_MS, stampOf } from './expiry.ts'
import { resetOperation } from './history.ts'
import { Lane } from './lane.ts'
import { findQuestion, fromRow, settleOperation } from './operations.ts'
import { outcomeRecord } from './outcome.ts'
import { type Room, sizeOf } from './room.ts'
import type { Target } from './target.ts'

/** Steps decided together. One decision is one job of the storage thread, which must stay below 50 ms. */
const BATCH_MAX = 256

/** What a key needs of the inbox around it. */
export interface KeyHost {
  readonly storage: Storage
  readonly report: (record: NewRecord) => Operation
  readonly now: () => Now
  /** Asks again until the storage answers. */
  readonly read: <Result>(question: Operation<Result>) => Promise<Result>
  /** What else may wait over all keys. */
  readonly room: () => Room
  /** Called when a decision is durable. */
  readonly onDecided: (decision: Decision) => void
}

/**
 * One command key: its live commands, and the one transition that may be open at a time. The next one is decided after
 * the commit of the last, with everything that came meanwhile.
 */
export class CommandKey {
  readonly settings: CommandSettings
  readonly target: Target
  readonly rules: KeyRules
  /** Final states since the start, and how many of its commands ended in each. */
  readonly finished: Record<string, number> = {}
  readonly #host: KeyHost
  readonly #lane: Lane<Step, boolean>
  readonly #sizes = new WeakMap<Command, number>()
  #state: KeyState = { live: [] }
  #waitingBytes = 0

  constructor(settings: CommandSettings, target: Target, host: KeyHost) {
    this.settings = settings
    this.target = target
    this.#host = host
    const { key, mode, repeatable, rate, waitingMax } = settings
    const readable = target.look !== undefined
    this.rules = { key, mode, repeatable, readable, ...(rate ? { rate } : {}), waitingMax }
    this.#lane = new Lane(BATCH_MAX, (steps) => this.#transition(steps))
  }

  /** Waiting and applying, in order of arrival, as far as durable. */
  get live(): readonly Command[] {
    return this.#state.live
  }

  /** Of what is live, what `sizeOf` counts. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get highest(): Highest | undefined {
    return this.#state.highest
  }

  /** After how many ms the rate allows the next attempt, seen from CLOCK_MONOTONIC in ms. */
  rateWaitMs(mono: number): number {
    const { rate, mode } = this.rules
    return rate && mode === 'last_value' ? take(rate, this.#state.allowance, mono).waitMs : 0
  }

  count(state: string): void {
    this.finished[state] = (this.finished[state] ?? 0) + 1
  }

  /** Stores what is under way, and the highest version. */
  known(): Operation {
    return settleOperation(
      [...this.#state.live],
      this.#state.highest && { key: this.rules.key, ...this.#state.highest },
    )
  }

  /** Takes over what the storage holds, before the first step. */
  restore(live: readonly Command[], highest: Highest | undefined): void {
    this.#become({ live, ...(highest ? { highest } : {}) })
  }

  /** Resolves when the step and its outcomes are durable: true if it took place. */
  submit(step: Step): Promise<boolean> {
    return this.#lane.submit(step)
  }

  async #transition(steps: readonly Step[]): Promise<readonly boolean[]> {
    const known = await this.#lookUp(steps)
    const now = this.#host.now()
    // Attempts begin last, so that none begins with a command that a delivery of the same batch supersedes.
    const order = [...steps.keys()].sort((a, b) => rank(steps[a]) - rank(steps[b]) || a - b)
    const ordered = order.map((index) => steps[index]).filter((step) => step !== undefined)
    const decision = decide(this.rules, this.#state, {
      steps: ordered,
      known,
      at: stampOf(now),
      room: this.#host.room(),
    })
    const operations = this.#operations(decision, now)
    if (operations.length > 0) await this.#host.storage.transact(operations)
    this.#become(decision.state)
    this.#host.onDecided(decision)
    const results = new Map(order.map((index, position) => [index, decision.done[position] ?? false]))
    return steps.map((_step, index) => results.get(index) ?? false)
  }

  #become(state: KeyState): void {
    this.#state = state
    this.#waitingBytes = 0
    for (const command of state.live) {
      const size = this.#sizes.get(command) ?? sizeOf(command)
      this.#sizes.set(command, size)
      this.#waitingBytes += size
    }
  }

  /** The decision and its outcomes in one job. `report` gives a record its seq, so it is called right before the job. */
  #operations(decision: Decision, now: Now): readonly Operation[] {
    const { changed, outcomes, state, forgotten } = decision
    const raised = state.highest !== this.#state.highest ? state.highest : undefined
    const settle = settleOperation(changed, raised && { key: this.rules.key, ...raised })
    return [
      ...(forgotten ? [resetOperation(this.rules.key)] : []),
      ...(changed.length > 0 || raised ? [settle] : []),
      ...outcomes.map((outcome) => this.#host.report(recordOf(outcome, now))),
    ]
  }

  /** Only repeats need the storage: what has an id of its own, and what the cloud marks as sent before. */
  async #lookUp(steps: readonly Step[]): Promise<Known> {
    const arrivals = steps.filter((step) => step.step === 'arrive').map((step) => step.arrival)
    const ids = arrivals.filter((arrival) => arrival.ownId).map((arrival) => arrival.id)
    const redeliveries = arrivals.flatMap((arrival) => (arrival.resent && arrival.redelivery) || [])
    if (ids.length + redeliveries.length === 0) return { byId: new Map(), redeliveries: new Set() }
    const rows = await this.#host.read(findQuestion({ key: this.rules.key, ids, redeliveries }))
    const now = this.#host.now()
    const commands = rows.map(fromRow)
    const recent = commands.filter((command) => isRecent(command.deadline.arrived, now, REDELIVERY_MAX_MS))
    return {
      byId: new Map(commands.map((command) => [command.id, command])),
      redeliveries: new Set(recent.flatMap((command) => command.redelivery ?? [])),
    }
  }
}

function rank(step: Step | undefined): number {
  return step?.step === 'begin' ? 1 : 0
}

function recordOf(outcome: Outcome, now: Now): NewRecord {
  const { command, to, reply } = outcome
  return outcomeRecord(command, { to, mono: now.mono, ...(reply ? { reply } : {}) })
}

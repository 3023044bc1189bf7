/**
 * The state machine of one command key (P8): never an older command after a newer one, nothing twice. Pure: it takes what
 * stands and a batch of steps, and gives what stands afterwards, what changed and which outcomes are to be told. The
 * caller makes that durable in one transaction before anything of it counts.
 *
 *   arrive -> (duplicate | refused | superseded | expired) | waiting -> applying -> applied | verified | failed | unknown
 *                                                            waiting -> superseded | expired | cancelled
 */
import type { Reply } from '../model.ts'
import { type Allowance, type Rate, take } from './allowance.ts'
import {
  type Command,
  type Deadline,
  type FinalState,
  type Highest,
  highestOf,
  isFinal,
  type Stamp,
  withLast,
} from './command.ts'
import { aheadReason, unjudgedIssueTime } from './issued.ts'
import { REASON_LENGTH_MAX, shorten } from './outcome.ts'
import { type Room, sizeOf } from './room.ts'
import type { CommandValue } from './value.ts'

/** Attempts of one command that the agent may not survive: beyond it the command itself is suspected. */
export const CRASHES_MAX = 5

/** What decisions about a key depend on and no step changes. */
export interface KeyRules {
  readonly key: string
  readonly mode: 'last_value' | 'queue'
  readonly repeatable: boolean
  /** The point can be read, so that a doubt can be settled by looking. */
  readonly readable: boolean
  /** How many attempts may begin; of a queue, how many commands may come. Absent: any number. */
  readonly rate?: Rate
  /** Commands that may wait at a time (mode queue); more are refused, so that the sender knows and memory is bounded. */
  readonly waitingMax: number
}

export interface KeyState {
  /** Waiting and applying, in order of arrival. */
  readonly live: readonly Command[]
  readonly highest?: Highest
  /** What is left of the rate. Not stored: with every start all of it is there. */
  readonly allowance?: Allowance
}

/** A delivery, understood as far as possible. */
export interface Arrival {
  readonly uplink: string
  readonly arrival: number
  readonly reply?: Reply
  readonly id: string
  /** The sender gave the id, so that another command may have it. */
  readonly ownId: boolean
  readonly value?: CommandValue
  readonly version?: number
  readonly deadline: Deadline
  /** Set where there is no id of the sender's to recognise it by. */
  readonly redelivery?: string
  /** The cloud says that it may have sent this before; only then `redelivery` is looked at. */
  readonly resent?: boolean
  /** Why it cannot be accepted. */
  readonly refused?: string
  /** Its time was over when it came, and why. */
  readonly expired?: string
}

export type Step =
  | { readonly step: 'arrive'; readonly arrival: Arrival }
  /** An attempt is about to begin. */
  | { readonly step: 'begin'; readonly id: string }
  | {
      readonly step: 'end'
      readonly id: string
      readonly state: FinalState
      readonly reason?: string
      /** See `Command`. */
      readonly readBack?: CommandValue
    }
  /** The attempt did not succeed; another one may. */
  | { readonly step: 'again'; readonly id: string; readonly doubt: boolean; readonly reason: string }
  /** No attempt shall follow. `inAttempt`: one has begun, but nothing was written in it. */
  | {
      readonly step: 'leave'
      readonly id: string
      readonly state: 'expired' | 'cancelled'
      readonly reason: string
      readonly inAttempt?: boolean
    }
  /** The agent died in the attempt. */
  | { readonly step: 'crashed'; readonly id: string }
  /** By hand: the highest version is to be forgotten. */
  | { readonly step: 'forget' }

/** What the storage knows of the ids and fingerprints in the batch, beyond what is live. */
export interface Known {
  readonly byId: ReadonlyMap<string, Command>
  /** Fingerprints recent enough to count. */
  readonly redeliveries: ReadonlySet<string>
}

export interface Outcome {
  readonly command: Command
  /** The uplink that is told. */
  readonly to: string
  /** Where whoever asked wants it. */
  readonly reply?: Reply
  /** Told before, and told again because the sender asked again. */
  readonly repeated: boolean
}

export interface Decision {
  readonly state: KeyState
  /** Every command that is new or different, as it is afterwards. */
  readonly changed: readonly Command[]
  readonly outcomes: readonly Outcome[]
  /** The highest version that stood before is forgotten; that in `state`, if there is one, came after it. */
  readonly forgotten: boolean
  /** Deliveries of commands that were known already. */
  readonly duplicates: number
  /** For each step: did it take place? */
  readonly done: readonly boolean[]
}

export interface Batch {
  readonly steps: readonly Step[]
  readonly known: Known
  readonly at: Stamp
  /** What else may wait over all keys; absent: anything. */
  readonly room?: Room
}

export function decide(rules: KeyRules, before: KeyState, batch: Batch): Decision {
  const desk = new Desk(rules, before, batch)
  const done = batch.steps.map((step) => desk.take(step))
  return desk.decision(done)
}

const doubtful = 'an attempt before may have reached the device'
const agentEnded = 'the agent ended during an attempt'

/** The working copy while a batch is decided. */
class Desk {
  readonly #rules: KeyRules
  readonly #known: Known
  readonly #at: Stamp
  readonly #live: Map<string, Command>
  readonly #changed = new Map<string, Command>()
  readonly #outcomes: Outcome[] = []
  readonly #redeliveries: Set<string>
  #highest: Highest | undefined
  #allowance: Allowance | undefined
  #room: Room
  #duplicates = 0
  #forgotten = false

  constructor(rules: KeyRules, before: KeyState, batch: Batch) {
    this.#rules = rules
    this.#known = batch.known
    this.#at = batch.at
    this.#redeliveries = new Set(batch.known.redeliveries)
    this.#live = new Map(before.live.map((command) => [command.id, command]))
    this.#highest = before.highest
    this.#allowance = before.allowance
    this.#room = batch.room ?? { commands: Infinity, bytes: Infinity }
    if (this.#at.wall !== undefined) this.#judgeIssueTimes(this.#at.wall)
  }

  decision(done: readonly boolean[]): Decision {
    return {
      state: {
        live: [...this.#live.values()],
        ...(this.#highest ? { highest: this.#highest } : {}),
        ...(this.#allowance ? { allowance: this.#allowance } : {}),
      },
      changed: [...this.#changed.values()],
      outcomes: this.#outcomes,
      forgotten: this.#forgotten,
      duplicates: this.#duplicates,
      done,
    }
  }

  take(step: Step): boolean {
    if (step.step === 'arrive') return this.#arrive(step.arrival)
    if (step.step === 'forget') return this.#forget()
    const command = this.#live.get(step.id)
    if (!command) return false
    switch (step.step) {
      case 'begin':
        return this.#begin(command)
      case 'end': {
        const { step: _step, id: _id, state, ...why } = step
        this.#finish(command, state, why)
        return true
      }
      case 'again':
        this.#again(command, step)
        return true
      case 'leave':
        return this.#leave(command, step)
      case 'crashed':
        this.#crashed(command)
        return true
    }
  }

  /** The clock is known: times of issue that nobody could judge are refused, or count as versions from now on. */
  #judgeIssueTimes(wall: number): void {
    for (const command of this.#live.values()) {
      const issuedAt = unjudgedIssueTime(command)
      if (issuedAt === undefined || command.attempts > 0) continue
      const reason = aheadReason(issuedAt, wall)
      if (reason !== undefined) this.#finish(command, 'refused', { reason })
      else if (this.#rules.mode === 'last_value' && issuedAt > (this.#highest?.version ?? -Infinity))
        this.#highest = { version: issuedAt, id: command.id }
    }
  }

  #arrive(arrival: Arrival): boolean {
    if (this.#isDuplicate(arrival)) return false
    const command = newCommand(this.#rules.key, arrival)
    const refused = arrival.refused ?? this.#tooMany(arrival)
    if (refused !== undefined) this.#finish(command, 'refused', { reason: refused })
    else if (this.#rules.mode === 'queue') this.#enqueue(command, arrival.expired)
    else this.#replace(command, arrival.expired)
    return true
  }

  /** The stored outcome answers a repeat; that of a command under way goes to where the latest of them wants it. */
  #isDuplicate(arrival: Arrival): boolean {
    const known = this.#changed.get(arrival.id) ?? this.#live.get(arrival.id) ?? this.#known.byId.get(arrival.id)
    const { redelivery } = arrival
    const resent = arrival.resent === true && redelivery !== undefined && this.#redeliveries.has(redelivery)
    if (!known && !resent) {
      if (redelivery !== undefined) this.#redeliveries.add(redelivery)
      return false
    }
    this.#duplicates += 1
    const { uplink, reply } = arrival
    if (known && isFinal(known.state)) {
      this.#outcomes.push({ command: known, to: uplink, ...(reply ? { reply } : {}), repeated: true })
      return true
    }
    const live = this.#live.get(arrival.id)
    if (live && reply && live.uplink === uplink) this.#set({ ...live, reply })
    return true
  }

  /**
   * Counted when they come, so that a disk that holds them up makes no flood of them. Repeats do not count. Of desired values
   * none is refused, because the newest must win: there the attempts are counted.
   */
  #tooMany({ deadline, expired }: Arrival): string | undefined {
    const { rate, mode } = this.#rules
    if (!rate || mode === 'last_value' || expired !== undefined) return undefined
    const { after, waitMs } = take(rate, this.#allowance, deadline.arrived.mono)
    this.#allowance = after
    if (waitMs === 0) return undefined
    return `more than ${rate.commands} in ${rate.perMs / 1_000} s; possible again in ${Math.ceil(waitMs / 1_000)} s`
  }

  #enqueue(command: Command, expired: string | undefined): void {
    if (expired !== undefined) this.#finish(command, 'expired', { reason: expired })
    else if (this.#live.size >= this.#rules.waitingMax) {
      const reason = `${this.#live.size} commands wait already, at most ${this.#rules.waitingMax} may`
      this.#finish(command, 'refused', { reason })
    } else {
      const room = { commands: this.#room.commands - 1, bytes: this.#room.bytes - sizeOf(command) }
      if (room.commands < 0 || room.bytes < 0) {
        this.#finish(command, 'refused', { reason: 'too many commands wait already, of all keys together' })
        return
      }
      this.#room = room
      this.#set(command)
    }
  }

  /**
   * Newest: if both have a version the higher, else arrival. A command that came too late to be applied still replaces
   * older ones when its version proves that it is newer; without versions it was probably just delayed. One in an attempt
   * has that attempt and no further one, whatever becomes of the newer one.
   */
  #replace(command: Command, expired: string | undefined): void {
    const { version } = command
    const highest = highestOf(this.#live.values(), this.#highest)
    if (version !== undefined && highest && version <= highest.version) {
      const reason = `version ${version} is not above ${highest.version}`
      this.#finish(command, 'superseded', { reason, supersededBy: highest.id })
      return
    }
    if (version !== undefined && unjudgedIssueTime(command) === undefined) this.#highest = { version, id: command.id }
    for (const older of this.#live.values()) {
      if (expired !== undefined && (version === undefined || older.version === undefined)) continue
      if (older.state === 'waiting') this.#supersede(older, command.id)
      else this.#set({ ...older, supersededBy: command.id })
    }
    if (expired === undefined) this.#set(command)
    else this.#finish(command, 'expired', { reason: expired })
  }

  #begin(command: Command): boolean {
    const busy = [...this.#live.values()].some((other) => other.state === 'applying')
    if (command.state !== 'waiting' || busy || !this.#mayBegin()) return false
    this.#set({ ...command, state: 'applying', attempts: command.attempts + 1 })
    return true
  }

  #mayBegin(): boolean {
    const { rate, mode } = this.#rules
    if (!rate || mode === 'queue') return true
    const { after, waitMs } = take(rate, this.#allowance, this.#at.mono)
    this.#allowance = after
    return waitMs === 0
  }

  /** Back to waiting, unless a newer one came during the attempt: then this one has no further turn. */
  #again(command: Command, step: { readonly doubt: boolean; readonly reason: string }): void {
    const waiting: Command = { ...command, state: 'waiting', doubt: command.doubt || step.doubt, reason: step.reason }
    if (command.supersededBy === undefined) this.#set(waiting)
    else this.#supersede(waiting, command.supersededBy)
  }

  /** A command that may have been applied neither expires nor is cancelled: nobody knows what became of it. */
  #leave(command: Command, step: Step & { readonly step: 'leave' }): boolean {
    if (command.state !== 'waiting' && step.inAttempt !== true) return false
    if (command.doubt) {
      this.#finish(command, 'unknown', { reason: withLast(`${step.state}: ${step.reason}; ${doubtful}`, command) })
    } else this.#finish(command, step.state, { reason: withLast(step.reason, command) })
    return true
  }

  #crashed(command: Command): void {
    if (command.state !== 'applying') return
    const crashes = command.crashes + 1
    const died: Command = { ...command, crashes, doubt: true }
    const { repeatable, readable } = this.#rules
    if (crashes > CRASHES_MAX) {
      this.#finish(died, 'unknown', { reason: `${agentEnded}, ${crashes} times` })
      return
    }
    const reason = command.reason?.startsWith(agentEnded) ? command.reason : withLast(agentEnded, command)
    if (repeatable || readable) this.#again(died, { doubt: true, reason })
    else this.#finish(died, 'unknown', { reason })
  }

  /** Not while a command with a version is under way: one that is older and comes late would take its place (P8). */
  #forget(): boolean {
    const counts = this.#rules.mode === 'last_value'
    if (counts && [...this.#live.values()].some(({ version }) => version !== undefined)) return false
    this.#highest = undefined
    this.#forgotten = true
    return true
  }

  /** What must not be repeated and may have been done is not superseded but unknown, and says what came after it. */
  #supersede(command: Command, supersededBy: string): void {
    const reason = withLast(doubtful, command)
    if (!command.doubt) this.#finish(command, 'superseded', { supersededBy })
    else this.#finish(command, this.#rules.repeatable ? 'superseded' : 'unknown', { reason, supersededBy })
  }

  #set(command: Command): void {
    this.#live.set(command.id, command)
    this.#changed.set(command.id, command)
  }

  #finish(command: Command, state: FinalState, why: Pick<Command, 'reason' | 'supersededBy' | 'readBack'>): void {
    const { reason: _reason, supersededBy: _by, ...rest } = command
    const reason = why.reason === undefined ? {} : { reason: shorten(why.reason, REASON_LENGTH_MAX) }
    const finished: Command = { ...rest, state, ...why, ...reason, finished: this.#at }
    this.#live.delete(command.id)
    this.#changed.set(command.id, finished)
    const reply = command.reply ? { reply: command.reply } : {}
    this.#outcomes.push({ command: finished, to: command.uplink, ...reply, repeated: false })
  }
}

function newCommand(key: string, arrival: Arrival): Command {
  const { id, uplink, reply, value, version, deadline, redelivery } = arrival
  return {
    key,
    id,
    uplink,
    ...(reply ? { reply } : {}),
    arrival: arrival.arrival,
    ...(value === undefined ? {} : { value }),
    ...(version === undefined ? {} : { version }),
    state: 'waiting',
    deadline,
    ...(redelivery === undefined ? {} : { redelivery }),
    attempts: 0,
    crashes: 0,
    doubt: false,
  }
}

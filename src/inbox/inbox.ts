/**
 * The inbox: commands from the cloud, on their way to the devices.
 *
 * Nothing is confirmed to anyone before it is durable here. A power cut or `kill -9` at any instant loses nothing that was
 * confirmed: neither a command nor an outcome.
 *
 * A delivery becomes a decision of its key (decide.ts), a decision and its outcomes one transaction (key.ts); the applier
 * brings what waits to the devices (applier.ts).
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { IncomingCommand, NewRecord } from '../model.ts'
import { backoffMs } from '../retry.ts'
import type { Settings } from '../settings.ts'
import type { InboxStatus } from '../status.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { type Allowance, take } from './allowance.ts'
import { Applier } from './applier.ts'
import { arrivalOf, autoId, replyOf } from './arrival.ts'
import type { Command } from './command.ts'
import type { Decision } from './decide.ts'
import type { Devices } from './devices.ts'
import type { BootOffset, Now } from './expiry.ts'
import { resetOperation } from './history.ts'
import { CommandKey, type KeyHost } from './key.ts'
import { Lane } from './lane.ts'
import { loadQuestion } from './operations.ts'
import { outcomeRecord } from './outcome.ts'
import { type Parsed, parseCommand } from './parse.ts'
import { Pruner } from './prune.ts'
import { restore } from './restore.ts'
import type { Room } from './room.ts'
import { createTargets, type TargetParts } from './targets/create.ts'
import type { Verbs } from './targets/verb.ts'
import { commandValueJson } from './value.ts'

/** Refusals of unknown keys that go into one transaction. */
const STRANGERS_BATCH_MAX = 256
/** Commands of all keys in mode queue that may wait; further ones are refused. Each is looked at again and again. */
const WAITING_MAX = 10_000
/** Characters of their values and of where their answers go, all together: they are in memory, also while they are loaded. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** Refusals are logged one by one up to this rate. */
const REFUSALS_LOGGED = { commands: 20, perMs: 60_000 }
/** A question that the storage could not answer (a failing disk) is asked again. */
const READ_AGAIN = { minMs: 200, maxMs: 10_000 }

export interface InboxOptions {
  readonly storage: Storage
  /**
   * Gives the operation that makes a record durable in the outbox. It is called right before `transact`, in the same turn,
   * because the record gets its seq there.
   */
  readonly report: (record: NewRecord) => Operation
  readonly devices: Devices
  readonly verbs: Verbs
  readonly clock: Clock
  readonly now: () => Now
  readonly bootOffset: BootOffset
  readonly log: Logger
  /** The newest commits before this start are lost, so that what is loaded may be out of date. */
  readonly isLogLost?: boolean
  readonly random?: () => number
  /** Stands in for running programs. */
  readonly runProgram?: NonNullable<TargetParts['runProgram']>
}

/** What became of `reset`. busy: a command with a version is under way. nothing: no version was remembered. */
export interface Reset {
  readonly done: 'forgotten' | 'nothing' | 'busy' | 'unknown_key'
  readonly version?: number
}

/** What became of `cancel`. An attempt that has begun cannot be called back. */
export type Cancelled = 'cancelled' | 'unknown_id' | 'too_late'

export class Inbox {
  readonly #options: InboxOptions
  readonly #keys = new Map<string, CommandKey>()
  readonly #strangers: Lane<NewRecord, undefined>
  readonly #applier: Applier
  readonly #pruner: Pruner
  readonly #closing = new AbortController()
  #opening: Promise<void> | undefined
  #arrivals = 0
  #received = 0
  #duplicates = 0
  #retainedIgnored = 0
  #refusalsAllowed: Allowance | undefined
  #refusalsUnlogged = 0
  readonly #finished: Record<string, number> = {}

  constructor(settings: Pick<Settings, 'commands' | 'connections' | 'inbox'>, options: InboxOptions) {
    this.#options = options
    const { storage, report, now } = options
    const host: KeyHost = {
      storage,
      report,
      now,
      read: (question) => this.#readPatiently(question),
      room: () => this.#room(),
      onDecided: (decision) => this.#decided(decision),
    }
    const targets = createTargets(settings, options)
    for (const command of settings.commands) {
      const target = targets.get(command.key)
      if (target) this.#keys.set(command.key, new CommandKey(command, target, host))
    }
    this.#strangers = new Lane(STRANGERS_BATCH_MAX, (records) => this.#refuseStrangers(records))
    const { keepHistoryMs: keepMs } = settings.inbox
    this.#pruner = new Pruner({ storage, clock: options.clock, now, keepMs })
    this.#applier = new Applier([...this.#keys.values()], { ...options, random: options.random ?? Math.random })
  }

  /** Takes up what was left; to be called once the devices can be reached. Deliveries that come before it is done wait. */
  open(): Promise<void> {
    this.#opening = this.#takeUp().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #takeUp(): Promise<void> {
    const loaded = await this.#readPatiently(loadQuestion())
    this.#arrivals = loaded.lastArrival
    await restore(loaded, this.#keys, this.#options)
    void this.#pruner.run(this.#closing.signal)
    this.#applier.wake()
  }

  /** All that is under way, for a new database in the place of a damaged one. */
  known(): Operation[] {
    return [...this.#keys.values()].map((key) => key.known())
  }

  /**
   * Resolves when the command, or what became of it, is durable: then it may be confirmed to the cloud. While the storage
   * cannot write, it stays pending.
   */
  async accept(incoming: IncomingCommand): Promise<void> {
    this.#received += 1
    if (this.#opening) await this.#opening
    const key = this.#keys.get(incoming.key)
    if (incoming.retained && key?.settings.acceptRetained !== true) {
      this.#retainedIgnored += 1
      this.#options.log.debug('retained command ignored', { uplink: incoming.uplink, key: incoming.key })
      return
    }
    const parsed = parseCommand(incoming.payload, incoming.payloadBytes)
    if (!key) return this.#refuseStranger(incoming, parsed)
    this.#arrivals += 1
    const { now, bootOffset } = this.#options
    const facts = { key, now: now(), bootOffset, arrival: this.#arrivals }
    await key.submit({ step: 'arrive', arrival: arrivalOf(incoming, parsed, facts) })
  }

  /** Ends a waiting command by hand. With the same id under several keys, all of them, or that of one. */
  async cancel(id: string, only?: string): Promise<Cancelled> {
    if (this.#opening) await this.#opening
    const meant = [...this.#keys.values()].filter(({ rules }) => only === undefined || rules.key === only)
    const keys = meant.filter((key) => key.live.some((command) => command.id === id))
    if (keys.length === 0) return 'unknown_id'
    const step = { step: 'leave', id, state: 'cancelled', reason: 'by hand' } as const
    const done = await Promise.all(keys.map((key) => key.submit(step)))
    return done.includes(true) ? 'cancelled' : 'too_late'
  }

  /** Forgets the highest version of a key, by hand; also of a key that is not configured any more. */
  async reset(name: string): Promise<Reset> {
    if (this.#opening) await this.#opening
    const key = this.#keys.get(name)
    if (!key) {
      const [forgotten] = await this.#options.storage.transact([resetOperation(name)])
      return { done: forgotten > 0 ? 'forgotten' : 'unknown_key' }
    }
    const { highest } = key
    if (!(await key.submit({ step: 'forget' }))) return { done: 'busy' }
    return highest ? { done: 'forgotten', version: highest.version } : { done: 'nothing' }
  }

  /** A device began to answer. */
  deviceOnline(device: string): void {
    this.#applier.deviceOnline(device)
  }

  /** The clock became known, or was set. */
  clockChanged(): void {
    this.#applier.wake()
  }

  /** What is under way, in order of arrival. */
  waiting(): InboxStatus['waiting'] {
    const live = [...this.#keys.values()].flatMap((key) => key.live.map((command) => ({ key, command })))
    live.sort((a, b) => a.command.arrival - b.command.arrival)
    return live.map(({ key, command }) => ({
      key: command.key,
      id: command.id,
      value: command.value === undefined ? '' : (commandValueJson(command.value) ?? ''),
      ...this.#applier.waitingFor(key, command),
    }))
  }

  status(): InboxStatus {
    return {
      waiting: this.waiting(),
      received: this.#received,
      finished: { ...this.#finished },
      keys: [...this.#keys.values()].map(({ rules, live, finished }) => ({
        key: rules.key,
        waiting: live.length,
        finished: { ...finished },
      })),
      duplicates: this.#duplicates,
      retainedIgnored: this.#retainedIgnored,
      repeatedWrites: this.#applier.repeatedWrites,
    }
  }

  /** Begins nothing more; resolves when attempts under way are settled. Deliveries that come later are never confirmed. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#applier.close()
  }

  #room(): Room {
    const keys = [...this.#keys.values()]
    return {
      commands: WAITING_MAX - keys.reduce((sum, key) => sum + key.live.length, 0),
      bytes: WAITING_BYTES_MAX - keys.reduce((sum, key) => sum + key.waitingBytes, 0),
    }
  }

  #refuseStranger(incoming: IncomingCommand, parsed: Parsed): Promise<void> {
    const reason = incoming.key === '' ? 'the message names no command key' : 'no command with this key is configured'
    const facts = { key: incoming.key, id: parsed.id ?? autoId(), state: 'refused', reason } as const
    this.#logRefused({ uplink: incoming.uplink, key: incoming.key.slice(0, 128), reason })
    const reply = replyOf(incoming)
    const options = { to: incoming.uplink, mono: this.#options.now().mono, ...(reply ? { reply } : {}) }
    return this.#strangers.submit(outcomeRecord(facts, options))
  }

  async #refuseStrangers(records: readonly NewRecord[]): Promise<readonly undefined[]> {
    await this.#options.storage.transact(records.map((record) => this.#options.report(record)))
    this.#count('refused', records.length)
    return records.map(() => undefined)
  }

  #decided(decision: Decision): void {
    this.#duplicates += decision.duplicates
    this.#pruner.ended(decision.outcomes.length)
    for (const { command, repeated } of decision.outcomes) {
      if (repeated) continue
      this.#count(command.state, 1)
      this.#keys.get(command.key)?.count(command.state)
      this.#log(command)
    }
    this.#applier.wake()
  }

  #log(command: Command): void {
    const { key, id, state, reason } = command
    const fields = { key, id, ...(reason === undefined ? {} : { reason }) }
    if (state === 'refused') this.#logRefused(fields)
    else if (state === 'failed' || state === 'unknown') this.#options.log.warn(`command ${state}`, fields)
    else if (state === 'superseded') this.#options.log.debug(`command ${state}`, fields)
    else this.#options.log.info(`command ${state}`, { ...fields, value: command.value })
  }

  /** A flood of them would fill the journal: what comes too often is only counted, and told with the next line. */
  #logRefused(fields: Readonly<Record<string, unknown>>): void {
    const { after, waitMs } = take(REFUSALS_LOGGED, this.#refusalsAllowed, this.#options.now().mono)
    this.#refusalsAllowed = after
    if (waitMs > 0) {
      this.#refusalsUnlogged += 1
      return
    }
    const unlogged = this.#refusalsUnlogged
    this.#refusalsUnlogged = 0
    this.#options.log.warn('command refused', unlogged === 0 ? fields : { ...fields, othersNotLogged: unlogged })
  }

  #count(state: string, commands: number): void {
    this.#finished[state] = (this.#finished[state] ?? 0) + commands
  }

  async #readPatiently<Result>(question: Operation<Result>): Promise<Result> {
    for (let tries = 0; ; tries++) {
      try {
        return await this.#options.storage.read(question)
      } catch (error) {
        if (!(error instanceof Error && 'code' in error) || error.code === 'bug') throw error
        if (tries === 0) this.#options.log.warn('the inbox could not be read, trying again', { error: error.message })
        await this.#options.clock.wait(backoffMs(tries, READ_AGAIN, this.#options.random))
      }
    }
  }
}

/**
 * The inbox: commands from the cloud, on their way to the devices.
 *
 * Nothing is confirmed to anyone before it is durable here. A power cut or `kill -9` at any instant loses nothing that was
 * confirmed: neither a command nor an outcome.
 *
 * A delivery becomes a decision of its key (decide.ts), a decision and its outcomes one transaction (key.ts); the applier
 * brings what waits to the devices (applier.ts).
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { type IncomingCommand, type NewRecord, type Value, valueJson } from '../model.ts'
import { backoffMs } from '../retry.ts'
import type { PointSettings, Settings } from '../settings.ts'
import type { InboxStatus } from '../status.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { Applier } from './applier.ts'
import type { Devices } from './attempt.ts'
import type { Command } from './command.ts'
import type { Arrival, Decision } from './decide.ts'
import { type BootOffset, deadlineOf, judge, type Now } from './expiry.ts'
import { fit } from './fit.ts'
import { CommandKey, type KeyHost } from './key.ts'
import { Lane } from './lane.ts'
import { loadQuestion, pruneOperation } from './operations.ts'
import { outcomeRecord, VALUE_LENGTH_MAX } from './outcome.ts'
import { type Parsed, parseCommand } from './parse.ts'
import { restore } from './restore.ts'

/** Refusals of unknown keys that go into one transaction. */
const STRANGERS_BATCH_MAX = 256
/** Finished commands kept at most, whatever `keep_history` says: about 15 MB of flash, a week of five a minute. */
const HISTORY_ROWS_MAX = 50_000
const PRUNE_EVERY_MS = 3_600_000
const PRUNE_SLICE = 500
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
  readonly clock: Clock
  readonly now: () => Now
  readonly bootOffset: BootOffset
  readonly log: Logger
  /** The newest commits before this start are lost, so that what is loaded may be out of date. */
  readonly isLogLost?: boolean
  readonly random?: () => number
}

/** What became of `cancel`. An attempt that has begun cannot be called back. */
export type Cancelled = 'cancelled' | 'unknown_id' | 'too_late'

export class Inbox {
  readonly #settings: Pick<Settings, 'commands' | 'connections' | 'inbox'>
  readonly #options: InboxOptions
  readonly #keys = new Map<string, CommandKey>()
  readonly #strangers: Lane<NewRecord, undefined>
  readonly #applier: Applier
  readonly #closing = new AbortController()
  #opening: Promise<void> | undefined
  #arrivals = 0
  #received = 0
  #duplicates = 0
  #retainedIgnored = 0
  readonly #finished: Record<string, number> = {}

  constructor(settings: Pick<Settings, 'commands' | 'connections' | 'inbox'>, options: InboxOptions) {
    this.#settings = settings
    this.#options = options
    const { storage, report, now } = options
    const host: KeyHost = {
      storage,
      report,
      now,
      read: (question) => this.#readPatiently(question),
      onDecided: (decision) => this.#decided(decision),
    }
    const points = pointsOf(settings)
    for (const command of settings.commands) {
      const point = points.get(`${command.device}.${command.point}`)
      if (!point)
        throw new Error(`command ${command.key} writes ${command.device}.${command.point}, which is not configured`)
      this.#keys.set(command.key, new CommandKey(command, point, host))
    }
    this.#strangers = new Lane(STRANGERS_BATCH_MAX, (records) => this.#refuseStrangers(records))
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
    void this.#pruneNowAndThen()
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
    const parsed = parseCommand(incoming.payload)
    if (!key) return this.#refuseStranger(incoming, parsed)
    await key.submit({ step: 'arrive', arrival: this.#arrival(incoming, parsed, key) })
  }

  /** Ends a waiting command by hand. With the same id under several keys, all of them. */
  async cancel(id: string): Promise<Cancelled> {
    const keys = [...this.#keys.values()].filter((key) => key.live.some((command) => command.id === id))
    if (keys.length === 0) return 'unknown_id'
    const step = { step: 'leave', id, state: 'cancelled', reason: 'by hand' } as const
    const done = await Promise.all(keys.map((key) => key.submit(step)))
    return done.includes(true) ? 'cancelled' : 'too_late'
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
      value: command.value === undefined ? '' : (valueJson(command.value) ?? ''),
      ...this.#applier.waitingFor(key, command),
    }))
  }

  status(): InboxStatus {
    return {
      waiting: this.waiting(),
      received: this.#received,
      finished: { ...this.#finished },
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

  #arrival(incoming: IncomingCommand, parsed: Parsed, key: CommandKey): Arrival {
    const now = this.#options.now()
    const { settings, point } = key
    const expiresInMs = incoming.expiresInMs === undefined ? {} : { expiresInMs: incoming.expiresInMs }
    const expiresAt = parsed.ok && parsed.expiresAt !== undefined ? { expiresAt: parsed.expiresAt } : {}
    const deadline = deadlineOf({ ...expiresInMs, ...expiresAt, defaultMs: settings.expiresAfterMs }, now)
    const verdict = judge(deadline, now, this.#options.bootOffset)
    this.#arrivals += 1
    return {
      uplink: incoming.uplink,
      arrival: this.#arrivals,
      deadline,
      ...identity(incoming, parsed),
      ...content(parsed, point),
      ...(settings.mode === 'queue' && parsed.ok && parsed.id === undefined ? { refused: 'an id is missing' } : {}),
      ...(verdict.verdict === 'expired' ? { expired: verdict.reason } : {}),
    }
  }

  #refuseStranger(incoming: IncomingCommand, parsed: Parsed): Promise<void> {
    const reason = incoming.key === '' ? 'the message names no command key' : 'no command with this key is configured'
    const facts = { key: incoming.key, id: parsed.id ?? autoId(), state: 'refused', reason } as const
    this.#options.log.warn('command refused', { uplink: incoming.uplink, key: incoming.key.slice(0, 128), reason })
    return this.#strangers.submit(outcomeRecord(facts, { to: incoming.uplink, mono: this.#options.now().mono }))
  }

  async #refuseStrangers(records: readonly NewRecord[]): Promise<readonly undefined[]> {
    await this.#options.storage.transact(records.map((record) => this.#options.report(record)))
    this.#count('refused', records.length)
    return records.map(() => undefined)
  }

  #decided(decision: Decision): void {
    this.#duplicates += decision.duplicates
    for (const { command, repeated } of decision.outcomes) {
      if (repeated) continue
      this.#count(command.state, 1)
      this.#log(command)
    }
    this.#applier.wake()
  }

  #log(command: Command): void {
    const { key, id, state, reason } = command
    const fields = { key, id, ...(reason === undefined ? {} : { reason }) }
    if (state === 'failed' || state === 'unknown' || state === 'refused')
      this.#options.log.warn(`command ${state}`, fields)
    else if (state === 'superseded') this.#options.log.debug(`command ${state}`, fields)
    else this.#options.log.info(`command ${state}`, { ...fields, value: command.value })
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

  async #pruneNowAndThen(): Promise<void> {
    const { signal } = this.#closing
    const limits = { keepMs: this.#settings.inbox.keepHistoryMs, keepRows: HISTORY_ROWS_MAX, slice: PRUNE_SLICE }
    while (!signal.aborted) {
      const [removed] = await this.#options.storage.transact([pruneOperation(this.#options.now(), limits)])
      if (removed === 0) await this.#options.clock.wait(PRUNE_EVERY_MS, signal)
    }
  }
}

/** The sender's id, else one of our own and the fingerprint by which a repeat is recognised. */
function identity(incoming: IncomingCommand, parsed: Parsed): Pick<Arrival, 'id' | 'ownId' | 'redelivery' | 'resent'> {
  if (parsed.id !== undefined) return { id: parsed.id, ownId: true }
  const { redelivery, uplink, duplicate } = incoming
  if (redelivery === undefined) return { id: autoId(), ownId: false }
  return { id: autoId(), ownId: false, redelivery: `${uplink} ${redelivery}`, resent: duplicate === true }
}

function content(parsed: Parsed, point: PointSettings): Pick<Arrival, 'value' | 'version' | 'refused'> {
  if (!parsed.ok) return { refused: parsed.reason }
  const fitted = fit(point, parsed.value)
  if (!fitted.ok) return { refused: fitted.reason, ...(isShort(parsed.value) ? { value: parsed.value } : {}) }
  return { value: fitted.value, ...(parsed.version === undefined ? {} : { version: parsed.version }) }
}

/** What no point can hold may be as long as a payload: too long to keep for every refused command. */
function isShort(value: Value): boolean {
  return (valueJson(value)?.length ?? 0) <= VALUE_LENGTH_MAX
}

/** 64 random bits: such an id is never issued twice, whatever happens to the database. */
function autoId(): string {
  return `auto-${randomBytes(8).toString('hex')}`
}

function pointsOf(settings: Pick<Settings, 'connections'>): ReadonlyMap<string, PointSettings> {
  const devices = settings.connections.flatMap((connection) => connection.devices)
  return new Map(devices.flatMap((device) => device.points.map((point) => [`${device.name}.${point.name}`, point])))
}

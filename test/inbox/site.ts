import type { Database } from 'better-sqlite3'
import type { Clock } from '../../src/clock.ts'
import type { CommandSettings, PointTarget } from '../../src/command-settings.ts'
import type { Devices } from '../../src/inbox/devices.ts'
import type { Now } from '../../src/inbox/expiry.ts'
import { historyOperations } from '../../src/inbox/history-sql.ts'
import { Inbox } from '../../src/inbox/inbox.ts'
import { inboxOperations, inboxSchema } from '../../src/inbox/sql.ts'
import type { Ran } from '../../src/inbox/targets/program.ts'
import type { Verbs } from '../../src/inbox/targets/verb.ts'
import { silentLogger } from '../../src/log.ts'
import type { IncomingCommand, NewRecord, Value } from '../../src/model.ts'
import type { PointSettings, Settings } from '../../src/settings.ts'
import type { OperationTable } from '../../src/storage/operation.ts'
import { newDisk, TestStorage } from '../support/storage.ts'

/** Stands for the outbox: keeps outcome records with their seq, in the same transaction. */
const outboxSchema = [
  'CREATE TABLE outcome (seq INTEGER PRIMARY KEY, source TEXT, target TEXT, body TEXT, reply TEXT) STRICT',
]
const outboxOperations: OperationTable = {
  'test.report': (database: Database) => {
    const insert = database.prepare(
      'INSERT INTO outcome VALUES (@seq, @source, @to, @body, @reply) ON CONFLICT DO NOTHING',
    )
    return (args: { seq: number; source: string; to: string; body: string; reply: string | null }) =>
      void insert.run(args)
  },
}

export interface Outcome {
  readonly id: string
  readonly key: string
  readonly state: string
  readonly value?: unknown
  readonly reason?: string
  readonly superseded_by?: string
  readonly read_back?: unknown
}

export function pointSettings(changes: Partial<PointSettings> = {}): PointSettings {
  return {
    name: 'setpoint',
    type: 'int32',
    access: 'rw',
    intervalMs: 1000,
    register: 'holding',
    address: 0,
    byteOrder: 'ABCD',
    bit: 0,
    length: 1,
    scale: 1,
    offset: 0,
    invalid: [],
    kind: 'gauge',
    ...changes,
  }
}

export function pointTarget(changes: Partial<PointTarget> = {}): PointTarget {
  return { type: 'point', device: 'boiler', point: 'setpoint', verify: 'none', ...changes }
}

export function commandSettings(changes: Partial<CommandSettings> = {}): CommandSettings {
  return {
    key: 'setpoint',
    target: pointTarget(),
    mode: 'last_value',
    expiresAfterMs: 3_600_000,
    repeatable: true,
    acceptRetained: false,
    waitingMax: 1_000,
    ...changes,
  }
}

/** Time that passes only when the test says so. */
class TestClock implements Clock {
  #mono: number
  #timers: { readonly at: number; readonly wake: () => void }[] = []
  /** wall - mono. */
  wallOffset = 1_760_000_000_000

  constructor(mono = 100_000) {
    this.#mono = mono
  }

  mono(): number {
    return this.#mono
  }

  precise(): number {
    return this.#mono
  }

  wall(): number {
    return this.#mono + this.wallOffset
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = { at: this.#mono + ms, wake: resolve }
      this.#timers.push(timer)
      signal?.addEventListener('abort', () => {
        this.#timers = this.#timers.filter((other) => other !== timer)
        resolve()
      })
    })
  }

  /** Lets time pass from timer to timer; everything that follows from one happens before the next. */
  async pass(ms: number): Promise<void> {
    await quiet()
    const end = this.#mono + ms
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0]
      if (!next || next.at > end) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#mono = Math.max(this.#mono, next.at)
      next.wake()
      await quiet()
    }
    this.#mono = end
    await quiet()
  }
}

/** Turns of the event loop in which everything that needs no time has happened. */
const QUIET_TURNS = 40

export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    let left = QUIET_TURNS
    const turn = () => {
      left -= 1
      if (left > 0) setImmediate(turn)
      else resolve()
    }
    turn()
  })
}

/**
 * How the device takes the next write: confirms it, at once or after two seconds, has no time for it, at once or after two
 * seconds, refuses, or loses the reply (having done it or not).
 */
export type Manner =
  | 'ok'
  | 'slow'
  | 'busy'
  | 'busy_slow'
  | 'refuses'
  | 'lost_done'
  | 'lost_undone'
  | 'hangs_done'
  | 'hangs_undone'

class WriteFailure extends Error {
  readonly code: string
  readonly happened: 'no' | 'maybe'
  readonly retriable: boolean
  constructor(code: string, happened: 'no' | 'maybe', retriable: boolean) {
    super(code)
    this.code = code
    this.happened = happened
    this.retriable = retriable
  }
}

/** Devices in memory; they outlive the agent. */
class TestDevices implements Devices {
  readonly registers = new Map<string, Value>()
  /** Every write that reached a device, in order. */
  readonly writes: { readonly point: string; readonly value: Value }[] = []
  readonly online = new Set<string>()
  /** For the next writes; then all go well. */
  readonly manners: Manner[] = []
  readError: string | undefined
  /** What a point holds of what was written; the same, unless the test says otherwise. */
  holds = (value: Value): Value => value
  attempts = 0
  /** Set by the site. */
  wait: (ms: number) => Promise<void> = async () => {}
  onWrite: ((point: string, value: Value) => void) | undefined

  isOnline(device: string): boolean {
    return this.online.has(device)
  }

  async write(device: string, point: string, value: Value, isWanted = () => true): Promise<void> {
    this.attempts += 1
    if (!isWanted()) throw new WriteFailure('expired', 'no', true)
    if (!this.online.has(device)) throw new WriteFailure('timeout', 'maybe', true)
    const manner = this.#take(`${device}.${point}`, value)
    if (manner.endsWith('slow')) await this.wait(2_000)
    if (manner.startsWith('hangs')) return new Promise(() => {})
    if (manner.startsWith('lost')) throw new WriteFailure('timeout', 'maybe', true)
    if (manner.startsWith('busy')) throw new WriteFailure('exception_6', 'no', true)
    if (manner === 'refuses') throw new WriteFailure('exception_2', 'no', false)
  }

  /** A program that is run with this value: what is lost is killed, what is busy cannot be started. */
  async run(value: Value): Promise<Ran> {
    const manner = this.#take('exec.run', value)
    if (manner.startsWith('hangs')) return new Promise(() => {})
    if (manner.startsWith('lost')) return { end: 'killed', reason: 'no end', lastLine: '' }
    if (manner.startsWith('busy')) return { end: 'not_started', reason: 'EAGAIN', retriable: true }
    return { end: 'exited', status: manner === 'refuses' ? 3 : 0, lastLine: '' }
  }

  #take(point: string, value: Value): Manner {
    const manner = this.manners.shift() ?? 'ok'
    if (manner === 'ok' || manner === 'slow' || manner.endsWith('_done')) {
      this.onWrite?.(point, value)
      this.registers.set(point, this.holds(value))
      this.writes.push({ point, value })
    }
    return manner
  }

  /** Like a write of a point that is called `text`. */
  async send(device: string, text: string, isWanted = () => true): Promise<void> {
    await this.write(device, 'text', text, isWanted)
  }

  async read(device: string, points: readonly string[]): Promise<readonly Value[]> {
    if (!this.online.has(device)) throw new WriteFailure('timeout', 'no', true)
    if (this.readError !== undefined) throw new WriteFailure(this.readError, 'no', true)
    return points.map((point) => this.registers.get(`${device}.${point}`) ?? 0)
  }
}

export interface SiteOptions {
  /** Programs are not run, but told to `devices`. */
  readonly tameExec?: boolean
  readonly verbs?: Partial<Verbs>
  readonly commands?: readonly CommandSettings[]
  readonly points?: readonly PointSettings[]
  readonly keepHistoryMs?: number
  /** Every job runs twice. */
  readonly again?: boolean
}

/** An inbox with everything around it, on a disk that survives `restart`. */
export class Site {
  readonly disk = newDisk([...inboxSchema, ...outboxSchema])
  readonly devices = new TestDevices()
  readonly #options: SiteOptions
  readonly #offsets = new Map<string, number>()
  #generation: { dead: boolean } = { dead: false }
  #seq = 0
  boot = 'boot-1'
  clockKnown = true
  clock = new TestClock()
  storage: TestStorage
  inbox: Inbox

  constructor(options: SiteOptions = {}) {
    this.#options = options
    this.devices.wait = (ms) => this.clock.wait(ms)
    this.storage = this.#newStorage()
    this.inbox = this.#newInbox()
  }

  static async open(options: SiteOptions = {}): Promise<Site> {
    const site = new Site(options)
    await site.inbox.open()
    await quiet()
    return site
  }

  now(): Now {
    const { boot, clock, clockKnown } = this
    return { boot, mono: clock.mono(), wall: clockKnown ? clock.wall() : clock.mono(), clockKnown }
  }

  settings(): Settings {
    const { commands = [commandSettings()], points = [pointSettings()], keepHistoryMs = 7 * 86_400_000 } = this.#options
    const devices = [...new Set(commands.flatMap(({ target }) => ('device' in target ? target.device : [])))].map(
      (name) => ({ name, points }),
    )
    return { commands, connections: [{ devices }], inbox: { keepHistoryMs } } as unknown as Settings
  }

  /** A delivery; the promise is the confirmation. */
  deliver(payload: string, changes: Partial<IncomingCommand> = {}): Promise<void> {
    const incoming = { uplink: 'cloud', key: 'setpoint', payload: Buffer.from(payload), retained: false, ...changes }
    return this.inbox.accept(incoming)
  }

  /** Makes the device answer. */
  async bringOnline(device = 'boiler'): Promise<void> {
    this.devices.online.add(device)
    this.inbox.deviceOnline(device)
    await quiet()
  }

  /** The outcome records on the disk, in the order of their seq. */
  outcomes(): readonly Outcome[] {
    const rows = this.disk.prepare('SELECT body FROM outcome ORDER BY seq').pluck().all() as string[]
    return rows.map((body) => JSON.parse(`{${body}}`) as Outcome)
  }

  /** The power goes; what was not committed is gone. `rebootMs`: the machine starts anew after so long, without a clock. */
  async restart(
    options: { readonly afterCommit?: boolean; readonly rebootMs?: number; readonly isLogLost?: boolean } = {},
  ): Promise<void> {
    this.storage.crash(options)
    this.#generation.dead = true
    if (options.rebootMs !== undefined) {
      if (this.clockKnown) this.#offsets.set(this.boot, this.clock.wallOffset)
      const wall = this.clock.wall() + options.rebootMs
      this.boot = `boot-${Number(this.boot.slice(5)) + 1}`
      this.clock = new TestClock(5_000)
      this.clock.wallOffset = wall - 5_000
      this.clockKnown = false
    } else {
      const next = new TestClock(this.clock.mono())
      next.wallOffset = this.clock.wallOffset
      this.clock = next
    }
    this.#generation = { dead: false }
    this.storage = this.#newStorage()
    this.inbox = this.#newInbox(options)
    await this.inbox.open()
    await quiet()
  }

  async learnClock(): Promise<void> {
    this.clockKnown = true
    this.inbox.clockChanged()
    await quiet()
  }

  #newStorage(): TestStorage {
    const tables = { ...inboxOperations, ...historyOperations, ...outboxOperations }
    return new TestStorage(this.disk, tables, { again: this.#options.again ?? false })
  }

  #newInbox(options: { readonly isLogLost?: boolean } = {}): Inbox {
    return new Inbox(this.settings(), {
      storage: this.storage,
      report: (record) => this.#report(record),
      devices: this.#wired(this.#generation),
      verbs: this.#verbs(),
      clock: this.clock,
      now: () => this.now(),
      bootOffset: (boot) => this.#offsets.get(boot),
      log: silentLogger,
      isLogLost: options.isLogLost ?? false,
      random: () => 0.5,
      ...(this.#options.tameExec ? { runProgram: this.#tameExec(this.#generation) } : {}),
    })
  }

  /** What the gateway was told to do, and what it answers. */
  readonly told: string[] = []
  verbProblem: string | undefined

  #verbs(): Verbs {
    return {
      readNow: async (device = 'all') => {
        this.told.push(`read ${device}`)
        return this.verbProblem
      },
      flush: async () => void this.told.push('flush'),
      restart: () => void this.told.push('restart'),
      ...this.#options.verbs,
    }
  }

  #report(record: NewRecord) {
    this.#seq += 1
    const { source, to, body, reply } = record
    return {
      op: 'test.report',
      args: { seq: this.#seq, source, to, body, reply: reply ? JSON.stringify(reply) : null },
    }
  }

  #tameExec(generation: { readonly dead: boolean }) {
    return (_program: string, [value = '']: readonly string[]): Promise<Ran> =>
      generation.dead ? new Promise(() => {}) : this.devices.run(Number(value))
  }

  /** An agent that died neither writes nor hears any more. */
  #wired(generation: { readonly dead: boolean }): Devices {
    const { devices } = this
    const never = new Promise<never>(() => {})
    return {
      isOnline: (device) => devices.isOnline(device),
      write: (device, point, value, isWanted) =>
        generation.dead ? never : devices.write(device, point, value, isWanted),
      send: (device, text, isWanted) => (generation.dead ? never : devices.send(device, text, isWanted)),
      read: (device, points) => (generation.dead ? never : devices.read(device, points)),
    }
  }
}

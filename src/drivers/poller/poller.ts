import { type Clock, hundredths } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import type { DeviceEvent, Reading, Sample, Value } from '../../model.ts'
import type { ConnectionSettings } from '../../settings.ts'
import type { ConnectionStatus, DeviceStatus } from '../../status.ts'
import { type Driver, type Explorer, LinkError, type PlannedRead, type Suspicion } from '../driver.ts'
import { excerpt } from '../excerpt.ts'
import { byteMsOf, describeConnection } from '../line.ts'
import { ConnectionLoop } from './connection-loop.ts'
import { DriverCalls } from './driver-calls.ts'
import { Judge } from './judge.ts'
import { PolledDevice } from './polled-device.ts'
import { Requests } from './requests.ts'
import { Turns } from './turns.ts'

export interface PollerOptions {
  readonly driver: Driver
  readonly clock: Clock
  readonly log: Logger
  readonly onReading: (reading: Reading) => void
  readonly onDeviceEvent: (event: DeviceEvent) => void
  /** May the wall clock be believed? Then polls come at its multiples of their interval. Absent: no. */
  readonly isClockKnown?: () => boolean
  /** While polling is paused: is it to be known whether this device answers? Absent: of no device. */
  readonly isAwaited?: (device: string) => boolean
  /** A number in [0, 1): for tests. */
  readonly random?: () => number
}

/** The requests of a device that are made together: every so many ms, or by a cron expression. */
export interface PollPlan {
  readonly device: string
  readonly intervalMs?: number
  readonly schedule?: string
  /** Names. */
  readonly points: readonly string[]
  /** Empty where the driver does not plan. */
  readonly reads: readonly PlannedRead[]
}

/**
 * One per connection, and the one owner of its driver: opens and reopens (`connection-loop.ts`), decides whose turn it is
 * (`turns.ts`), serves what others ask for in between (`requests.ts`), and judges who answers (`judge.ts`). One driver
 * call at a time; commands come before the next poll.
 *
 * A device that does not answer at all goes offline: one last reading with a code for all its points, then the
 * `device_offline` event, then nothing until it answers (a dead device must not flood the outbox). Meanwhile it is probed
 * with one short request at growing pauses. A device that refuses is online.
 *
 * A device that speaks by itself has no schedule; it is offline when it was silent for longer than allowed.
 */
export class Poller {
  /** Called after the event when a device answers (again). */
  onOnline: ((device: string) => void) | undefined
  readonly #connection: ConnectionSettings
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #devices: readonly PolledDevice[]
  readonly #loop: ConnectionLoop
  readonly #calls: DriverCalls
  readonly #judge: Judge
  readonly #turns: Turns
  readonly #requests: Requests
  readonly #log: Logger
  /** The code of what was said last about the connection as a whole. */
  #suspected: string | undefined

  constructor(connection: ConnectionSettings, options: PollerOptions) {
    const { driver, clock, log, random = Math.random } = options
    this.#connection = connection
    this.#driver = driver
    this.#clock = clock
    this.#log = log
    const listens = driver.listen !== undefined
    this.#devices = connection.devices.map((device) => {
      const silentAfterMs = 'silentAfterMs' in connection && listens && !device.request && connection.silentAfterMs
      return new PolledDevice(device, clock.mono(), silentAfterMs === false ? {} : { silentAfterMs })
    })
    this.#loop = new ConnectionLoop(
      connection,
      { driver, clock, log, random },
      {
        opened: () => this.#turns.opened(),
        failed: (problem) => this.#failed(problem),
        turn: () => this.#turn(),
        closed: () => this.#turns.closed(),
        replies: () => this.#judge.replies,
        calls: () => this.#calls.made,
      },
    )
    const onLost = (error: LinkError) => this.#loop.lose(error)
    this.#calls = new DriverCalls({
      clock,
      connection: connection.name,
      timeoutMs: connection.timeoutMs,
      onStuck: (error) => {
        log.error('the driver did not settle in time, opening the connection anew', { reason: error.message })
        onLost(error)
        void driver.close()
      },
    })
    const calls = this.#calls
    this.#judge = new Judge(this.#devices, {
      clock,
      log,
      onReading: options.onReading,
      onDeviceEvent: options.onDeviceEvent,
      onOnline: (device) => this.onOnline?.(device),
      onReply: () => this.#loop.proven(),
    })
    const judge = this.#judge
    this.#turns = new Turns(this.#devices, {
      driver,
      clock,
      calls,
      judge,
      random,
      timeoutMs: connection.timeoutMs,
      isClockKnown: options.isClockKnown ?? (() => false),
      isAwaited: options.isAwaited ?? (() => false),
      onLost,
    })
    this.#requests = new Requests({
      connection: connection.name,
      driver,
      byteMs: 'line' in connection && connection.line ? byteMsOf(connection.line) : 0,
      clock,
      calls,
      judge,
      refusal: () => (this.#loop.isOpen ? undefined : this.#loop.refusal),
      onAdded: () => this.#loop.wake(),
      onLost,
    })
    this.#listen()
  }

  get name(): string {
    return this.#connection.name
  }

  get deviceNames(): readonly string[] {
    return this.#devices.map((device) => device.name)
  }

  start(): void {
    this.#loop.start()
  }

  /** A write under way is waited for, so that its fate is known; a poll is cut short. */
  async stop(): Promise<void> {
    this.#loop.stopSoon()
    this.#requests.rejectAll(new LinkError('closed', `${this.#connection.name} is stopping`))
    if (!this.#requests.isWriting) await this.#driver.close()
    await this.#loop.stopped()
  }

  /**
   * No polls until `resume`, but one that has begun is ended; what devices say by themselves is not passed on. The
   * connection stays open, writes and readings asked for go through, and who does not answer is probed if commands may wait
   * for it.
   */
  pause(): void {
    this.#turns.pause()
  }

  /** Goes on at the old times; what became due meanwhile is read once, at once. */
  resume(): void {
    if (!this.#turns.isPaused) return
    this.#turns.resume()
    this.#loop.wake()
  }

  /** The wall clock became known, or was set: polls are put on its multiples. */
  clockChanged(): void {
    this.#loop.wake()
  }

  /** For how long the loop has owed a sign of life, in ms: 0 unless something is stuck beyond every deadline. */
  overdueMs(): number {
    return this.#loop.overdueMs(this.#clock.mono(), this.#calls.endsBy)
  }

  /** Writes before the next poll. Rejects with WriteError, or with LinkError when nothing was sent. */
  async write(
    deviceName: string,
    pointName: string,
    value: Value,
    isWanted: () => boolean = () => true,
  ): Promise<void> {
    const device = this.#device(deviceName)
    await this.#requests.write(device, device.point(pointName), { value, isWanted })
  }

  /** Sends a text before the next poll, without waiting for an answer. Rejects as `write` does. */
  async send(deviceName: string, text: string, isWanted: () => boolean): Promise<void> {
    await this.#requests.send(this.#device(deviceName), { text, isWanted })
  }

  /** Reads before the next poll; absent `points`: all readable ones. Rejects with LinkError. Makes no record. */
  async readNow(deviceName: string, points?: readonly string[]): Promise<readonly Sample[]> {
    const device = this.#device(deviceName)
    return this.#requests.read(device, points?.map((name) => device.point(name)) ?? device.readable)
  }

  /**
   * Raw access before the next poll. Polls wait while `run` is at work, so it should ask for little at a time. Rejects
   * with LinkError when there is no connection or the driver has no explorer (`unsupported`), else as `run` does.
   */
  explore<T>(run: (explorer: Explorer) => Promise<T>): Promise<T> {
    return this.#requests.explore(run)
  }

  /**
   * The port or socket itself, for other line settings: the driver is closed, `use` has it for as long as it takes, then
   * polling goes on. Nobody is declared dead for that; the polls that were due meanwhile count as missed. Works also when
   * the connection cannot be opened. `signal` ends the waiting; the one given to `use` also when the gateway stops, which
   * does not wait for it. Rejects as `use` does.
   */
  lend<T>(use: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#loop.lend(use, signal)
  }

  /** What is asked when, for the devices that are polled, as far as the driver knows now. */
  plan(): readonly PollPlan[] {
    return this.#devices.flatMap((device) =>
      device.timetable.polls.map(({ points, ...when }) => ({
        device: device.name,
        ...when,
        points: points.map((point) => point.name),
        reads: this.#driver.plan?.(device.settings, points) ?? [],
      })),
    )
  }

  /** Did it answer lately? A device of which nothing can be read counts as online while the connection is open. */
  isOnline(deviceName: string): boolean {
    return this.#device(deviceName).health.state === 'online'
  }

  /** `devices`: everything but the points, whose values others keep. Durations in ms. */
  status(): { readonly connection: ConnectionStatus; readonly devices: readonly Omit<DeviceStatus, 'points'>[] } {
    const now = this.#clock.mono()
    const { name, type } = this.#connection
    const { state, problem, opens, failedOpens } = this.#loop.status()
    const { lastReplyAt, ...calls } = this.#judge.counts
    const counters = this.#driver.counters?.()
    const suspicion = this.#driver.suspicion?.()
    const { exchanges, failures } = counters ?? calls
    const { code, message, hint } = problem ?? {}
    const connection: ConnectionStatus = {
      name,
      type,
      line: describeConnection(this.#connection),
      state: this.#turns.isPaused && state === 'open' ? 'paused' : state,
      ...(code !== undefined && message !== undefined && { problem: { code, message, ...(hint && { hint }) } }),
      exchanges,
      failures,
      ...(lastReplyAt !== undefined && { lastReplyAgeMs: now - lastReplyAt }),
      opens,
      failedOpens,
      ...(this.#devices.some((device) => !device.speaks) && this.#load(now)),
      ...(suspicion && state === 'open' && { suspicion }),
      ...(counters && Object.keys(counters.troubles).length > 0 && { troubles: counters.troubles }),
    }
    const devices = this.#devices.map((device) => {
      const latencyMs = counters?.latencyMs?.[device.name]
      return { ...device.status(name, now), ...(latencyMs !== undefined && { latencyMs: hundredths(latencyMs) }) }
    })
    return { connection, devices }
  }

  /** Polls that were missed because the connection was busy. */
  get missedPolls(): number {
    return this.#devices.reduce((sum, device) => sum + device.missedPolls, 0)
  }

  #load(now: number): Required<Pick<ConnectionStatus, 'busy' | 'missedPollsLately'>> {
    const missed = this.#devices.reduce((sum, device) => sum + device.missedPollsLately.sum(now), 0)
    return { busy: this.#calls.busyShare(now), missedPollsLately: Math.round(missed) }
  }

  /** One job or one poll; resolves with how long there is nothing to do, in ms. */
  async #turn(): Promise<number> {
    const { device, inMs } = this.#turns.next()
    if (await this.#requests.serve(device !== undefined)) return 0
    if (!device) return inMs
    await this.#turns.take(device, () => this.#loop.isStopped)
    this.#sayOnce(this.#driver.suspicion?.())
    return 0
  }

  #listen(): void {
    const onNotUnderstood = (code: string, text?: string) => this.#notUnderstood(code, text)
    this.#driver.onNotUnderstood = onNotUnderstood
    this.#driver.listen?.({
      onReading: (device, samples) => this.#heard(device, samples),
      onError: (_device, code, text) => onNotUnderstood(code, text),
    })
  }

  #notUnderstood(code: string, text: string | undefined): void {
    this.#log.debug('a message was not understood', { code, ...(text === undefined ? {} : { text: excerpt(text) }) })
  }

  #sayOnce(suspicion: Suspicion | undefined): void {
    if (suspicion && suspicion.code !== this.#suspected) {
      const { code, message, hint } = suspicion
      this.#log.warn(message, { code, hint })
    }
    this.#suspected = suspicion?.code
  }

  #failed(problem: LinkError): void {
    this.#requests.rejectAll(problem)
    this.#turns.failed()
    // Whoever did not answer is known by that already, and whoever was not asked may be there.
    if (problem.code === 'silent') return
    for (const device of this.#devices) this.#judge.silent(device, problem.code)
  }

  #heard(name: string, samples: readonly Sample[]): void {
    if (this.#loop.isStopped) return
    const isBack = this.#judge.heard(this.#device(name), { samples, emit: !this.#turns.isPaused })
    if (isBack) this.#loop.wake() // from now on its silence must be noticed
  }

  #device(name: string): PolledDevice {
    const device = this.#devices.find((candidate) => candidate.name === name)
    if (!device) throw new Error(`${this.#connection.name} has no device ${name}`)
    return device
  }
}

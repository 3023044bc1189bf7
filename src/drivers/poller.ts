import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { DeviceEvent, Reading, Sample, Value } from '../model.ts'
import { backoffMs } from '../retry.ts'
import type { ConnectionSettings, PointSettings } from '../settings.ts'
import type { ConnectionStatus, DeviceStatus } from '../status.ts'
import { type Driver, LinkError, WriteError } from './driver.ts'
import { JobQueue } from './job-queue.ts'
import { describeConnection } from './line.ts'
import { type Change, PolledDevice } from './polled-device.ts'
import { reopenPauses } from './reopen.ts'
import { whoseTurn } from './whose-turn.ts'

export interface PollerOptions {
  readonly driver: Driver
  readonly clock: Clock
  readonly log: Logger
  readonly onReading: (reading: Reading) => void
  readonly onDeviceEvent: (event: DeviceEvent) => void
  /** A number in [0, 1): for tests. */
  readonly random?: () => number
}

/** First polls are spread over this, so that not all devices and gateways ask in the same instant. */
const FIRST_POLL_SPREAD_MS = 500
/** A driver call that has not settled by then is stuck; drivers own much shorter deadlines per request. */
const STUCK_BASE_MS = 10_000

const NOT_SENT = { happened: 'no', retriable: true } as const

/**
 * One loop per connection, and the one owner of its driver: it opens and reopens, decides whose turn it is, and judges
 * who answers. One driver call at a time; commands come before the next poll, polls in the order of their due times.
 *
 * A device that does not answer at all goes offline: one last reading with the code for all points of that poll, then the
 * `device_offline` event, then nothing until it answers (a dead device must not flood the outbox). Meanwhile it is probed
 * with one short request at growing pauses. A device that refuses is online.
 *
 * For drivers that listen there is no schedule; a device is offline when it was silent for longer than allowed.
 */
export class Poller {
  /** Called after the event when a device answers (again). */
  onOnline: ((device: string) => void) | undefined
  readonly #connection: ConnectionSettings
  readonly #options: PollerOptions
  readonly #driver: Driver
  readonly #clock: Clock
  readonly #devices: readonly PolledDevice[]
  readonly #jobs = new JobQueue()
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #state: ConnectionStatus['state'] = 'closed'
  #problem: LinkError | undefined
  /** Set when the open connection was lost. */
  #lost: LinkError | undefined
  #calls = { exchanges: 0, failures: 0 }
  #replies = 0
  #lastReplyAt: number | undefined
  #busyWriting = false
  #paused = false

  constructor(connection: ConnectionSettings, options: PollerOptions) {
    this.#connection = connection
    this.#options = options
    this.#driver = options.driver
    this.#clock = options.clock
    const now = this.#clock.mono()
    this.#devices = connection.devices.map((device) => new PolledDevice(device, now))
    this.#driver.onLost = (error) => this.#onLost(error)
    this.#driver.listen?.({
      onReading: (device, samples) => this.#onHeard(device, samples),
      onError: (_device, code) => this.#options.log.debug('a message was not understood', { code }),
    })
  }

  get deviceNames(): readonly string[] {
    return this.#devices.map((device) => device.name)
  }

  start(): void {
    this.#running = this.#run()
  }

  /** A write under way is waited for, so that its fate is known; a poll is cut short. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    this.#jobs.rejectAll(new LinkError('closed', `${this.#connection.name} is stopping`))
    if (!this.#busyWriting) await this.#driver.close()
    await this.#running
    await this.#driver.close()
    this.#state = 'closed'
  }

  /**
   * No polls until `resume`; what devices say by themselves is not passed on. The connection stays open, writes and readings
   * asked for go through, and who does not answer is probed, so that its commands need not wait.
   */
  pause(): void {
    this.#paused = true
  }

  /** Goes on at the old times; what became due meanwhile is read once, at once. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    for (const device of this.#devices) device.resumed(this.#clock.mono())
    this.#wake.abort()
  }

  /** Writes before the next poll. Rejects with WriteError, or with LinkError when nothing was sent. */
  async write(
    deviceName: string,
    pointName: string,
    value: Value,
    isWanted: () => boolean = () => true,
  ): Promise<void> {
    const device = this.#device(deviceName)
    const point = device.point(pointName)
    await this.#enqueue(async () => {
      if (!isWanted()) throw new WriteError('expired', 'its time was over before its turn came', NOT_SENT)
      this.#busyWriting = true
      try {
        await this.#guard(this.#driver.write(device.settings, point, value), [point])
        this.#note(true)
        this.#report(device, device.answered(this.#clock.mono()))
      } catch (error) {
        const refused = error instanceof WriteError && error.code.startsWith('exception_')
        this.#note(refused)
        if (refused) this.#report(device, device.answered(this.#clock.mono()))
        throw error
      } finally {
        this.#busyWriting = false
      }
    })
  }

  /** Reads before the next poll; absent `points`: all readable ones. Rejects with LinkError. Makes no record. */
  async readNow(deviceName: string, points?: readonly string[]): Promise<readonly Sample[]> {
    const device = this.#device(deviceName)
    const wanted = points?.map((name) => device.point(name)) ?? device.readable
    return this.#enqueue(async () => {
      const samples = await this.#guard(this.#driver.read(device.settings, wanted), wanted)
      const change = this.#judge(device, samples)
      if (change === 'offline') this.#emit(device, samples)
      this.#report(device, change)
      return samples
    })
  }

  /** Did it answer lately? A device of which nothing can be read counts as online while the connection is open. */
  isOnline(deviceName: string): boolean {
    return this.#device(deviceName).health.state === 'online'
  }

  /** `devices`: everything but the points, whose values others keep. Durations in ms. */
  status(): { readonly connection: ConnectionStatus; readonly devices: readonly Omit<DeviceStatus, 'points'>[] } {
    const now = this.#clock.mono()
    const { name, type } = this.#connection
    const { exchanges, failures } = this.#driver.counters?.() ?? this.#calls
    const { code, message, hint } = this.#problem ?? {}
    const connection: ConnectionStatus = {
      name,
      type,
      line: describeConnection(this.#connection),
      state: this.#paused && this.#state === 'open' ? 'paused' : this.#state,
      ...(code !== undefined && message !== undefined && { problem: { code, message, ...(hint && { hint }) } }),
      exchanges,
      failures,
      ...(this.#lastReplyAt !== undefined && { lastReplyAgeMs: now - this.#lastReplyAt }),
    }
    return { connection, devices: this.#devices.map((device) => device.status(name, now)) }
  }

  /** Turns that were missed because the connection was busy. */
  get skippedTurns(): number {
    return this.#devices.reduce((sum, device) => sum + device.skipped, 0)
  }

  async #run(): Promise<void> {
    const limits = reopenPauses(this.#connection.type)
    let failures = 0
    while (!this.#stopped) {
      const opened = await this.#open()
      const repliesBefore = this.#replies
      if (opened) await this.#serve()
      if (this.#stopped) break
      await this.#driver.close()
      // A connection that worked is opened again at once and nobody is declared dead for that; else it is given up.
      failures = opened && this.#replies > repliesBefore ? 0 : failures + 1
      if (failures === 0) continue
      this.#fail(this.#lost ?? this.#problem)
      this.#lost = undefined
      await this.#sleep(backoffMs(failures - 1, limits, this.#options.random))
    }
  }

  async #open(): Promise<boolean> {
    this.#lost = undefined
    if (this.#state !== 'failed') this.#state = 'opening'
    try {
      await this.#driver.open()
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      this.#lost = error
      return false
    }
    if (this.#stopped) return false
    this.#options.log.info(this.#problem ? 'connection is back' : 'connection opened')
    this.#state = 'open'
    this.#problem = undefined
    const now = this.#clock.mono()
    const random = this.#options.random ?? Math.random
    for (const device of this.#devices) {
      device.opened(now, now + Math.round(random() * FIRST_POLL_SPREAD_MS))
      if (!device.probe) this.#report(device, device.answered(now))
    }
    return true
  }

  /** Turns until the connection is lost or the poller stops. */
  async #serve(): Promise<void> {
    while (!this.#stopped && !this.#lost) {
      const now = this.#clock.mono()
      const device = this.#mostDue(now)
      const due = device !== undefined && this.#dueAt(device) <= now
      const job = this.#jobs.next(due)
      if (job) await job.run()
      else if (due) await this.#turn(device)
      else await this.#sleep(device ? this.#dueAt(device) - now : Number.POSITIVE_INFINITY)
    }
  }

  async #turn(device: PolledDevice): Promise<void> {
    const now = this.#clock.mono()
    if (this.#driver.listen) {
      this.#silence(device, 'timeout')
      return
    }
    device.servedAt = now
    const probing = device.health.state === 'offline' || this.#paused
    const points = probing && device.probe ? [device.probe] : device.takeTurn(now).points
    const samples = await this.#read(device, points)
    if (this.#stopped) return
    const change = this.#judge(device, samples)
    if (!probing) this.#emit(device, samples)
    this.#report(device, change)
  }

  /** The samples of a read; a connection that breaks under it gives `io` for all points. */
  async #read(device: PolledDevice, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    try {
      return await this.#guard(this.#driver.read(device.settings, points), points)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      this.#lost ??= error
      return points.map((point) => ({ point: point.name, error: 'io' }))
    }
  }

  /** Waits for a driver call, but not for ever: closing makes a stuck one reject. */
  async #guard<T>(call: Promise<T>, points: readonly PointSettings[]): Promise<T> {
    const settled = new AbortController()
    const limitMs = STUCK_BASE_MS + points.length * 4 * this.#connection.timeoutMs
    void this.#clock.wait(limitMs, settled.signal).then(async () => {
      if (settled.signal.aborted) return
      this.#options.log.error('the driver did not settle in time, opening the connection anew', { limitMs })
      this.#lost ??= new LinkError('stuck', `a call to the driver of ${this.#connection.name} took over ${limitMs} ms`)
      await this.#driver.close()
    })
    try {
      return await call
    } finally {
      settled.abort()
    }
  }

  #mostDue(now: number): PolledDevice | undefined {
    const isServed = (device: PolledDevice) => !this.#paused || this.#driver.listen || device.health.state !== 'online'
    return whoseTurn(this.#devices.filter(isServed), now, { dueAt: (device) => this.#dueAt(device) })
  }

  #dueAt(device: PolledDevice): number {
    if (this.#connection.type !== 'serial-text') return device.dueAt()
    const { state } = device.health
    return state === 'offline' ? Number.POSITIVE_INFINITY : device.heardAt + this.#connection.silentAfterMs
  }

  #judge(device: PolledDevice, samples: readonly Sample[]): Change {
    const change = device.judge(samples, this.#clock.mono())
    this.#note(samples.some((sample) => sample.error === undefined || sample.error.startsWith('exception_')))
    return change
  }

  #note(answered: boolean): void {
    this.#calls.exchanges += 1
    if (answered) {
      this.#replies += 1
      this.#lastReplyAt = this.#clock.mono()
    } else {
      this.#calls.failures += 1
    }
  }

  #onHeard(name: string, samples: readonly Sample[]): void {
    if (this.#stopped) return
    const device = this.#device(name)
    device.heardAt = this.#clock.mono()
    this.#note(true)
    const change = device.answered(device.heardAt)
    if (change === 'online') this.#wake.abort() // from now on its silence must be noticed
    this.#report(device, change)
    if (!this.#paused) this.#emit(device, samples)
  }

  #silence(device: PolledDevice, reason: string): void {
    const change = device.silenced(reason, this.#clock.mono())
    if (change === 'none') return
    this.#emit(
      device,
      device.readable.map((point) => ({ point: point.name, error: reason })),
    )
    this.#report(device, change)
  }

  #emit(device: PolledDevice, samples: readonly Sample[]): void {
    if (samples.length > 0) this.#options.onReading({ device: device.name, samples, mono: this.#clock.mono() })
  }

  #report(device: PolledDevice, change: Change): void {
    const { log, onDeviceEvent } = this.#options
    if (change === 'online') {
      log.info('device answers', { device: device.name })
      onDeviceEvent({ event: 'device_online', device: device.name })
      this.onOnline?.(device.name)
    } else if (change === 'offline' && device.health.state === 'offline') {
      const { reason } = device.health
      log.warn('device does not answer', { device: device.name, reason })
      onDeviceEvent({ event: 'device_offline', device: device.name, reason })
    }
  }

  #onLost(error: LinkError): void {
    if (this.#state !== 'open') return
    this.#lost ??= error
    this.#wake.abort()
  }

  /** The connection cannot be opened, or breaks before anything answers. */
  #fail(error: LinkError | undefined): void {
    const problem = error ?? new LinkError('closed', `${this.#connection.name} was closed`)
    if (this.#problem?.code !== problem.code) {
      const { code, hint } = problem
      this.#options.log.warn(`no connection: ${problem.message}`, { code, ...(hint && { hint }) })
    }
    this.#problem = problem
    this.#state = 'failed'
    this.#jobs.rejectAll(problem)
    for (const device of this.#devices) this.#silence(device, problem.code)
  }

  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    if (this.#state !== 'open' || this.#stopped) {
      return Promise.reject(this.#problem ?? new LinkError('closed', `${this.#connection.name} is not open`))
    }
    const result = this.#jobs.add(run, (error) => {
      if (error instanceof LinkError) this.#lost ??= error
    })
    this.#wake.abort()
    return result
  }

  async #sleep(ms: number): Promise<void> {
    this.#wake = new AbortController()
    if (this.#stopped) return
    if (this.#jobs.isEmpty && !this.#lost)
      await this.#clock.wait(Math.min(Math.max(ms, 0), SLEEP_MAX_MS), this.#wake.signal)
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #device(name: string): PolledDevice {
    const device = this.#devices.find((candidate) => candidate.name === name)
    if (!device) throw new Error(`${this.#connection.name} has no device ${name}`)
    return device
  }
}

/** Timers longer than 24.8 days fire at once in Node; nothing here needs a longer one. */
const SLEEP_MAX_MS = 3_600_000

import type { Clock } from '../clock.ts'
import type { Sample } from '../model.ts'
import type { PointSettings } from '../settings.ts'
import { type Driver, LinkError } from './driver.ts'
import type { DriverCalls } from './driver-calls.ts'
import type { Judge } from './judge.ts'
import type { PolledDevice } from './polled-device.ts'
import { whoseTurn } from './whose-turn.ts'

/** First polls are spread over this, so that not all devices and gateways ask in the same instant. */
const FIRST_POLL_SPREAD_MS = 500
/** On a bus without gaps, a device that does not answer is probed every so often all the same. */
const PROBE_PATIENCE_MS = 5_000
/** Where a schedule goes by the wall clock: a clock that is set is noticed this soon. */
const WALL_LOOK_MS = 1_000

export interface TurnsOptions {
  readonly driver: Driver
  readonly clock: Clock
  readonly calls: DriverCalls
  readonly judge: Judge
  readonly random: () => number
  /** What a request without a reply costs at most. */
  readonly timeoutMs: number
  /** May the wall clock be believed? */
  readonly isClockKnown: () => boolean
  /** Is it to be known whether this device answers while nobody is polled? */
  readonly isAwaited: (device: string) => boolean
  readonly onLost: (error: LinkError) => void
}

/** Polls, probes, and the silence of devices that speak by themselves: whose turn it is, and what is done in it. */
export class Turns {
  readonly #devices: readonly PolledDevice[]
  readonly #options: TurnsOptions
  #paused = false
  #lastProbeAt = Number.NEGATIVE_INFINITY

  constructor(devices: readonly PolledDevice[], options: TurnsOptions) {
    this.#devices = devices
    this.#options = options
  }

  get isPaused(): boolean {
    return this.#paused
  }

  pause(): void {
    this.#paused = true
  }

  /** Goes on at the old times; what became due meanwhile is read once, at once. */
  resume(): void {
    this.#paused = false
    this.#look()
    for (const device of this.#devices) device.resumed()
  }

  opened(): void {
    const { random, judge } = this.#options
    const now = this.#look()
    for (const device of this.#devices) {
      device.opened(now, now + Math.round(random() * FIRST_POLL_SPREAD_MS))
      if (!device.probe) judge.present(device)
    }
  }

  /** The device that is due, or how long nobody will be; Infinity: for ever. */
  next(): { readonly device: PolledDevice | undefined; readonly inMs: number } {
    const { isAwaited, timeoutMs } = this.#options
    const now = this.#look()
    const served = this.#paused
      ? this.#devices.filter((device) => device.speaks || (device.health.state !== 'online' && isAwaited(device.name)))
      : this.#devices
    const candidates = served.map((device) => ({
      device,
      dueAt: device.dueAt(),
      isDoubtful: device.isGivenUp,
      busyMs: device.busy.sum(now),
      servedAt: device.servedAt,
    }))
    const { next, inMs } = whoseTurn(candidates, {
      now,
      probeMs: timeoutMs,
      patienceMs: PROBE_PATIENCE_MS,
      lastProbeAt: this.#lastProbeAt,
      isOverloaded: this.#devices.some((device) => device.missedPollsLately.sum(now) > 0),
    })
    const lookInMs = this.#devices.some((device) => device.timetable.goesByWall) ? WALL_LOOK_MS : inMs
    return { device: next?.device, inMs: Math.min(inMs, lookInMs) }
  }

  /** `isStopped`: what came is not wanted any more. */
  async take(device: PolledDevice, isStopped: () => boolean): Promise<void> {
    const { clock, judge } = this.#options
    if (device.speaks) {
      judge.silent(device, 'timeout')
      return
    }
    const from = clock.mono()
    device.servedAt = from
    const probe = device.isProbing(this.#paused) ? device.probe : undefined
    const samples = await this.#read(device, probe ? [probe] : device.takeTurn(from))
    device.busy.addSpan(from, clock.mono())
    if (device.isGivenUp) this.#lastProbeAt = clock.mono()
    if (isStopped()) return
    this.#look()
    judge.judge(device, samples, probe ? 'never' : 'always')
  }

  /** Every device takes notice of the time. */
  #look(): number {
    const { clock, isClockKnown } = this.#options
    const now = { mono: clock.mono(), wall: clock.wall() }
    const known = isClockKnown()
    for (const device of this.#devices) device.look(now, known)
    return now.mono
  }

  /** The samples of a read; a connection that breaks under it gives `io` for all points. */
  async #read(device: PolledDevice, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const { driver, calls, onLost } = this.#options
    try {
      return await calls.run(() => driver.read(device.settings, points), points.length)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      onLost(error)
      return points.map((point) => ({ point: point.name, error: 'io' }))
    }
  }
}

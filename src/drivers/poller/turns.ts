import type { Clock } from '../../clock.ts'
import type { Sample } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import { type Driver, LinkError } from '../driver.ts'
import type { DriverCalls } from './driver-calls.ts'
import { silenceOf } from './health.ts'
import type { Judge } from './judge.ts'
import { Poll, partsOf } from './poll.ts'
import type { PolledDevice } from './polled-device.ts'
import { whoseTurn } from './whose-turn.ts'

/** First polls are spread over this, so that not all devices and gateways ask in the same instant. */
const FIRST_POLL_SPREAD_MS = 500
/** On a bus without gaps, a device that does not answer is probed every so often all the same. */
const PROBE_PATIENCE_MS = 5_000
/** A poll that takes longer is read request by request, and others that are due have their turn in between. */
const UNDIVIDED_MS = 500
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
  /** The connection could not be used since it was open last. */
  #hadFailed = false

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
      const anchor = now + Math.round(random() * FIRST_POLL_SPREAD_MS)
      device.opened(now, { anchor, hadFailed: this.#hadFailed })
      if (!device.probe) judge.present(device)
    }
    this.#hadFailed = false
  }

  /** The connection was closed: polls that have begun end here. */
  closed(): void {
    for (const device of this.#devices) {
      device.poll?.giveUp('io')
      this.#conclude(device)
    }
  }

  /** The connection cannot be used: the next time it can, it is seen who is there. */
  failed(): void {
    this.#hadFailed = true
  }

  /** The device that is due, or how long nobody will be; Infinity: for ever. */
  next(): { readonly device: PolledDevice | undefined; readonly inMs: number } {
    const { isAwaited, timeoutMs } = this.#options
    const now = this.#look()
    const served = this.#paused
      ? this.#devices.filter(
          ({ name, speaks, poll, health }) => speaks || poll || (health.state !== 'online' && isAwaited(name)),
        )
      : this.#devices
    const candidates = served.map((device) => ({
      device,
      dueAt: device.dueAt(),
      doubt: device.doubt,
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
    const probe = !device.poll && device.isProbing(this.#paused) ? device.probe : undefined
    const samples = probe ? await this.#read(device, [probe]) : await this.#readOn(device, isStopped)
    device.busy.addSpan(from, clock.mono())
    if (device.doubt > 0) this.#lastProbeAt = clock.mono()
    if (isStopped()) return
    this.#look()
    if (probe) judge.judge(device, { samples, emit: 'never' })
    else this.#conclude(device)
  }

  /** Begins the poll that is due, or goes on with it, until it is over or others should have their turn. */
  async #readOn(device: PolledDevice, isStopped: () => boolean): Promise<readonly Sample[]> {
    const { clock } = this.#options
    const from = clock.mono()
    const poll = device.poll ?? new Poll(this.#parts(device, device.takeTurn(from)))
    device.poll = poll
    for (let part = poll.next; part && !isStopped(); part = poll.next) {
      const partFrom = clock.mono()
      poll.take(await this.#read(device, part), clock.mono() - partFrom)
      if (clock.mono() - from >= UNDIVIDED_MS) break
    }
    return poll.samples
  }

  /** Takes the poll as a whole, if it is over. */
  #conclude(device: PolledDevice): void {
    const { poll } = device
    if (!poll || poll.next) return
    device.poll = undefined
    const { samples, points, tookMs } = poll
    if (
      silenceOf(samples) === undefined &&
      (poll.isDivided || tookMs > UNDIVIDED_MS || device.requestMs === Number.POSITIVE_INFINITY)
    ) {
      device.requestMs = tookMs / Math.max(1, this.#planned(device, points).length)
    }
    this.#options.judge.judge(device, { samples, emit: 'always' })
  }

  /** What is read by one call each: all at once, unless that is known to take long, or nothing is known yet. */
  #parts(device: PolledDevice, points: readonly PointSettings[]): readonly (readonly PointSettings[])[] {
    const mayTakeLong = points.length > 1 && points.length * device.requestMs > UNDIVIDED_MS
    const parts = mayTakeLong ? this.#planned(device, points) : []
    return parts.length * device.requestMs > UNDIVIDED_MS ? parts : [points]
  }

  #planned(device: PolledDevice, points: readonly PointSettings[]): readonly (readonly PointSettings[])[] {
    return partsOf(points, this.#options.driver.plan?.(device.settings, points) ?? [])
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

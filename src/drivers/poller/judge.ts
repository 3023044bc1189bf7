import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import type { DeviceEvent, Reading, Sample } from '../../model.ts'
import { type Health, isUnasked, silenceOf } from './health.ts'
import type { Change, PolledDevice } from './polled-device.ts'

export interface JudgeOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly onReading: (reading: Reading) => void
  readonly onDeviceEvent: (event: DeviceEvent) => void
  /** Called after the event. */
  readonly onOnline: (device: string) => void
  /** Something answered, whatever it was. */
  readonly onReply: () => void
}

/** Devices that went offline within so long of each other are likely to have gone, and to be back, for one reason. */
const TOGETHER_MS = 5_000

/** Who answers: takes what came of calls and messages as evidence, hands on readings, and says it once when that changes. */
export class Judge {
  readonly #options: JudgeOptions
  readonly #devices: readonly PolledDevice[]
  #calls = 0
  #failures = 0
  #lastReplyAt: number | undefined

  constructor(devices: readonly PolledDevice[], options: JudgeOptions) {
    this.#devices = devices
    this.#options = options
  }

  /** Valid replies so far. */
  get replies(): number {
    return this.#calls - this.#failures
  }

  get counts() {
    return { exchanges: this.#calls, failures: this.#failures, lastReplyAt: this.#lastReplyAt }
  }

  /**
   * What a poll, a probe or a reading asked for brought. `emit`: hand it on; else only the one that takes it offline is. That
   * one has a code for every point, also for those that were not read in it.
   */
  judge(
    device: PolledDevice,
    { samples, emit }: { readonly samples: readonly Sample[]; readonly emit: 'always' | 'when_offline' | 'never' },
  ): void {
    const silence = silenceOf(samples)
    if (samples.some((sample) => !isUnasked(sample.error))) this.note(silence === undefined)
    const before = device.health
    const change = device.judge(samples, this.#options.clock.mono())
    if (change === 'offline' && silence !== undefined && emit !== 'never')
      this.#emit(device, completed(device, { samples, code: silence }))
    else if (emit === 'always') this.#emit(device, samples)
    this.#report(device, { change, before })
  }

  /** It confirmed or refused something. */
  answered(device: PolledDevice): void {
    this.note(true)
    this.present(device)
  }

  /** It counts as online, without having said so: nothing of it can be read. */
  present(device: PolledDevice): void {
    const before = device.health
    this.#report(device, { change: device.answered(this.#options.clock.mono()), before })
  }

  /** It spoke by itself. True: that brought it online. */
  heard(
    device: PolledDevice,
    { samples, emit }: { readonly samples: readonly Sample[]; readonly emit: boolean },
  ): boolean {
    device.heardAt = this.#options.clock.mono()
    this.note(true)
    const before = device.health
    const change = device.answered(device.heardAt)
    this.#report(device, { change, before })
    if (emit) this.#emit(device, samples)
    return change === 'online'
  }

  /** It cannot answer, or has been silent for longer than allowed. */
  silent(device: PolledDevice, reason: string): void {
    const before = device.health
    const change = device.silenced(reason, this.#options.clock.mono())
    if (change === 'none') return
    this.#emit(
      device,
      device.readable.map((point) => ({ point: point.name, error: reason })),
    )
    this.#report(device, { change, before })
  }

  /** A call ended, with a valid reply or without. */
  note(answered: boolean): void {
    this.#calls += 1
    if (!answered) {
      this.#failures += 1
      return
    }
    this.#lastReplyAt = this.#options.clock.mono()
    this.#options.onReply()
  }

  #emit(device: PolledDevice, samples: readonly Sample[]): void {
    if (samples.length === 0) return
    this.#options.onReading({ device: device.name, samples, mono: this.#options.clock.mono() })
  }

  #report(device: PolledDevice, { change, before }: { readonly change: Change; readonly before: Health }): void {
    const { clock, log, onDeviceEvent, onOnline } = this.#options
    const { name, health } = device
    if (change === 'online') {
      const awayMs = before.state === 'offline' ? clock.mono() - before.since : undefined
      const away = awayMs === undefined ? {} : { awayMs }
      log.info('device answers', { device: name, ...away })
      onDeviceEvent({ event: 'device_online', device: name, ...away })
      onOnline(name)
      if (before.state === 'offline') this.#probeOthers(device, before.since)
    } else if (change === 'offline' && health.state === 'offline') {
      log.warn('device does not answer', { device: name, reason: health.reason })
      onDeviceEvent({ event: 'device_offline', device: name, reason: health.reason })
    }
  }

  /**
   * When all were away and one is back, what kept them away may be over for the others too, and for those that went with it
   * it is likely to be.
   */
  #probeOthers(back: PolledDevice, wentAt: number): void {
    const others = this.#devices.filter((device) => device !== back)
    if (others.some((device) => device.health.state === 'online')) return
    for (const device of others)
      device.probeNow(this.#options.clock.mono(), Math.abs(device.health.since - wentAt) <= TOGETHER_MS)
  }
}

/** With the code for all the points that were not read. */
function completed(
  device: PolledDevice,
  { samples, code }: { readonly samples: readonly Sample[]; readonly code: string },
): readonly Sample[] {
  const known = new Set(samples.map(({ point }) => point))
  const others = device.readable.filter(({ name }) => !known.has(name))
  return [...samples, ...others.map(({ name }) => ({ point: name, error: code }))]
}

import type { Sample } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import type { DeviceStatus } from '../../status.ts'
import type { Moment } from './cron-group.ts'
import { type Health, isUnasked, offline, onAnswer, onSilence, silenceOf } from './health.ts'
import { LastMinute } from './last-minute.ts'
import type { Poll } from './poll.ts'
import { Timetable } from './timetable.ts'

/** What became of a device's health: the reader of the samples reports it once. */
export type Change = 'none' | 'online' | 'offline'

/** After so many failed probes a device is as unlikely to answer as it will ever be. */
const LONG_GONE = 8

/** One device as its poller sees it: what is due when, and whether it answers. No I/O, no clock. */
export class PolledDevice {
  readonly settings: DeviceSettings
  /** What is read to see whether it answers: its smallest point. Undefined: nothing of it can be read. */
  readonly probe: PointSettings | undefined
  readonly timetable: Timetable
  /** For how long it occupied the connection, in ms. */
  readonly busy = new LastMinute()
  health: Health
  /** Polls missed because the bus was busy. */
  missedPolls = 0
  readonly missedPollsLately = new LastMinute()
  /** When its last turn began. */
  servedAt = Number.NEGATIVE_INFINITY
  /** When it spoke last by itself. */
  heardAt: number
  /** The poll of it that has begun and is not over. */
  poll: Poll | undefined
  /** What one request to it usually takes, ms; not known before its first poll. */
  requestMs = Number.POSITIVE_INFINITY
  readonly #silentAfterMs: number | undefined
  /** What took it away is likely to be over. */
  #hopeful = false
  /** It is offline because the connection is, or was. */
  #wentWithConnection = false
  /** When it is probed before its first scheduled time, to know whether it is there. */
  #firstProbeAt: number | undefined

  /** `silentAfterMs`: it speaks by itself, and counts as offline after such a silence. Absent: it is polled. */
  constructor(settings: DeviceSettings, now: number, options: { readonly silentAfterMs?: number } = {}) {
    this.settings = settings
    this.#silentAfterMs = options.silentAfterMs
    this.timetable = new Timetable(settings)
    this.probe = smallest(this.readable)
    this.health = { state: 'unknown', since: now, garbled: 0 }
    this.heardAt = now
  }

  get name(): string {
    return this.settings.name
  }

  /** Nobody asks it. */
  get speaks(): boolean {
    return this.#silentAfterMs !== undefined
  }

  get readable(): readonly PointSettings[] {
    return this.settings.points.filter((point) => point.access !== 'wo')
  }

  point(name: string): PointSettings {
    const point = this.settings.points.find((candidate) => candidate.name === name)
    if (!point) throw new Error(`${this.name} has no point ${name}`)
    return point
  }

  /**
   * The connection is open. The first time its schedule begins, at `anchor`; later it goes on as it was. `hadFailed`: it
   * could not be used for a while, so that a look at who is there is worth while.
   */
  opened(now: number, { anchor, hadFailed }: { readonly anchor: number; readonly hadFailed: boolean }): void {
    this.heardAt = now
    this.timetable.begin(anchor)
    if (this.health.state === 'unknown' && this.timetable.isOnlyScheduled) this.#firstProbeAt = anchor
    if (hadFailed) this.probeNow(now, this.#wentWithConnection)
  }

  look(now: Moment, isClockKnown: boolean): void {
    this.timetable.look(now, isClockKnown)
  }

  /** Another look at whether it answers is worth while now. `isLikely`: it goes like a poll, for it is expected to. */
  probeNow(now: number, isLikely: boolean): void {
    if (this.health.state !== 'offline') return
    this.health = { ...this.health, probeAt: Math.min(this.health.probeAt, now) }
    this.#hopeful ||= isLikely
  }

  /** How unlikely it is to answer: 0 is expected to, else it grows with the probes that failed. */
  get doubt(): number {
    if (this.health.state !== 'offline' || this.#hopeful) return 0
    return 1 + Math.min(this.health.probes, LONG_GONE)
  }

  /** Is its next turn a probe? `paused`: it is not polled now. */
  isProbing(paused: boolean): boolean {
    if (this.speaks) return false
    return this.health.state === 'offline' || paused || this.#firstProbeAt !== undefined
  }

  /** When it wants a turn: a poll, a probe, or to be found silent. Infinity: never. */
  dueAt(): number {
    const { health } = this
    if (this.poll) return this.servedAt
    if (this.#silentAfterMs !== undefined) {
      return health.state === 'offline' ? Number.POSITIVE_INFINITY : this.heardAt + this.#silentAfterMs
    }
    if (this.timetable.isEmpty) return Number.POSITIVE_INFINITY
    if (health.state === 'offline') return health.probeAt
    return this.#firstProbeAt ?? this.timetable.dueAt()
  }

  /** Polling goes on after a pause: the turns that passed were not missed for want of time. */
  resumed(): void {
    this.timetable.forgive()
  }

  /** What is due. */
  takeTurn(now: number): readonly PointSettings[] {
    const { points, missed } = this.timetable.take()
    this.missedPolls += missed
    if (missed > 0) this.missedPollsLately.add(now, missed)
    return points
  }

  /** Takes the samples of a poll, probe or reading asked for as evidence. */
  judge(samples: readonly Sample[], now: number): Change {
    this.#firstProbeAt = undefined
    this.#hopeful = false
    const silence = silenceOf(samples)
    const at = { now, intervalMs: this.#intervalMs }
    if (silence !== undefined) return this.#become(onSilence(this.health, silence, at))
    if (samples.some((sample) => !isUnasked(sample.error))) return this.answered(now)
    // Nothing was asked: it stays what it was, and is not looked at again and again.
    if (this.health.state === 'offline') this.health = onSilence(this.health, this.health.reason, at)
    return 'none'
  }

  answered(now: number): Change {
    if (this.health.state === 'offline') {
      // Read in full at once. The first time, the poll that brought the answer was that reading.
      this.timetable.forgive()
      this.timetable.readAllNow()
    }
    return this.#become(onAnswer(this.health, now))
  }

  /** It cannot answer (the connection is gone), or has been silent for longer than allowed. */
  silenced(reason: string, now: number): Change {
    if (this.health.state === 'offline') return 'none'
    this.#wentWithConnection = true
    return this.#become(offline(reason, { now, intervalMs: this.#intervalMs }))
  }

  status(connection: string, now: number): Omit<DeviceStatus, 'points'> {
    const { health } = this
    const missed = this.speaks ? {} : { missedPolls: this.missedPolls }
    const common = { name: this.name, connection, state: health.state, sinceMs: now - health.since, ...missed }
    if (health.state !== 'offline') return common
    const nextProbeInMs = Math.max(0, this.dueAt() - now)
    return { ...common, reason: health.reason, ...(Number.isFinite(nextProbeInMs) && { nextProbeInMs }) }
  }

  get #intervalMs(): number {
    return this.timetable.shortestIntervalMs
  }

  #become(next: Health): Change {
    const before = this.health.state
    this.health = next
    if (next.state === 'offline') this.poll = undefined
    else this.#wentWithConnection = false
    return next.state === before || next.state === 'unknown' ? 'none' : next.state
  }
}

function smallest(points: readonly PointSettings[]): PointSettings | undefined {
  return [...points].sort((a, b) => widthOf(a) - widthOf(b))[0]
}

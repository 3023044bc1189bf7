import type { Sample } from '../model.ts'
import type { DeviceSettings, PointSettings } from '../settings.ts'
import type { DeviceStatus } from '../status.ts'
import { type Health, offline, onAnswer, onSilence, silenceOf } from './health.ts'
import { widthOf } from './modbus/registers.ts'
import {
  dueNow,
  groupsOf,
  nextDueAt,
  type PollGroup,
  shortestInterval,
  type Turn,
  takeTurn,
  withoutMissed,
} from './schedule.ts'

/** What became of a device's health: the reader of the samples reports it once. */
export type Change = 'none' | 'online' | 'offline'

/** One device as its poller sees it: what is due when, and whether it answers. No I/O, no clock. */
export class PolledDevice {
  readonly settings: DeviceSettings
  /** What is read to see whether it answers: its smallest point. Undefined: nothing of it can be read. */
  readonly probe: PointSettings | undefined
  health: Health
  /** Turns missed because the bus was busy. */
  skipped = 0
  /** When its last turn began. */
  servedAt = Number.NEGATIVE_INFINITY
  /** When it spoke last by itself. */
  heardAt: number
  #groups: readonly PollGroup[] = []

  constructor(settings: DeviceSettings, now: number) {
    this.settings = settings
    this.probe = smallest(settings.points.filter((point) => point.access !== 'wo'))
    this.health = { state: 'unknown', since: now, garbled: 0 }
    this.heardAt = now
  }

  get name(): string {
    return this.settings.name
  }

  get readable(): readonly PointSettings[] {
    return this.settings.points.filter((point) => point.access !== 'wo')
  }

  point(name: string): PointSettings {
    const point = this.settings.points.find((candidate) => candidate.name === name)
    if (!point) throw new Error(`${this.name} has no point ${name}`)
    return point
  }

  /** The connection is open. The first time the schedule begins, at `anchor`; later it goes on as it was. */
  opened(now: number, anchor: number): void {
    this.heardAt = now
    if (this.#groups.length === 0) this.#groups = groupsOf(this.settings, anchor)
    if (this.health.state === 'offline') this.health = { ...this.health, probeAt: now }
  }

  /** When it wants a turn: a poll, or a probe while it is offline. */
  dueAt(): number {
    const polledAt = nextDueAt(this.#groups)
    return this.health.state === 'offline' && Number.isFinite(polledAt) ? this.health.probeAt : polledAt
  }

  /** Polling goes on after a pause: the turns that passed were not missed for want of time. */
  resumed(now: number): void {
    this.#groups = withoutMissed(this.#groups, now)
  }

  takeTurn(now: number): Turn {
    const turn = takeTurn(this.#groups, now)
    this.#groups = turn.groups
    this.skipped += turn.skipped
    return turn
  }

  /** Takes the samples of a poll, probe or reading asked for as evidence. */
  judge(samples: readonly Sample[], now: number): Change {
    const silence = silenceOf(samples)
    if (silence === undefined) return this.answered(now)
    return this.#become(onSilence(this.health, silence, { now, intervalMs: shortestInterval(this.#groups) }))
  }

  answered(now: number): Change {
    // Back after a silence: read in full at once. The first time, the poll that brought the answer was that reading.
    if (this.health.state === 'offline') this.#groups = dueNow(this.#groups, now)
    return this.#become(onAnswer(this.health, now))
  }

  /** It cannot answer (the connection is gone), or has been silent for longer than allowed. */
  silenced(reason: string, now: number): Change {
    if (this.health.state === 'offline') return 'none'
    return this.#become(offline(reason, { now, intervalMs: shortestInterval(this.#groups) }))
  }

  status(connection: string, now: number): Omit<DeviceStatus, 'points'> {
    const { health } = this
    const common = { name: this.name, connection, state: health.state, sinceMs: now - health.since }
    if (health.state !== 'offline') return common
    const probed = Number.isFinite(nextDueAt(this.#groups))
    return { ...common, reason: health.reason, ...(probed && { nextProbeInMs: Math.max(0, health.probeAt - now) }) }
  }

  #become(next: Health): Change {
    const before = this.health.state
    this.health = next
    return next.state === before || next.state === 'unknown' ? 'none' : next.state
  }
}

function smallest(points: readonly PointSettings[]): PointSettings | undefined {
  return [...points].sort((a, b) => widthOf(a) - widthOf(b))[0]
}

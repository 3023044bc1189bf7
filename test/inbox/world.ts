/**
 * Plays the cloud (which sends again what was not confirmed, marked as sent before), the device, the power and the clock
 * around an inbox, knows the true time, and notes whatever promise P8 forbids.
 */
import assert from 'node:assert/strict'
import type { CommandSettings, CommandTarget } from '../../src/command-settings.ts'
import { commandSettings, type Manner, type Outcome, pointSettings, pointTarget, quiet, Site } from './site.ts'

export const LIFE_MS = 600_000
/** Longer than any step of the clock: what ended while it was off by years is not forgotten for that. */
const HISTORY_MS = 100 * 365 * 86_400_000

type Traits = Omit<Partial<CommandSettings>, 'target'> & { readonly target: CommandTarget }

const group = (names: readonly string[]): CommandTarget => ({
  type: 'group',
  device: 'boiler',
  points: names.map((point) => ({ name: point, point })),
  verify: 'none',
})
const queue = { mode: 'queue', repeatable: false, waitingMax: 4 } as const

/** A key of every sort. The value of a command is its number, of a group that for each point. */
const traits = {
  again: { target: pointTarget({ point: 'again' }), rate: { commands: 6, perMs: 60_000 } },
  once: { target: pointTarget({ point: 'once' }), repeatable: false },
  /** Cannot be read. */
  blind: { target: pointTarget({ point: 'blind' }), repeatable: false },
  /** Ordered by the time of issue. */
  issued: { target: pointTarget({ point: 'issued' }) },
  pair: { target: group(['left', 'right']) },
  pairOnce: { target: group(['up', 'down']), repeatable: false },
  jobs: { ...queue, target: pointTarget({ point: 'jobs' }), rate: { commands: 20, perMs: 60_000 } },
  program: {
    ...queue,
    target: { type: 'exec', program: '/bin/valve', args: ['{value}'], value: { min: 0 }, timeoutMs: 1_000 },
  },
} satisfies Readonly<Record<string, Traits>>

export type Key = keyof typeof traits
export const keys = Object.keys(traits) as Key[]
const commands = keys.map((key) => commandSettings({ key, expiresAfterMs: LIFE_MS, ...traits[key] }))
const commandOf = (key: Key) => commands.find((command) => command.key === key) as CommandSettings
const pointsOf = ({ target }: CommandSettings) =>
  target.type === 'group' ? target.points.map(({ point }) => point) : target.type === 'point' ? [target.point] : []
const points = commands.flatMap(pointsOf).map((name) => pointSettings({ name, access: name === 'blind' ? 'wo' : 'rw' }))

export type Action =
  | {
      readonly do: 'send'
      readonly key: Key
      readonly named: boolean
      /** For `issued`: how late it was issued, in steps of five seconds. */
      readonly version?: number
      readonly lifeMs?: number
    }
  | { readonly do: 'repeat'; readonly which: number }
  | { readonly do: 'online' | 'offline' | 'hold' | 'release' | 'learn clock' | 'reconnect' }
  | { readonly do: 'device'; readonly manners: readonly Manner[] }
  | { readonly do: 'read'; readonly works: boolean }
  | { readonly do: 'pass' | 'slow disk'; readonly ms: number }
  /** The wall clock is off by so much for so long. */
  | { readonly do: 'step clock'; readonly byMs: number; readonly ms: number }
  | { readonly do: 'cancel'; readonly which: number }
  | { readonly do: 'crash'; readonly afterCommit: boolean; readonly rebootMs?: number }

/** A message as the cloud keeps it until it is confirmed. */
interface Sent {
  readonly order: number
  readonly key: Key
  readonly value: number
  readonly payload: string
  readonly redelivery: string
  readonly id?: string
  /** Or its time of issue. */
  readonly version?: number
  /** True time after which it must not be applied. Unknown for those that live from their arrival, until they arrive. */
  deadline: number
  readonly fromArrival: boolean
  confirmed: boolean
  deliveries: number
  /** Attempts that may have reached the device without a reply, or in part; crashes included. */
  doubts: number
  /** By point. */
  readonly writes: Map<string, number>
}

export class World {
  readonly site: Site
  readonly sent: Sent[] = []
  /** What a device saw and should not have seen. Thrown from within a write it would pass for a failure of the device. */
  readonly violations: string[] = []
  repeatedWrites = 0
  #trueNow = 10 * 365 * 86_400_000
  #lastMono: number
  #manner: Manner = 'ok'
  /** Of the running agent. */
  #life = { writing: 0 }

  private constructor(site: Site) {
    this.site = site
    this.#lastMono = site.clock.mono()
    const { devices } = site
    devices.onWrite = (point, value) => this.#written(point, Number(value))
    const shift = devices.manners.shift.bind(devices.manners)
    devices.manners.shift = () => {
      const next = shift()
      this.#manner = next ?? 'ok'
      return next
    }
    const write = devices.write.bind(devices)
    devices.write = (device, point, value, isWanted) =>
      this.#watched(Number(value), { alone: true }, () => write(device, point, value, isWanted))
    const run = devices.run.bind(devices)
    devices.run = (value) => this.#watched(Number(value), { alone: false }, () => run(value))
  }

  static async open(again: boolean): Promise<World> {
    return new World(await Site.open({ commands, points, again, tameExec: true, keepHistoryMs: HISTORY_MS }))
  }

  /** An attempt, whose doubts are counted at once; those that hang are counted when the agent has died of it. */
  async #watched<T>(value: number, { alone }: { readonly alone: boolean }, attempt: () => Promise<T>): Promise<T> {
    const message = this.byValue(value)
    const life = this.#life
    if (alone) life.writing += 1
    if (life.writing > 1) this.violations.push(`${value} was written while another write was under way`)
    const isPartly = message.writes.size > 0
    this.#manner = 'lost_undone'
    const trying = attempt()
    const isLost = this.#manner.startsWith('lost')
    if (isLost) message.doubts += 1
    try {
      return await trying
    } catch (error) {
      if (isPartly && !isLost) message.doubts += 1
      throw error
    } finally {
      if (alone) life.writing -= 1
    }
  }

  /** The true time moves with the boot's monotonic clock, and by itself while the power is off. */
  get trueNow(): number {
    const mono = this.site.clock.mono()
    this.#trueNow += mono - this.#lastMono
    this.#lastMono = mono
    return this.#trueNow
  }

  byValue(value: number): Sent {
    const found = this.sent[value - 1]
    assert.ok(found, `a value nobody sent was written: ${value}`)
    return found
  }

  #written(place: string, value: number): void {
    const message = this.byValue(value)
    const point = place.split('.')[1] ?? ''
    const own = message.key === 'program' ? ['run'] : pointsOf(commandOf(message.key))
    const lateMs = this.trueNow - message.deadline
    if (!own.includes(point)) this.violations.push(`${value} was written to ${place}`)
    if (lateMs >= 0) this.violations.push(`${value} was written ${lateMs} ms after its time`)
    for (const other of this.sent) {
      if (other.key !== message.key || other.writes.size === 0 || other === message) continue
      if (isNewer(other, message)) this.violations.push(`${value} was written after the newer ${other.value}`)
    }
    // The reply of this very write is not among the doubts yet.
    const before = message.writes.get(point) ?? 0
    if (before > 0 && !commandOf(message.key).repeatable) this.violations.push(`${value} ran twice`)
    if (before > message.doubts) this.violations.push(`${value} ran again without a doubt`)
    message.writes.set(point, before + 1)
  }

  async act(action: Action): Promise<void> {
    const { site } = this
    switch (action.do) {
      case 'send':
        this.#send(action)
        break
      case 'repeat': {
        const message = this.#named(action.which)
        // The application asks again with the same id: a new message to the cloud.
        if (message) void site.deliver(message.payload, { key: message.key, redelivery: `again ${action.which}` })
        break
      }
      case 'cancel':
        void site.inbox.cancel(this.#named(action.which)?.id ?? '')
        break
      case 'online':
        await site.bringOnline()
        break
      case 'offline':
        site.devices.online.clear()
        break
      case 'hold':
        site.storage.hold()
        break
      case 'release':
        site.storage.release()
        break
      case 'learn clock':
        await site.learnClock()
        break
      case 'reconnect':
        this.#redeliver()
        break
      case 'device':
        site.devices.manners.push(...action.manners)
        break
      case 'read':
        site.devices.readError = action.works ? undefined : 'timeout'
        break
      case 'slow disk':
        site.storage.hold()
        await site.bringOnline()
        await site.clock.pass(action.ms)
        site.storage.release()
        break
      case 'pass':
        await site.clock.pass(action.ms)
        break
      case 'step clock':
        await this.#stepClock(action)
        break
      case 'crash':
        await this.#crash(action)
        break
    }
    await quiet()
  }

  #named(which: number): Sent | undefined {
    const named = this.sent.filter((message) => message.id !== undefined)
    return named[which % Math.max(1, named.length)]
  }

  #send({ key, version, lifeMs, named }: Action & { readonly do: 'send' }): void {
    const value = this.sent.length + 1
    // A sender that gives a time reads it from a clock that is right.
    const wall = this.site.clock.wall()
    const agoMs = key === 'issued' && version !== undefined ? (12 - version) * 5_000 : undefined
    const issuedAt = agoMs === undefined ? undefined : wall - agoMs
    const expiresAt = lifeMs === undefined ? undefined : wall + lifeMs
    const id = named ? `id-${value}` : undefined
    const { target } = commandOf(key)
    const content = target.type === 'group' ? Object.fromEntries(target.points.map(({ name }) => [name, value])) : value
    const own = key === 'issued' ? { issued_at: issuedAt } : { version }
    const rank = issuedAt ?? (key === 'issued' ? undefined : version)
    const livesMs = lifeMs ?? (agoMs === undefined ? undefined : LIFE_MS - agoMs)
    const message: Sent = {
      order: value,
      key,
      value,
      payload: JSON.stringify({ id, value: content, ...own, expires_at: expiresAt }),
      redelivery: `packet ${value}`,
      ...(id === undefined ? {} : { id }),
      ...(rank === undefined ? {} : { version: rank }),
      deadline: livesMs === undefined ? Infinity : this.trueNow + livesMs,
      fromArrival: livesMs === undefined,
      confirmed: false,
      deliveries: 0,
      doubts: 0,
      writes: new Map(),
    }
    this.sent.push(message)
    this.#deliver(message)
  }

  #deliver(message: Sent): void {
    const { key, redelivery } = message
    message.deliveries += 1
    // Only the delivery that becomes durable starts its life; the latest one is the loosest bound.
    if (message.fromArrival) message.deadline = this.trueNow + LIFE_MS
    const duplicate = message.deliveries > 1
    void this.site.deliver(message.payload, { key, redelivery, duplicate }).then(() => {
      assert.ok(this.#row(message), `confirmed before it was durable: ${message.value}`)
      message.confirmed = true
    })
  }

  #row(message: Sent): unknown {
    const byId = 'SELECT 1 FROM command WHERE key = ? AND id = ?'
    const byPrint = 'SELECT 1 FROM command WHERE key = ? AND redelivery = ?'
    return message.id === undefined
      ? this.site.disk.prepare(byPrint).get(message.key, `cloud ${message.redelivery}`)
      : this.site.disk.prepare(byId).get(message.key, message.id)
  }

  /** A new session: the cloud sends again, in order, what it has no confirmation for (MQTT 5, 4.4 and 4.6). */
  #redeliver(): void {
    for (const message of this.sent) if (!message.confirmed) this.#deliver(message)
  }

  /** Nobody sends meanwhile. After a restart of the machine only the wall clock is left, so then it never goes back. */
  async #stepClock({ byMs, ms }: Action & { readonly do: 'step clock' }): Promise<void> {
    const { site } = this
    const { clock } = site
    const by = site.boot === 'boot-1' ? byMs : Math.abs(byMs)
    clock.wallOffset += by
    site.inbox.clockChanged()
    await clock.pass(ms)
    clock.wallOffset -= by
    site.inbox.clockChanged()
  }

  async #crash({ afterCommit, rebootMs }: Action & { readonly do: 'crash' }): Promise<void> {
    this.repeatedWrites += this.site.inbox.status().repeatedWrites ?? 0
    void this.trueNow
    if (afterCommit) this.site.storage.crash({ afterCommit: true })
    const applying = this.site.disk
      .prepare("SELECT value FROM command WHERE state = 'applying'")
      .pluck()
      .all() as string[]
    for (const value of applying) this.byValue(numberOf(JSON.parse(value))).doubts += 1
    if (rebootMs !== undefined) this.#trueNow += rebootMs
    this.#life = { writing: 0 }
    const clockBefore = this.site.clock
    const restarted = this.site.restart(rebootMs === undefined ? {} : { rebootMs })
    assert.notEqual(this.site.clock, clockBefore)
    this.#lastMono = this.site.clock.mono()
    await restarted
    this.#redeliver()
  }

  /** Everything is well again, and enough time passes for all to end. */
  async calmDown(): Promise<void> {
    this.site.storage.release()
    this.site.devices.readError = undefined
    this.site.devices.manners.length = 0
    await quiet()
    // A write that hangs stands for one that the agent does not survive.
    const hangs = this.site.inbox.waiting().some((command) => command.reason === 'applying')
    if (hangs) await this.act({ do: 'crash', afterCommit: false })
    await this.site.learnClock()
    await this.act({ do: 'reconnect' })
    await this.site.bringOnline()
    await this.site.clock.pass(3 * LIFE_MS)
    this.repeatedWrites += this.site.inbox.status().repeatedWrites ?? 0
  }

  check(): void {
    assert.deepEqual(this.violations, [])
    assert.deepEqual(this.site.inbox.waiting(), [], 'something is still under way')
    const outcomes = this.site.outcomes()
    for (const message of this.sent) {
      assert.ok(message.confirmed, `never confirmed: ${message.value}`)
      const own = outcomes.filter((outcome) => numberOf(outcome.value) === message.value)
      const states = new Set(own.map((outcome) => JSON.stringify(outcome)))
      assert.equal(states.size, 1, `${message.value} has ${states.size} different outcomes: ${[...states]}`)
      const [outcome] = own
      if (outcome) this.#checkOutcome(message, outcome)
      const values = this.site.disk.prepare('SELECT value FROM command WHERE key = ?').pluck().all(message.key)
      const rows = values.filter((value) => numberOf(JSON.parse(String(value))) === message.value).length
      assert.equal(rows, 1, `${message.value} is stored ${rows} times`)
      // Without an id nobody can ask again, so that there is one record; with one, each repeat is answered.
      if (message.id === undefined) assert.equal(own.length, 1, `${message.value} has ${own.length} outcomes`)
    }
    const rewrites = this.sent.reduce((sum, { writes }) => sum + Math.max(0, Math.max(0, ...writes.values()) - 1), 0)
    assert.ok(rewrites <= this.repeatedWrites, `${rewrites} writes again, ${this.repeatedWrites} counted`)
  }

  #checkOutcome(message: Sent, outcome: Outcome): void {
    const { state } = outcome
    const { key, value, writes, doubts } = message
    const isDone = pointsOf(commandOf(key)).every((point) => writes.has(point)) && writes.size > 0
    if (state === 'applied' || state === 'verified') assert.ok(isDone, `${value} was never written, or in part`)
    if (state === 'expired' || state === 'cancelled' || state === 'refused') {
      assert.equal(writes.size, 0, `${value} was written, and told to be ${state}`)
    }
    if (state === 'superseded') {
      const mayBeWritten = commandOf(key).repeatable && doubts > 0
      assert.ok(writes.size === 0 || mayBeWritten, `${value} was written, not superseded`)
      const by = this.sent.find((other) => other.id === outcome.superseded_by)
      if (by) assert.ok(isNewer(by, message) || by.version === message.version, `${value} by ${by.value}`)
    }
    if (state === 'unknown') assert.ok(doubts > 0, `${value}: nothing was in doubt`)
  }
}

/** In a queue the order of arrival counts alone. */
function isNewer(a: Sent, b: Sent): boolean {
  const isByVersion = a.version !== undefined && b.version !== undefined && commandOf(a.key).mode === 'last_value'
  return isByVersion ? (a.version ?? 0) > (b.version ?? 0) : a.order > b.order
}

/** The number of a command, out of its value. */
function numberOf(value: unknown): number {
  return Number(typeof value === 'object' && value !== null ? Object.values(value)[0] : value)
}

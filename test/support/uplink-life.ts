/**
 * One life of an uplink: the real outbox on a real file, the real session loop, sender and transport, and a server that
 * fails by plan. Everything that is chosen comes from the seed.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import Database from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import { MqttTransport } from '../../src/uplink/mqtt/mqtt.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import type { MqttSettings } from '../../src/uplink-settings.ts'
import { FaultyBroker } from './faulty-broker.ts'
import { hurriedClock } from './hurried-clock.ts'
import { Site, temporaryFolder } from './outbox-site.ts'
import { type Chance, chanceOf } from './seeded.ts'
import { until } from './until.ts'
import { judgeUplink, type Sighting, seqOf, sightingsOf, type Verdict } from './uplink-judge.ts'
import { mqttSettings } from './uplink-settings.ts'

/** An uplink lives so many times as fast as the machine: the five minutes after a ban are 0.6 s. */
const HURRY = 500

export interface LifeOptions {
  /** Settings that this kind of life is about. */
  readonly settings?: (chance: Chance) => Partial<MqttSettings>
  /** Absent: in some lives. */
  readonly batches?: 'never' | 'gzip'
  /** The agent dies and starts again, in the middle. */
  readonly dies?: boolean
}

export interface LifeReport extends Verdict {
  readonly records: number
  readonly connections: number
  readonly rejected: number
  readonly story: readonly string[]
}

export async function liveLife(t: TestContext, seed: number, options: LifeOptions = {}): Promise<LifeReport> {
  const life = await Life.begin(t, seed, options)
  try {
    return await life.run()
  } finally {
    await life.end()
  }
}

class Life {
  readonly #t: TestContext
  readonly #chance: Chance
  readonly #options: LifeOptions
  readonly #server: FaultyBroker
  readonly #settings: MqttSettings
  readonly #folder: string
  readonly #commitIntervalMs: number
  /** Content by id. */
  readonly #owed = new Map<string, string>()
  readonly #allowed = new Map<string, string>()
  /** Ids of records with padding. */
  readonly #large = new Set<string>()
  /** The connection at which the agent died: what it had not noted down by then comes again. */
  #diedOn = 0
  #site: Site | undefined
  #uplink: Uplink | undefined
  #made = 0

  private constructor(parts: { t: TestContext; chance: Chance; options: LifeOptions; server: FaultyBroker }) {
    this.#t = parts.t
    this.#chance = parts.chance
    this.#options = parts.options
    this.#server = parts.server
    this.#settings = settingsOf(parts.chance, parts)
    this.#folder = temporaryFolder(parts.t)
    this.#commitIntervalMs = parts.chance.oneOf([10, 200, 60_000])
  }

  static async begin(t: TestContext, seed: number, options: LifeOptions): Promise<Life> {
    const chance = chanceOf(seed)
    const protocol = chance.hits(0.75) ? 5 : 3
    const idsIn = (bytes: Uint8Array, topic: string) =>
      sightingsOf([{ topic, bytes, connection: 0 }]).map(({ id }) => id)
    const server = await FaultyBroker.start({ seed, protocol, badConnections: chance.between(0, 10), idsIn })
    return new Life({ t, chance, options, server })
  }

  async run(): Promise<LifeReport> {
    const chance = this.#chance
    await this.#start()
    this.#append(chance.between(0, 150))
    const rounds = chance.between(2, 6)
    const death = this.#options.dies ? chance.between(0, rounds - 1) : undefined
    for (let round = 0; round < rounds; round++) {
      this.#append(chance.between(1, 60))
      const target = this.#server.broker.publishes + chance.between(1, 80)
      const { publishes, connections } = this.#server.broker
      const tries = connections.length + 2
      const moved = () => this.#isIdle() || this.#server.broker.publishes > target || connections.length > tries
      await this.#reach(moved, `publishes after ${publishes}`)
      if (round === death) await this.#dieAndRise()
      else if (chance.hits(0.15)) await this.#restart()
    }
    this.#append(chance.between(1, 20))
    await this.#reach(() => this.#isIdle(), 'an empty outbox')
    if (this.#settings.delivery === 'at_most_once') await this.#sendOne()
    return this.#judge()
  }

  async #reach(fact: () => boolean, what: string): Promise<void> {
    await until(fact, { what, timeoutMs: 60_000 }).catch((error: Error) => {
      const status = JSON.stringify({ pending: this.#pending(), ...this.#uplink?.status() })
      throw new Error(`${error.message}: ${status}\n${this.#server.story.join('\n')}`)
    })
  }

  /** Records that are spent are not yet sent: one that arrives comes after all of them. */
  async #sendOne(): Promise<void> {
    const { broker, disturbed } = this.#server
    for (let tries = 0; tries < 50; tries++) {
      const { account } = this.#open.cursor('cloud')
      const { rejected } = account.totals()
      this.#append(1)
      const id = [...this.#owed.keys()].at(-1) ?? ''
      const connections = broker.connections.length
      const isThere = () => disturbed.has(id) || this.#sightings().some((sighting) => sighting.id === id)
      // It may be too large for the server.
      const isOver = () => broker.connections.length > connections || account.totals().rejected > rejected
      await until(() => isThere() || isOver(), { what: id, timeoutMs: 30_000 })
      if (isThere()) return
    }
    throw new Error('no record arrives any more')
  }

  async end(): Promise<void> {
    await this.#uplink?.stop()
    await this.#server.close()
    await this.#site?.abandon()
  }

  get #open(): Site {
    assert.ok(this.#site)
    return this.#site
  }

  #pending(): number {
    const { account } = this.#open.cursor('cloud')
    return account.issued(this.#open.outbox.head()) - account.settled
  }

  #isIdle(): boolean {
    return this.#pending() === 0
  }

  async #start(): Promise<void> {
    const site = await Site.open(this.#t, {
      folder: this.#folder,
      commitIntervalMs: this.#commitIntervalMs,
      uplinks: [this.#settings],
    })
    this.#site = site
    this.#uplink = new Uplink(this.#settings, {
      transport: new MqttTransport(this.#settings),
      feed: site.cursor('cloud'),
      accept: () => Promise.resolve(),
      clock: hurriedClock(HURRY),
      log: silentLogger,
    })
    this.#uplink.start()
  }

  /** Records of some devices, and now and then one of the gateway itself; some are large. */
  #append(count: number): void {
    const { outbox } = this.#open
    for (let index = 0; index < count; index++) {
      this.#made += 1
      const isEvent = this.#chance.hits(0.05)
      const source = isEvent ? '' : `d${this.#chance.between(1, 3)}`
      const padding = this.#chance.hits(0.03) ? `,"pad":"${'x'.repeat(this.#chance.between(100, 3_000))}"` : ''
      const body = `"n":${this.#made},"device":"${source}","values":{"a":${this.#made},"b":-${this.#made}}${padding}`
      outbox.append([{ kind: isEvent ? 'event' : 'data', source, body, mono: this.#open.clock.mono() }])
      this.#owe(`gw/${outbox.epoch}/${outbox.head()}`, { source, isLarge: padding !== '' })
    }
  }

  #owe(id: string, { source, isLarge }: { source: string; isLarge: boolean }): void {
    const { filter, format } = this.#settings
    if (isLarge) this.#large.add(id)
    if (source !== '' && filter?.devices?.includes(source) === false) return
    if (source === '' || format.type !== 'json-flat') {
      this.#owed.set(id, `record ${this.#made}`)
      return
    }
    this.#owed.set(`${id}/a`, `a = ${this.#made}`)
    this.#owed.set(`${id}/b`, `b = -${this.#made}`)
  }

  #sightings(): Sighting[] {
    return sightingsOf(this.#server.broker.stored)
  }

  /** As an operator does it. */
  async #restart(): Promise<void> {
    await this.#uplink?.stop()
    await this.#open.close()
    await this.#start()
  }

  /** Without a word: what is not on disk is gone, of the readings and of the acknowledgements. */
  async #dieAndRise(): Promise<void> {
    const { broker } = this.#server
    const dying = this.#open.abandon()
    for (const connection of broker.connections) connection.socket.resetAndDestroy()
    await dying
    await this.#uplink?.stop()
    this.#diedOn = broker.connections.length
    await this.#start()
    const { firstSeq } = this.#open.outbox.epochs.running
    for (const [id, content] of this.#owed) {
      if (seqOf(id) < firstSeq) continue
      this.#owed.delete(id)
      this.#allowed.set(id, content)
    }
  }

  async #judge(): Promise<LifeReport> {
    const { broker, receiveMaximums } = this.#server
    await this.#uplink?.stop()
    const { account } = this.#open.cursor('cloud')
    const totals = account.totals()
    await this.#open.close()
    const { epochs } = this.#open.outbox
    const rejected = new Set(rejectedSeqs(this.#open.file).map((seq) => `${epochs.idPrefix(seq)}${seq}`))
    // A record of two points comes again whole, though one of its messages was answered.
    const isFlat = this.#settings.format.type === 'json-flat'
    const recordsMax = isFlat ? 2 : (this.#settings.batch?.recordsMax ?? 1)
    const sightings = this.#sightings()
    const mayBeTooLarge = this.#server.packetBytesMax !== undefined
    const verdict = judgeUplink({
      sightings,
      owed: this.#owed,
      allowed: this.#allowed,
      rejected,
      mayBeRejected: (id) =>
        [id, `${id}/a`, `${id}/b`].some((each) => this.#server.refused.has(each) || this.#server.disturbed.has(each)) ||
        (mayBeTooLarge && this.#large.has(id)),
      disturbed: this.#server.disturbed,
      lanes: this.#settings.order === 'live_first' ? 2 : 1,
      once: this.#settings.delivery === 'at_most_once',
      isHeldUp: (id) => ['a', 'b'].some((point) => this.#server.disturbed.has(id.replace(/[ab]$/, point))),
      inFlightMax: (connection) =>
        connection <= this.#diedOn || (isFlat && this.#server.parkedOn.has(connection))
          ? Number.POSITIVE_INFINITY
          : Math.min(this.#settings.window, receiveMaximums.get(connection) ?? 0) * recordsMax,
    })
    const faults = [...verdict.faults, ...broker.violations]
    if (totals.rejected !== rejected.size)
      faults.push(`${totals.rejected} rejected in the books, ${rejected.size} kept`)
    const wantsAll = this.#settings.filter === undefined
    if (totals.dropped + totals.skipped > 0 || (wantsAll && totals.notWanted > 0))
      faults.push(`books: ${JSON.stringify(totals)}`)
    return {
      ...verdict,
      faults,
      records: this.#made,
      connections: broker.connections.length,
      rejected: rejected.size,
      story: this.#server.story,
    }
  }
}

function settingsOf(chance: Chance, { server, options }: { server: FaultyBroker; options: LifeOptions }): MqttSettings {
  const batch = { recordsMax: chance.oneOf([2, 10, 100]), bytesMax: chance.oneOf([500, 4_000]), waitMaxMs: 2_000 }
  return mqttSettings(server.broker.url, {
    protocol: server.plan.protocol,
    window: chance.oneOf([1, 2, 7, 20, 100]),
    ackTimeoutMs: HURRY * 150,
    connectTimeoutMs: 150,
    // Not hurried, for the timers are those of the library. At most once it alone finds out that nobody listens.
    keepaliveMs: 2_000,
    backoff: { minMs: 1_000, maxMs: 10_000 },
    ...(options.batches === 'gzip' ? { batch: { ...batch, gzip: true } } : {}),
    ...(options.batches === undefined && chance.hits(0.4) ? { batch } : {}),
    ...options.settings?.(chance),
  })
}

function rejectedSeqs(file: string): number[] {
  const database = new Database(file, { readonly: true })
  try {
    return database.prepare('SELECT seq FROM rejected').pluck().all() as number[]
  } finally {
    database.close()
  }
}

import type { Clock } from '../../clock.ts'
import type { Sample, Value } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { DeviceSettings, ModbusSettings, PointSettings } from '../../settings.ts'
import {
  type Driver,
  type DriverCounters,
  type Explorer,
  LinkError,
  type PlannedRead,
  type RawAnswer,
  type RawRange,
  type Suspicion,
} from '../driver.ts'
import type { OpenPort, Port } from '../port/port.ts'
import { ModbusClient } from './client.ts'
import { identify } from './explorer.ts'
import type { Framing } from './frame.ts'
import { Link } from './link.ts'
import { limitsOf } from './plan.ts'
import { plannedReads } from './planned-reads.ts'
import { codeOf, readPoints } from './reading.ts'
import { suspicionOf } from './suspicion.ts'
import type { Pace } from './timeout.ts'
import { timingOf } from './timing.ts'
import { newMemory, Unit, type UnitMemory } from './unit.ts'
import { writePoint } from './writing.ts'

export interface ModbusWire {
  readonly openPort: OpenPort
  readonly framing: Framing
  readonly clock: Clock
}

/**
 * Requests in a row, over all units, that may go unanswered before a socket is opened anew. Where that did not help, twice as
 * many the next time.
 */
const SILENT_REQUESTS_MAX = 4
const SILENT_REQUESTS_GROWN_MAX = 64

/** One opening: nothing of it is used again after it was lost. */
interface Session {
  readonly port: Port
  readonly link: Link
  readonly client: ModbusClient
  readonly units: Map<number, Unit>
}

/**
 * Modbus over any port and framing. What a reply is, is decided in `exchange.ts` and `link.ts`; doubts about late replies
 * live in `unit.ts`; points become requests in `plan.ts` and values in `codec.ts`.
 */
export class ModbusDriver implements Driver {
  onLost?: (error: LinkError) => void
  readonly #settings: ModbusSettings
  readonly #wire: ModbusWire
  readonly #past = { exchanges: 0, failures: 0, troubles: new Map<string, number>() }
  /** By unit id; both outlive a connection. */
  readonly #paces = new Map<number, Pace>()
  readonly #memories = new Map<number, UnitMemory>()
  #silentMax = SILENT_REQUESTS_MAX
  /** The last socket was lost before anything sound came through it: the next one is tried out before it counts as open. */
  #unproven = false
  #tries = 0
  #session: Session | undefined
  #opening: AbortController | undefined

  constructor(settings: ModbusSettings, wire: ModbusWire) {
    this.#settings = settings
    this.#wire = wire
  }

  async open(): Promise<void> {
    const opening = new AbortController()
    this.#opening = opening
    const { framing, clock, openPort } = this.#wire
    let link: Link | undefined
    const handlers = {
      onData: (bytes: Uint8Array) => link?.receive(bytes),
      onClosed: (error: LinkError) => this.#lose(link, error),
    }
    const port = await openPort(handlers, opening.signal)
    const silentMax = this.#isSocket ? this.#silentMax : Number.POSITIVE_INFINITY
    link = new Link(port, { framing, timing: timingOf(this.#settings), clock, paces: this.#paces, silentMax })
    const session: Session = { port, link, client: new ModbusClient(link), units: new Map() }
    if (this.#settings.connectDelayMs > 0) await clock.wait(this.#settings.connectDelayMs, opening.signal)
    if (this.#unproven && !opening.signal.aborted && !link.lost) await this.#tryOut(session, opening.signal)
    if (opening.signal.aborted || link.lost) {
      await port.close()
      this.#keepCounters(link)
      throw link.lost ?? new LinkError('closed', `${this.#settings.name} was closed while opening`)
    }
    this.#session = session
  }

  /** One request. No reply is no reason against the connection: units may be dead behind a converter that is not. */
  async #tryOut(session: Session, signal: AbortSignal): Promise<void> {
    const { devices, name } = this.#settings
    const device = devices[this.#tries++ % Math.max(1, devices.length)]
    const point = device?.points.find((candidate) => candidate.access !== 'wo')
    if (!device || !point) return
    const giveUp = () => session.link.lose(new LinkError('closed', `${name} was closed while opening`))
    signal.addEventListener('abort', giveUp, { once: true })
    const range = { register: point.register, address: point.address, count: widthOf(point) }
    try {
      await this.#unitOf(session, device.unitId).read(range)
    } catch (error) {
      if (!(error instanceof LinkError)) throw error // else it is what the link was lost by
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
    const { lost } = session.link
    if (lost?.code !== 'closed' || signal.aborted) return
    session.link.lost = new LinkError('closed', `${lost.message}, before it answered anything`, {
      hint: 'many devices serve one or two clients at a time and turn others away; check also that this port is for Modbus',
      cause: lost,
    })
  }

  async read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const session = this.#opened()
    const { link } = session
    const samples = await readPoints(this.#unitOf(session, device.unitId), points, {
      limits: limitsOf(this.#settings, device),
      mayGoOn: () => !link.lost,
    })
    // `io` in the samples: the connection broke under the request. Doubt about a stream has another code and is no reason
    // to withhold the samples read before it.
    if (link.lost && samples.some((sample) => sample.error === 'io')) throw link.lost
    this.#renew(session)
    return samples
  }

  async write(device: DeviceSettings, point: PointSettings, value: Value, isWanted?: () => boolean): Promise<void> {
    const session = this.#opened()
    try {
      await writePoint(this.#unitOf(session, device.unitId), device, { point, value, isWanted })
    } finally {
      this.#renew(session)
    }
  }

  plan(device: DeviceSettings, points: readonly PointSettings[]): readonly PlannedRead[] {
    return plannedReads(points, limitsOf(this.#settings, device, this.#memoryOf(device.unitId).refusals.known))
  }

  async close(): Promise<void> {
    this.#opening?.abort()
    const session = this.#session
    if (!session) return
    this.#end(session, new LinkError('closed', `${this.#settings.name} was closed`))
    await session.port.close()
  }

  counters(): DriverCounters {
    const { exchanges, failures } = this.#session?.link.counters ?? { exchanges: 0, failures: 0 }
    const troubles = new Map(this.#past.troubles)
    for (const [code, count] of this.#session?.link.counters.troubles ?? []) {
      troubles.set(code, (troubles.get(code) ?? 0) + count)
    }
    const latencies = this.#settings.devices.flatMap(({ name, unitId }): [string, number][] => {
      const latency = this.#paces.get(unitId)?.latency
      return latency ? [[name, latency.usualMs]] : []
    })
    return {
      exchanges: this.#past.exchanges + exchanges,
      failures: this.#past.failures + failures,
      troubles: Object.fromEntries(troubles),
      latencyMs: Object.fromEntries(latencies),
    }
  }

  readonly explorer: Explorer = {
    readRaw: async (unitId: number, range: RawRange, options): Promise<RawAnswer> => {
      const session = this.#opened()
      const outcome = await this.#unitOf(session, unitId).read(range, options)
      const { tookMs } = session.link
      this.#check(session, outcome)
      return outcome.ok ? { ok: true, bytes: outcome.value, tookMs } : { ok: false, code: codeOf(outcome), tookMs }
    },
    identify: async (unitId: number) => {
      const session = this.#opened()
      const identification = await identify(this.#unitOf(session, unitId))
      this.#check(session, identification)
      return identification
    },
  }

  suspicion(): Suspicion | undefined {
    return suspicionOf(this.#settings, this.#session?.link.damagedInARow ?? 0)
  }

  /** Rejects what a broken connection left over; doubt about it is dealt with, but the answer counts. */
  #check(session: Session, result: { readonly ok: boolean; readonly code?: string }): void {
    if (session.link.lost && !result.ok && result.code === 'io') throw session.link.lost
    this.#renew(session)
  }

  #opened(): Session {
    const session = this.#session
    if (!session) throw new LinkError('closed', `${this.#settings.name} is not open`)
    this.#renew(session) // bytes that came between calls may have spoilt the stream
    if (session.link.lost) throw session.link.lost
    return session
  }

  #unitOf(session: Session, unitId: number): Unit {
    const known = session.units.get(unitId)
    if (known) return known
    const { client, link } = session
    const unit = new Unit(unitId, { client, link, clock: this.#wire.clock, memory: this.#memoryOf(unitId) })
    session.units.set(unitId, unit)
    return unit
  }

  #memoryOf(unitId: number): UnitMemory {
    const memory = this.#memories.get(unitId) ?? newMemory(() => this.#wire.clock.mono())
    this.#memories.set(unitId, memory)
    return memory
  }

  get #isSocket(): boolean {
    return 'host' in this.#settings
  }

  /** A connection in doubt is given up here; the poller opens it anew. */
  #renew(session: Session): void {
    if (session.link.lost && session === this.#session) this.#lose(session.link, session.link.lost)
  }

  #lose(link: Link | undefined, error: LinkError): void {
    const session = this.#session
    if (!session || session.link !== link) {
      link?.lose(error) // lost while opening: `open` rejects
      return
    }
    const { answers } = session.link
    this.#unproven = this.#isSocket && answers === 0
    if (answers > 0) this.#silentMax = SILENT_REQUESTS_MAX
    else if (error.code === 'silent') this.#silentMax = Math.min(SILENT_REQUESTS_GROWN_MAX, this.#silentMax * 2)
    this.#end(session, error)
    void session.port.close()
    this.onLost?.(error)
  }

  #end(session: Session, error: LinkError): void {
    this.#session = undefined
    session.link.lose(error)
    this.#keepCounters(session.link)
  }

  #keepCounters(link: Link): void {
    const { exchanges, failures, troubles } = link.counters
    this.#past.exchanges += exchanges
    this.#past.failures += failures
    for (const [code, count] of troubles) this.#past.troubles.set(code, (this.#past.troubles.get(code) ?? 0) + count)
  }
}

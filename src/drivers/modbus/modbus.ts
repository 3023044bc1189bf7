import type { Clock } from '../../clock.ts'
import type { Sample, Value } from '../../model.ts'
import type { DeviceSettings, ModbusRtuSettings, ModbusTcpSettings, PointSettings } from '../../settings.ts'
import { type Driver, type DriverCounters, LinkError } from '../driver.ts'
import type { OpenPort, Port } from '../port/port.ts'
import { ModbusClient } from './client.ts'
import type { Framing } from './frame.ts'
import { Link, type LinkTiming } from './link.ts'
import { readPoints } from './reading.ts'
import { Unit, type UnitMemory } from './unit.ts'
import { writePoint } from './writing.ts'

export interface ModbusWire {
  readonly openPort: OpenPort
  readonly framing: Framing
  readonly timing: LinkTiming
  readonly clock: Clock
}

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
  readonly #settings: ModbusTcpSettings | ModbusRtuSettings
  readonly #wire: ModbusWire
  readonly #past = { exchanges: 0, failures: 0, troubles: new Map<string, number>() }
  /** By unit id. */
  readonly #memories = new Map<number, UnitMemory>()
  #session: Session | undefined
  #opening: AbortController | undefined

  constructor(settings: ModbusTcpSettings | ModbusRtuSettings, wire: ModbusWire) {
    this.#settings = settings
    this.#wire = wire
  }

  async open(): Promise<void> {
    const opening = new AbortController()
    this.#opening = opening
    const { framing, timing, clock, openPort } = this.#wire
    let link: Link | undefined
    const handlers = {
      onData: (bytes: Uint8Array) => link?.receive(bytes),
      onClosed: (error: LinkError) => this.#lose(link, error),
    }
    const port = await openPort(handlers, opening.signal)
    link = new Link(port, { framing, timing, clock })
    if (this.#settings.connectDelayMs > 0) await clock.wait(this.#settings.connectDelayMs, opening.signal)
    if (opening.signal.aborted || link.lost) {
      await port.close()
      throw link.lost ?? new LinkError('closed', `${this.#settings.name} was closed while opening`)
    }
    this.#session = { port, link, client: new ModbusClient(link), units: new Map() }
  }

  async read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const session = this.#opened()
    const { link } = session
    const samples = await readPoints(this.#unitOf(session, device), device, { points, mayGoOn: () => !link.lost })
    // `io` in the samples: the connection broke under the request. Doubt about a stream has another code and is no reason
    // to withhold the samples read before it.
    if (link.lost && samples.some((sample) => sample.error === 'io')) throw link.lost
    this.#renew(session)
    return samples
  }

  async write(device: DeviceSettings, point: PointSettings, value: Value): Promise<void> {
    const session = this.#opened()
    try {
      await writePoint(this.#unitOf(session, device), device, { point, value })
    } finally {
      this.#renew(session)
    }
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
    return {
      exchanges: this.#past.exchanges + exchanges,
      failures: this.#past.failures + failures,
      troubles: Object.fromEntries(troubles),
    }
  }

  #opened(): Session {
    const session = this.#session
    if (!session) throw new LinkError('closed', `${this.#settings.name} is not open`)
    this.#renew(session) // bytes that came between calls may have spoilt the stream
    if (session.link.lost) throw session.link.lost
    return session
  }

  #unitOf(session: Session, device: DeviceSettings): Unit {
    const known = session.units.get(device.unitId)
    if (known) return known
    const memory = this.#memories.get(device.unitId) ?? { owed: [] }
    this.#memories.set(device.unitId, memory)
    const { client, link } = session
    const { timeoutMs } = this.#settings
    const unit = new Unit(device.unitId, { client, link, clock: this.#wire.clock, timeoutMs, memory })
    session.units.set(device.unitId, unit)
    return unit
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
    this.#end(session, error)
    void session.port.close()
    this.onLost?.(error)
  }

  #end(session: Session, error: LinkError): void {
    this.#session = undefined
    session.link.lose(error)
    const { exchanges, failures, troubles } = session.link.counters
    this.#past.exchanges += exchanges
    this.#past.failures += failures
    for (const [code, count] of troubles) this.#past.troubles.set(code, (this.#past.troubles.get(code) ?? 0) + count)
  }
}

import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../clock.ts'
import type { LineSettings } from '../../settings.ts'
import { SimulatedBus } from './bus.ts'
import { rtuDevice, tcpDevice } from './framing.ts'
import { preciseClock } from './precise-clock.ts'
import { RequestStream } from './request-stream.ts'
import type { SimulatedUnit } from './unit.ts'

/** Clients served at a time; real devices take between one and eight. */
const CLIENTS_MAX = 32

export interface ModbusServerOptions {
  readonly host?: string
  /** 0: any free one. */
  readonly port?: number
  readonly clock?: Clock
  /** rtu: RTU frames over TCP, as a serial converter passes them on. Default: tcp. */
  readonly frames?: 'tcp' | 'rtu'
  /** The serial line behind the server: every exchange takes its time on it, one after the other. */
  readonly line?: LineSettings | undefined
  /** The exception for a unit that is not there. Default: it does not answer, as behind a serial converter. */
  readonly unknownUnit?: number | undefined
}

/** A TCP server for simulated units. */
export class ModbusServer {
  readonly units: ReadonlyMap<number, SimulatedUnit>
  readonly bus: SimulatedBus
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(units: readonly SimulatedUnit[], options: ModbusServerOptions) {
    this.bus = new SimulatedBus(units, {
      framing: options.frames === 'rtu' ? rtuDevice : tcpDevice,
      clock: options.clock ?? (options.line ? preciseClock : systemClock),
      line: options.line,
      simulate: options.line && 'behind-server',
      unknownUnit: options.unknownUnit,
    })
    this.units = this.bus.units
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = CLIENTS_MAX
  }

  /** Rejects when the port is taken. */
  static async start(units: readonly SimulatedUnit[], options: ModbusServerOptions = {}): Promise<ModbusServer> {
    const server = new ModbusServer(units, options)
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject)
      server.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
        server.#server.off('error', reject)
        resolve()
      })
    })
    return server
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Clients connected now. */
  get clients(): number {
    return this.#sockets.size
  }

  /** Cuts all connections; new ones are accepted. */
  disconnectAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.bus.close()
    this.disconnectAll()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    const stream = new RequestStream(this.bus, (bytes) => {
      if (!socket.destroyed) socket.write(bytes)
    })
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes) => {
      if (!stream.push(bytes)) socket.destroy()
    })
  }
}

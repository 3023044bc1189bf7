import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, systemClock } from '../../clock.ts'
import { tcpFrame } from '../modbus/frame.ts'
import { distort, spoil } from './fault.ts'
import type { SimulatedUnit } from './unit.ts'

/** Clients served at a time; real devices take between one and eight. */
const CLIENTS_MAX = 32
/** The longest request frame: header and 254 bytes (MODBUS Messaging on TCP/IP V1.0b, section 3.1.3). */
const FRAME_MAX = 260
const HEADER_BYTES = 6

export interface ModbusServerOptions {
  readonly host?: string
  /** 0: any free one. */
  readonly port?: number
  readonly clock?: Clock
}

/** A Modbus TCP server for simulated units. A unit that is not there does not answer, as behind a serial gateway. */
export class ModbusServer {
  readonly units: ReadonlyMap<number, SimulatedUnit>
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #closing = new AbortController()
  readonly #clock: Clock
  readonly #startedAt: number

  private constructor(units: readonly SimulatedUnit[], clock: Clock) {
    this.units = new Map(units.map((unit) => [unit.unitId, unit]))
    this.#clock = clock
    this.#startedAt = clock.mono()
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = CLIENTS_MAX
  }

  /** Rejects when the port is taken. */
  static async start(units: readonly SimulatedUnit[], options: ModbusServerOptions = {}): Promise<ModbusServer> {
    const server = new ModbusServer(units, options.clock ?? systemClock)
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
    this.#closing.abort()
    this.disconnectAll()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let held: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (bytes) => {
      held = Buffer.concat([held, bytes])
      while (held.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + held.readUInt16BE(4)
        if (held.readUInt16BE(2) !== 0 || end > FRAME_MAX || end < HEADER_BYTES + 2) {
          socket.destroy()
          return
        }
        if (held.length < end) return
        this.#answer(socket, held.subarray(0, end))
        held = held.subarray(end)
      }
    })
  }

  #answer(socket: Socket, frame: Buffer): void {
    const unit = this.units.get(frame[HEADER_BYTES] ?? 0)
    if (!unit) return
    const { fault } = unit
    const pdu = unit.answer(frame.subarray(HEADER_BYTES + 1), (this.#clock.mono() - this.#startedAt) / 1000)
    const reply = distort({ unitId: unit.unitId, pdu, transaction: frame.readUInt16BE(0) }, fault)
    if (!reply) return
    const bytes = spoil(tcpFrame(reply), fault)
    const send = () => {
      if (!this.#closing.signal.aborted && !socket.destroyed) socket.write(bytes)
    }
    if (reply.delayMs === 0) send()
    else void this.#clock.wait(reply.delayMs, this.#closing.signal).then(send)
  }
}

import { connect, createServer, type Server, type Socket } from 'node:net'
import { type IPublishPacket, parser as makeParser, type Packet } from 'mqtt-packet'

const PUBACK = 4

/**
 * The wire between a gateway and its broker (MQTT 5), with somebody who sees each confirmation of a command before the
 * broker does, and can keep it and all that follows to himself.
 */
export class CommandWire {
  /** Called with each PUBACK of the gateway. `withhold`: neither it nor anything after it gets through. */
  onPuback: () => 'pass' | 'withhold' = () => 'pass'
  /** What the broker sent, in order. */
  readonly deliveries: { readonly dup: boolean; readonly topic: string; readonly payload: string }[] = []
  readonly #server: Server
  readonly #targetPort: number
  readonly #sockets = new Set<Socket>()

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer({ noDelay: true }, (gateway) => this.#accept(gateway))
  }

  static async start(targetPort: number): Promise<CommandWire> {
    const wire = new CommandWire(targetPort)
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the wire does not listen')
    return address.port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(gateway: Socket): void {
    const broker = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true })
    for (const [socket, other] of [
      [gateway, broker],
      [broker, gateway],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    const frames = new Frames()
    let isCut = false
    gateway.on('data', (bytes) => {
      for (const frame of frames.push(bytes)) {
        if (!isCut && (frame[0] ?? 0) >> 4 === PUBACK) isCut = this.onPuback() === 'withhold'
        if (!isCut) broker.write(frame)
      }
    })
    const parser = makeParser({ protocolVersion: 5 })
    parser.on('packet', (packet: Packet) => {
      if (packet.cmd === 'publish') this.#note(packet)
    })
    broker.on('data', (bytes) => {
      parser.parse(bytes)
      gateway.write(bytes)
    })
  }

  #note({ dup, topic, payload }: IPublishPacket): void {
    this.deliveries.push({ dup, topic, payload: payload.toString() })
  }
}

/** Cuts a stream into MQTT packets as they stand (MQTT 5.0, 1.5.5 and 2.1.4). */
class Frames {
  #rest = Buffer.alloc(0)

  push(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes])
    const frames: Buffer[] = []
    for (let length = this.#length(); length !== undefined && length <= this.#rest.length; length = this.#length()) {
      frames.push(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
    }
    return frames
  }

  /** Of the first packet; undefined while its length is not there. */
  #length(): number | undefined {
    let length = 0
    for (let at = 1; at < this.#rest.length; at += 1) {
      const byte = this.#rest[at] ?? 0
      length += (byte & 0x7f) * 128 ** (at - 1)
      if (byte < 0x80) return 1 + at + length
    }
    return undefined
  }
}

import { createServer, type Server, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import mqtt, { type MqttClient } from 'mqtt'
import { Checker } from './checker.ts'

/**
 * The demo's cloud: an MQTT broker in this process, a client of it that counts what arrives (independent of the gateway),
 * and a link between gateway and broker that can be cut.
 */
export class DemoCloud {
  readonly checker = new Checker()
  readonly #broker: Aedes
  readonly #gatewaySide: Server
  readonly #clientSide: Server
  readonly #sockets = new Set<Socket>()
  #client: MqttClient | undefined
  #linkUp = true
  port = 0

  private constructor(broker: Aedes) {
    this.#broker = broker
    this.#gatewaySide = createServer((socket) => this.#admit(socket))
    this.#clientSide = createServer((socket) => void broker.handle(socket))
  }

  static async open(gateway: string): Promise<DemoCloud> {
    const cloud = new DemoCloud(await Aedes.createBroker())
    cloud.port = await listen(cloud.#gatewaySide)
    const clientPort = await listen(cloud.#clientSide)
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${clientPort}`, { clientId: 'demo-checker' })
    client.on('message', (_topic, payload) => cloud.checker.take(payload.toString()))
    await client.subscribeAsync(
      [`tidegate/${gateway}/+/data`, `tidegate/${gateway}/event`, `tidegate/${gateway}/command/+/result`],
      { qos: 1 },
    )
    cloud.#client = client
    return cloud
  }

  get linkUp(): boolean {
    return this.#linkUp
  }

  /** Pulls the cable: connections die, new ones are refused. */
  cut(): void {
    this.#linkUp = false
    for (const socket of this.#sockets) socket.destroy()
  }

  restore(): void {
    this.#linkUp = true
  }

  async command(gateway: string, key: string, command: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#client?.publishAsync(`tidegate/${gateway}/command/${key}`, JSON.stringify(command), { qos: 1 })
  }

  async close(): Promise<void> {
    await this.#client?.endAsync(true)
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#broker.close(() => resolve()))
    await Promise.all([this.#gatewaySide, this.#clientSide].map(close))
  }

  #admit(socket: Socket): void {
    if (!this.#linkUp) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    void this.#broker.handle(socket)
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

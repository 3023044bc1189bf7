import { connect, createServer, type Server, type Socket } from 'node:net'

/** The network between a client and a server: it can be cut, and what the server answers can be held back. */
export class Network {
  readonly #server: Server
  readonly #targetPort: number
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #open = true
  /** How long answers of the server are held back. */
  delayMs = 0
  /** Connections that were let through. */
  connections = 0

  private constructor(targetPort: number) {
    this.#targetPort = targetPort
    this.#server = createServer((client) => this.#accept(client))
  }

  static async start(targetPort: number): Promise<Network> {
    const network = new Network(targetPort)
    await new Promise<void>((resolve) => network.#server.listen(0, '127.0.0.1', resolve))
    return network
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the network does not listen')
    return address.port
  }

  /** Resets every connection, and each that comes, until `restore`. */
  cut(): void {
    this.#open = false
    this.#reset()
  }

  restore(): void {
    this.#open = true
  }

  async close(): Promise<void> {
    this.#reset()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #reset(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
    this.#pairs.clear()
  }

  #accept(client: Socket): void {
    if (!this.#open) {
      client.resetAndDestroy()
      return
    }
    this.connections += 1
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    const pair = [client, server] as const
    this.#pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
    client.on('data', (bytes) => server.write(bytes))
    // A constant delay keeps the order: timers of the same length fire in the order they were set.
    server.on('data', (bytes) => {
      if (this.delayMs === 0) client.write(bytes)
      else setTimeout(() => client.destroyed || client.write(bytes), this.delayMs)
    })
  }
}

import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** An HTTP proxy on 127.0.0.1 that knows CONNECT only. */
export class ConnectProxy {
  /** The targets it was asked for, "host:port". */
  readonly asked: string[] = []
  /** Answered instead of a way; absent: 200 and the way, 502 when there is none. */
  status: number | undefined
  /** False: it takes the question and says nothing. */
  answers = true
  readonly #server: Server
  readonly #sockets = new Set<Duplex>()
  readonly #login: string | undefined

  private constructor(login: string | undefined) {
    this.#login = login
    this.#server = createServer((_request, response) => response.writeHead(405).end())
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
    this.#server.on('connect', (request, socket) => this.#onConnect(request, socket))
  }

  /** `login` is "user:password"; absent: everybody may. */
  static async start(login?: string): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(login)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the proxy is not listening')
    return address.port
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #onConnect(request: IncomingMessage, client: Duplex): void {
    const target = request.url ?? ''
    this.asked.push(target)
    if (!this.answers) return
    const login = this.#login === undefined ? undefined : `Basic ${Buffer.from(this.#login).toString('base64')}`
    const known = login === undefined || request.headers['proxy-authorization'] === login
    if (!known || this.status !== undefined) {
      refuse(client, known ? (this.status ?? 0) : 407)
      return
    }
    const { hostname, port } = new URL(`http://${target}`)
    const server = connect(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.pipe(client)
      client.pipe(server)
    })
    this.#keep(server)
    server.on('error', () => refuse(client, 502))
    server.on('close', () => client.destroy())
    client.on('close', () => server.destroy())
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}

function refuse(client: Duplex, status: number): void {
  if (client.writable) client.end(`HTTP/1.1 ${status} No\r\n\r\n`)
}

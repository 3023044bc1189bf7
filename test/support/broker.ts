import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import {
  generate,
  type IConnectPacket,
  type IPublishPacket,
  type ISubscribePacket,
  parser as makeParser,
  type Packet,
} from 'mqtt-packet'
import { type ClientSession, enqueue, type Outbound } from './broker-session.ts'

/**
 * What the broker does with a publish.
 * - `ack`: stores it and answers success; with a code, answers that (and stores it only for 0x00 and 0x10).
 * - `hold`: stores it and answers only at `release()`.
 * - `lose`: neither stores nor answers.
 * - `cut`: ends the connection without storing; `store-and-cut`: stores it, then ends the connection without an answer.
 * - `half-ack-and-reset`: stores it, sends half of the PUBACK and resets the connection.
 */
export type Reaction =
  | 'ack'
  | 'hold'
  | 'lose'
  | 'cut'
  | 'store-and-cut'
  | 'half-ack-and-reset'
  | { readonly code: number }
  | ((publish: Publish) => void)

/** A publish in the hands of a test that does with it what it likes, now or later. */
export interface Publish {
  readonly packet: IPublishPacket
  readonly connection: BrokerConnection
  store(): void
  /** PUBACK; MQTT 3.1.1 knows no code. May be called more than once. */
  answer(code?: number): void
}

/**
 * What the broker does with a CONNECT: `accept` answers as `connackCode` and `connackProperties` say, `ignore` not at all;
 * `cut` ends the connection; a function does what it likes, and calls `accept` when and if it likes.
 */
export type Greeting = 'accept' | 'ignore' | 'cut' | ((accept: () => void) => void)

export interface StoredMessage {
  readonly topic: string
  readonly payload: string
  /** The payload as it came. */
  readonly bytes: Uint8Array
  readonly packetId: number
  readonly dup: boolean
  readonly qos: number
  readonly retain: boolean
  readonly properties: NonNullable<IPublishPacket['properties']>
  readonly connection: number
}

type Properties = Record<string, unknown>

/** One client's connection, from the broker's side. */
export class BrokerConnection {
  readonly number: number
  readonly socket: Socket
  connect: IConnectPacket | undefined
  /** Publishes that came and were not answered. */
  unanswered = 0
  /** Ids of PUBACKs that came, in order. */
  readonly pubacks: number[] = []
  readonly held: number[] = []
  /** True: whatever arrives is taken from the socket and ignored, as behind a half-open connection. */
  deaf = false
  /** What each topic alias stands for. */
  readonly aliases = new Map<number, string>()
  session: ClientSession | undefined

  constructor(number: number, socket: Socket) {
    this.number = number
    this.socket = socket
  }

  get version(): 4 | 5 {
    return this.connect?.protocolVersion === 5 ? 5 : 4
  }

  send(packet: Packet): void {
    this.write(generate(packet, { protocolVersion: this.version }))
  }

  /** How bytes get onto the socket; a test may put its own way in place. */
  write = (bytes: Uint8Array): void => {
    if (this.socket.writable) this.socket.write(bytes)
  }
}

/** A scripted MQTT 5 and 3.1.1 broker: it does what the test says, and counts. */
export class ScriptedBroker {
  /** Properties of CONNACK (MQTT 5), and its code. */
  connackProperties: Properties = {}
  connackCode = 0
  subackCode: number | undefined
  /** False: CONNECT stays without an answer. */
  answersConnect = true
  answersSubscribe = true
  answersPing = true
  greet: (connect: IConnectPacket, connection: BrokerConnection) => Greeting = () => 'accept'
  /** The code of SUBACK for one filter. */
  grant: (filter: string, connection: BrokerConnection, qos: number) => number = (_, __, qos) => this.subackCode ?? qos
  /** Called when a client confirmed a message. */
  onConfirmed: ((connection: BrokerConnection) => void) | undefined
  /** All connections are deaf, those to come too. */
  deaf = false
  react: (publish: IPublishPacket, connection: BrokerConnection) => Reaction = () => 'ack'
  readonly stored: StoredMessage[] = []
  /** What broke the protocol, one sentence each. A server ends such a connection, and so does this one. */
  readonly violations: string[] = []
  readonly connections: BrokerConnection[] = []
  /** Highest number of publishes without an answer seen on any connection. */
  inFlightMax = 0
  publishes = 0
  pings = 0
  disconnects = 0
  readonly #server: Server
  readonly #scheme: 'mqtt' | 'mqtts'
  readonly #sessions = new Map<string, ClientSession>()

  private constructor(server: Server, scheme: 'mqtt' | 'mqtts') {
    this.#server = server
    this.#scheme = scheme
    server.on(scheme === 'mqtts' ? 'secureConnection' : 'connection', (socket: Socket) => this.#accept(socket))
  }

  static async start(options: { tls?: TlsOptions; port?: number } = {}): Promise<ScriptedBroker> {
    const server = options.tls ? createTlsServer({ noDelay: true, ...options.tls }) : createServer({ noDelay: true })
    const broker = new ScriptedBroker(server, options.tls ? 'mqtts' : 'mqtt')
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve))
    return broker
  }

  get port(): number {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('the broker is not listening')
    return address.port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`
  }

  /** The connection that is open now. */
  get current(): BrokerConnection | undefined {
    return this.connections.findLast((connection) => !connection.socket.destroyed)
  }

  /** Sends a command to every client, now or when it comes back; at QoS 1 until it is confirmed. */
  deliver(message: Outbound): void {
    for (const session of this.#sessions.values()) enqueue(session, message)
    for (const connection of this.connections) if (!connection.socket.destroyed) this.#push(connection)
  }

  /** The same for one client, which is connected. */
  deliverTo(connection: BrokerConnection, message: Outbound): void {
    if (!connection.session) throw new Error(`connection ${connection.number} has no session`)
    enqueue(connection.session, message)
    this.#push(connection)
  }

  /** Messages the clients have not confirmed. */
  unconfirmed(): number {
    let count = 0
    for (const session of this.#sessions.values()) count += session.unconfirmed.length
    return count
  }

  /** Answers all publishes that are held. */
  release(code = 0): void {
    for (const connection of this.connections) {
      for (const id of connection.held.splice(0)) this.#puback(connection, id, code)
    }
  }

  /** Ends every connection, with a reset. */
  cut(): void {
    for (const connection of this.connections) connection.socket.resetAndDestroy()
  }

  /** Sends DISCONNECT with this code and ends the connection (MQTT 5). */
  disconnect(reasonCode: number): void {
    const connection = this.current
    connection?.send({ cmd: 'disconnect', reasonCode })
    connection?.socket.end()
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    const connection = new BrokerConnection(this.connections.length + 1, socket)
    this.connections.push(connection)
    // The version is known after CONNECT; the parser reads this object each time.
    const options = { protocolVersion: 4 }
    const parser = makeParser(options)
    parser.on('packet', (packet: Packet) => {
      // What came in one piece with the packet that ended the connection was never read.
      if (socket.destroyed || connection.deaf) return
      if (packet.cmd === 'connect') options.protocolVersion = packet.protocolVersion ?? 4
      this.#onPacket(connection, packet)
    })
    parser.on('error', () => socket.destroy())
    socket.on('data', (data) => {
      if (!this.deaf && !connection.deaf) parser.parse(data)
    })
    socket.on('error', () => {})
  }

  #onPacket(connection: BrokerConnection, packet: Packet): void {
    switch (packet.cmd) {
      case 'connect':
        connection.connect = packet
        this.#onConnect(connection, packet)
        break
      case 'subscribe':
        if (this.answersSubscribe) this.#onSubscribe(connection, packet)
        break
      case 'publish':
        this.#onPublish(connection, packet)
        break
      case 'puback':
        this.#onPuback(connection, packet.messageId ?? 0)
        break
      case 'pingreq':
        this.pings += 1
        if (this.answersPing) connection.send({ cmd: 'pingresp' })
        break
      case 'disconnect':
        this.disconnects += 1
        connection.socket.end()
        break
    }
  }

  #onConnect(connection: BrokerConnection, packet: IConnectPacket): void {
    const greeting = this.answersConnect ? this.greet(packet, connection) : 'ignore'
    if (greeting === 'accept') this.#acceptConnect(connection, packet)
    else if (greeting === 'cut') connection.socket.destroy()
    else if (greeting !== 'ignore') greeting(() => this.#acceptConnect(connection, packet))
  }

  #acceptConnect(connection: BrokerConnection, packet: IConnectPacket): void {
    const known = packet.clean ? undefined : this.#sessions.get(packet.clientId)
    const session = known ?? { unconfirmed: [], nextId: 1 }
    if (this.connackCode === 0) {
      this.#sessions.set(packet.clientId, session)
      connection.session = session
    }
    connection.send({
      cmd: 'connack',
      sessionPresent: known !== undefined && this.connackCode === 0,
      returnCode: this.connackCode,
      reasonCode: this.connackCode,
      ...(connection.version === 5 ? { properties: this.connackProperties } : {}),
    })
    if (this.connackCode !== 0) {
      connection.socket.end()
      return
    }
    for (const entry of session.unconfirmed) if (entry.sent) this.#sendOut(connection, entry, true)
    this.#push(connection)
  }

  #onSubscribe(connection: BrokerConnection, packet: ISubscribePacket): void {
    connection.send({
      cmd: 'suback',
      messageId: packet.messageId ?? 0,
      granted: packet.subscriptions.map(({ topic, qos }) => this.grant(topic, connection, qos)),
    })
  }

  #onPublish(connection: BrokerConnection, sent: IPublishPacket): void {
    const packet = this.#withTopic(connection, sent)
    if (!packet) return
    this.publishes += 1
    if (packet.qos > 0) connection.unanswered += 1
    this.inFlightMax = Math.max(this.inFlightMax, connection.unanswered)
    const reaction = this.react(packet, connection)
    const id = packet.messageId ?? 0
    if (typeof reaction === 'function') {
      reaction({
        packet,
        connection,
        store: () => this.#store(connection, packet),
        answer: (code = 0) => this.#answer(connection, packet, code),
      })
      return
    }
    if (typeof reaction === 'object') {
      if (reaction.code === 0 || reaction.code === 0x10) this.#store(connection, packet)
      this.#answer(connection, packet, reaction.code)
      return
    }
    if (reaction !== 'lose' && reaction !== 'cut') this.#store(connection, packet)
    if (reaction === 'ack') this.#answer(connection, packet, 0)
    else if (reaction === 'hold') connection.held.push(id)
    else if (reaction === 'cut' || reaction === 'store-and-cut') connection.socket.destroy()
    else if (reaction === 'half-ack-and-reset') {
      connection.socket.write(Uint8Array.of(0x40, 2), () => connection.socket.resetAndDestroy())
    }
  }

  /** The packet with the topic its alias stands for; undefined when it breaks the protocol (MQTT 5.0 section 3.3.2.3.4). */
  #withTopic(connection: BrokerConnection, packet: IPublishPacket): IPublishPacket | undefined {
    const alias = packet.properties?.topicAlias
    if (alias !== undefined) {
      const aliasMax = Number(this.connackProperties['topicAliasMaximum'] ?? 0)
      if (alias < 1 || alias > aliasMax) return this.#violation(connection, 0x94, `topic alias ${alias} of ${aliasMax}`)
      if (packet.topic !== '') connection.aliases.set(alias, packet.topic)
    }
    const topic = packet.topic === '' ? connection.aliases.get(alias ?? 0) : packet.topic
    if (topic === undefined) return this.#violation(connection, 0x94, `topic alias ${alias} stands for nothing`)
    if (/[+#]/.test(topic)) return this.#violation(connection, 0x90, `topic ${topic}`)
    return { ...packet, topic }
  }

  #violation(connection: BrokerConnection, reasonCode: number, what: string): undefined {
    this.violations.push(what)
    if (connection.version === 5) connection.send({ cmd: 'disconnect', reasonCode })
    connection.socket.end()
  }

  #store(connection: BrokerConnection, packet: IPublishPacket): void {
    const bytes = Buffer.from(packet.payload)
    this.stored.push({
      topic: packet.topic,
      payload: bytes.toString(),
      bytes,
      packetId: packet.messageId ?? 0,
      dup: packet.dup,
      qos: packet.qos,
      retain: packet.retain,
      properties: packet.properties ?? {},
      connection: connection.number,
    })
  }

  /** Nobody answers at QoS 0. */
  #answer(connection: BrokerConnection, { qos, messageId = 0 }: IPublishPacket, reasonCode: number): void {
    if (qos > 0) this.#puback(connection, messageId, reasonCode)
  }

  #puback(connection: BrokerConnection, messageId: number, reasonCode: number): void {
    connection.unanswered -= 1
    connection.send({ cmd: 'puback', messageId, reasonCode })
  }

  #onPuback(connection: BrokerConnection, id: number): void {
    connection.pubacks.push(id)
    const entries = connection.session?.unconfirmed ?? []
    const index = entries.findIndex((entry) => entry.id === id && entry.sent)
    if (index < 0) return
    entries.splice(index, 1)
    this.onConfirmed?.(connection)
  }

  #push(connection: BrokerConnection): void {
    for (const entry of [...(connection.session?.unconfirmed ?? [])]) {
      if (!entry.sent) this.#sendOut(connection, entry, false)
    }
  }

  #sendOut(connection: BrokerConnection, entry: ClientSession['unconfirmed'][number], dup: boolean): void {
    const { message } = entry
    const qos = message.qos ?? 1
    entry.sent = true
    if (qos === 0) connection.session?.unconfirmed.splice(connection.session.unconfirmed.indexOf(entry), 1)
    connection.send({
      cmd: 'publish',
      topic: message.topic,
      payload: message.payload,
      qos,
      dup,
      retain: message.retain ?? false,
      messageId: entry.id,
      ...(connection.version === 5 && message.properties ? { properties: message.properties } : {}),
    })
  }
}

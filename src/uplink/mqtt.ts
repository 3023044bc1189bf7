import type { Socket } from 'node:net'
import { type IClientOptions, type IConnackPacket, MqttClient } from 'mqtt'
import type { Packet } from 'mqtt-packet'
import type { MqttSettings } from '../uplink-settings.ts'
import { connackClosed, disconnectClosed, returnCodeClosed, subackClosed } from './fates.ts'
import { acceptEveryRefusal } from './mqtt-codes.ts'
import { cutClosed, errorClosed, lacking, type Phase, timeoutClosed } from './mqtt-failures.ts'
import { Inbound } from './mqtt-inbound.ts'
import { MqttSession, PUBLISH_ID_MAX } from './mqtt-session.ts'
import { openSocket, type Server, serverOf } from './mqtt-socket.ts'
import { Wire } from './mqtt-wire.ts'
import { type Closed, ConnectError, type Session, type SessionHandlers, type Transport } from './transport.ts'

/** A command is a value or a small object; whoever sends more than this to a gateway has the wrong address. */
const INBOUND_PACKET_BYTES_MAX = 262_144
/** MQTT 5.0 section 3.1.2.11.2: four bytes of seconds, the highest one means for ever. */
const EXPIRY_SECONDS_MAX = 0xffff_ffff
/** MQTT 5.0 section 3.1.2.10: two bytes of seconds. */
const KEEPALIVE_SECONDS_MAX = 65_535
/** MQTT 5.0 section 2.2.1: two bytes, never 0. */
const PACKET_ID_MAX = 65_535

/**
 * MQTT 5 and 3.1.1 at QoS 1. The library (MQTT.js) does the handshake, the parsing, the pings and SUBSCRIBE, with a new
 * client for each connection and its own reconnecting switched off; publishes and acknowledgements are ours.
 */
export class MqttTransport implements Transport {
  readonly #settings: MqttSettings
  /** Which of the urls is next. It moves on when one fails. */
  #turn = 0
  /**
   * The server refused a packet that its announced limit (if any) allowed: this much it may take. Kept until the gateway
   * starts again, for a server that refuses what it allows would otherwise hold up everything behind one record.
   */
  #packetBytesLearned: number | undefined
  /** The server's idea of our session is wrong (0x91): begin a new one. */
  #cleanOnce = false

  constructor(settings: MqttSettings) {
    this.#settings = settings
    acceptEveryRefusal()
  }

  async connect(handlers: SessionHandlers, signal: AbortSignal): Promise<Session> {
    const urls = this.#settings.urls
    const url = urls[this.#turn % urls.length] ?? ''
    let session: MqttSession | undefined
    const onClosed = (closed: Closed) => {
      this.#learn(closed, session)
      handlers.onClosed(closed)
    }
    try {
      const connection = new Connection(this.#settings, serverOf(url), { ...handlers, onClosed })
      session = await connection.open({
        signal,
        clean: this.#cleanOnce,
        packetBytesLearned: this.#packetBytesLearned,
      })
    } catch (error) {
      this.#turn += 1
      throw error
    }
    this.#cleanOnce = false
    return session
  }

  #learn(closed: Closed, session: MqttSession | undefined): void {
    // 0x9c and 0x9d: another server is to be used; ours are those of the configuration, never one the server names.
    if (closed.reason === 'refused_156' || closed.reason === 'refused_157') this.#turn += 1
    if (closed.reason === 'session_mismatch') this.#cleanOnce = true
    if (closed.reason !== 'packet_too_large') return
    // Whichever packet was meant, the largest one in flight is at least as large and so too large as well.
    const largest = session?.largestInFlightBytes() ?? 0
    if (largest > 0) this.#packetBytesLearned = largest - 1
  }
}

interface OpenOptions {
  readonly signal: AbortSignal
  readonly clean: boolean
  readonly packetBytesLearned: number | undefined
}

/** One connection from the first byte to the last. Its end is the 'close' of the socket, whatever led to it. */
class Connection {
  readonly #settings: MqttSettings
  readonly #server: Server
  readonly #handlers: SessionHandlers
  #phase: Phase | 'open' = 'tcp'
  /** The first reason for the end counts; what follows are its consequences. */
  #why: Closed | undefined
  #socket: Socket | undefined
  #session: MqttSession | undefined
  #inbound: Inbound | undefined
  #connack: IConnackPacket | undefined
  #resolve: (session: MqttSession) => void = () => {}
  #reject: (error: ConnectError) => void = () => {}

  constructor(settings: MqttSettings, server: Server, handlers: SessionHandlers) {
    this.#settings = settings
    this.#server = server
    this.#handlers = handlers
  }

  open(options: OpenOptions): Promise<MqttSession> {
    const { signal } = options
    const { connectTimeoutMs } = this.#settings
    const giveUp = () => this.#fail({ reason: 'aborted', detail: 'connecting was given up', hurry: 'soon' })
    if (signal.aborted)
      return Promise.reject(new ConnectError({ reason: 'aborted', detail: 'not begun', hurry: 'soon' }))
    const timer = setTimeout(() => {
      if (this.#phase !== 'open') this.#fail(timeoutClosed(this.#phase, this.#server.name, connectTimeoutMs))
    }, connectTimeoutMs)
    signal.addEventListener('abort', giveUp)
    return new Promise<MqttSession>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      this.#begin(options)
    }).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    })
  }

  #begin(options: OpenOptions): void {
    const socket = this.#openSocket()
    if (!socket) return
    this.#socket = socket
    const inbound = new Inbound((bytes) => {
      if (socket.writable) socket.write(bytes)
    }, this.#handlers.onDelivery)
    this.#inbound = inbound
    const wire = new Wire(socket, (id) => this.#session?.puback(id, 0))
    const client = new MqttClient(() => wire, clientOptions(this.#settings, options.clean))
    client.handleMessage = (packet, callback) => {
      inbound.receive(packet)
      // An error here means to the library: go on, and send no PUBACK (lib/handlers/publish.js). No event comes of it.
      callback(packet.qos === 0 ? undefined : NOT_YET_CONFIRMED)
    }
    client.on('error', (error) => this.#fail(errorClosed(error, this.#server.name)))
    client.on('packetreceive', (packet) => this.#onPacket(packet))
    client.on('connect', () => this.#onConnect(client, options.packetBytesLearned))
    client.on('close', () => this.#onClose())
    socket.on('data', () => this.#session?.heard())
  }

  #openSocket(): Socket | undefined {
    try {
      return openSocket(this.#server, this.#settings.tls, (phase) => {
        this.#phase = phase
      })
    } catch (error) {
      // A certificate or key that cannot be read.
      if (!(error instanceof Error)) throw error
      this.#fail({ reason: 'tls', detail: `${this.#server.name}: ${error.message}`, hurry: 'slow' })
      return undefined
    }
  }

  #onPacket(packet: Packet): void {
    switch (packet.cmd) {
      case 'puback':
        this.#session?.puback(packet.messageId ?? 0, packet.reasonCode ?? 0, packet.properties?.reasonString)
        return
      case 'connack':
        this.#connack = packet
        this.#checkConnack(packet)
        return
      case 'disconnect':
        this.#fail(disconnectClosed(packet.reasonCode ?? 0, packet.properties?.reasonString))
        return
    }
  }

  /** Before the library sees it, so that the reason is the server's and not "Connection refused". */
  #checkConnack({ returnCode, reasonCode, properties }: IConnackPacket): void {
    const code = (this.#settings.protocol === 5 ? reasonCode : returnCode) ?? 0
    if (code === 0) return
    this.#fail(this.#settings.protocol === 5 ? connackClosed(code, properties?.reasonString) : returnCodeClosed(code))
  }

  #onConnect(client: MqttClient, packetBytesLearned: number | undefined): void {
    const filter = this.#settings.commands?.subscribe
    const properties = this.#connack?.properties
    const unusable = lacking(properties ?? {}, filter)
    if (unusable) {
      this.#fail(unusable)
      return
    }
    const ready = () => this.#ready(client, packetBytesLearned)
    if (filter === undefined) {
      ready()
      return
    }
    this.#phase = 'suback'
    // rh 1: retained messages come with a new subscription, not again with every connection.
    client.subscribe(filter, { qos: 1, rh: 1 }, (error, _granted, packet) => {
      const refusal = packet?.granted.map(Number).find((code) => code >= 0x80)
      if (refusal !== undefined) this.#fail(subackClosed(refusal, filter))
      else if (error) this.#fail(errorClosed(error, this.#server.name))
      else ready()
    })
  }

  #ready(client: MqttClient, packetBytesLearned: number | undefined): void {
    if (this.#why || !this.#socket) return
    this.#phase = 'open'
    const properties = this.#connack?.properties
    const terms = {
      version: this.#settings.protocol === 5 ? 5 : 4,
      receiveMaximum: properties?.receiveMaximum,
      maximumPacketSize: smaller(properties?.maximumPacketSize, packetBytesLearned),
      sessionPresent: this.#connack?.sessionPresent ?? false,
    } as const
    this.#session = new MqttSession(client, this.#socket, {
      terms,
      end: (closed) => {
        this.#why ??= closed
      },
    })
    this.#resolve(this.#session)
  }

  /** Ends the connection now. While it is being opened, the caller learns it at once. */
  #fail(closed: Closed): void {
    this.#why ??= closed
    this.#inbound?.over()
    if (!this.#session) this.#reject(new ConnectError(this.#why))
    this.#socket?.destroy()
  }

  #onClose(): void {
    this.#why ??= cutClosed(this.#phase, this.#server.name)
    this.#inbound?.over()
    if (!this.#session) {
      this.#reject(new ConnectError(this.#why))
      return
    }
    const session = this.#session
    this.#handlers.onClosed(this.#why)
    session.over()
  }
}

function smaller(announced: number | undefined, learned: number | undefined): number | undefined {
  if (announced === undefined || learned === undefined) return announced ?? learned
  return Math.min(announced, learned)
}

const NOT_YET_CONFIRMED = new Error('not yet confirmed')

/** Everything that the library does by itself after a failure is switched off. */
function clientOptions(settings: MqttSettings, clean: boolean): IClientOptions {
  let ids = PUBLISH_ID_MAX
  const receiveMaximum = settings.commands?.receiveMaximum
  return {
    protocolId: 'MQTT',
    protocolVersion: settings.protocol === 5 ? 5 : 4,
    clientId: settings.clientId,
    clean,
    keepalive: Math.min(KEEPALIVE_SECONDS_MAX, Math.max(1, Math.round(settings.keepaliveMs / 1000))),
    // Once per acknowledgement would be a timer per record; the session does it once per second.
    reschedulePings: false,
    reconnectPeriod: 0,
    connectTimeout: settings.connectTimeoutMs,
    resubscribe: false,
    queueQoSZero: false,
    // Ids that no publish of ours can have.
    messageIdProvider: {
      allocate() {
        ids = ids >= PACKET_ID_MAX ? PUBLISH_ID_MAX + 1 : ids + 1
        return ids
      },
      getLastAllocated: () => ids,
      register: () => true,
      deallocate() {},
      clear() {},
    },
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(settings.protocol === 5
      ? {
          properties: {
            sessionExpiryInterval: Math.min(EXPIRY_SECONDS_MAX, Math.round(settings.sessionExpiryMs / 1000)),
            maximumPacketSize: INBOUND_PACKET_BYTES_MAX,
            ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
          },
        }
      : {}),
  }
}

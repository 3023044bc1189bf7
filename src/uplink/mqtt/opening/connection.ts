import type { Duplex } from 'node:stream'
import { type IConnackPacket, MqttClient } from 'mqtt'
import type { IDisconnectPacket, Packet } from 'mqtt-packet'
import type { MqttSettings } from '../../../uplink-settings.ts'
import { type Closed, ConnectError, type SessionHandlers, type Shortfall } from '../../transport.ts'
import { connackClosed, disconnectClosed, returnCodeClosed } from '../fates.ts'
import { Inbound } from '../inbound.ts'
import type { Lessons } from '../lessons.ts'
import { MqttSession } from '../session.ts'
import { type SessionTerms, sessionTerms, unsubscribable, unusable } from '../session-terms.ts'
import { Subscription } from '../subscription.ts'
import { Wire } from '../wire.ts'
import { clientOptions } from './client-options.ts'
import { cutClosed, errorClosed, timeoutClosed } from './failures.ts'
import { firstBytesClosed, oldConnackCode } from './first-bytes.ts'
import type { OpeningWatch, Phase } from './phase.ts'
import type { Server } from './server.ts'
import { openStream, type Way } from './stream.ts'
import { termsOf } from './terms.ts'

export interface ConnectionOptions {
  readonly signal: AbortSignal
  readonly version: 4 | 5
  /** Begin a new session. */
  readonly clean: boolean
  readonly lessons: Lessons
  readonly watch: OpeningWatch
  /** What the session lacks before it begins. */
  readonly shortfalls: readonly Shortfall[]
}

type Watch = Required<OpeningWatch>

/** One connection from the first byte to the last. Its end is the 'close' of the stream, whatever led to it. */
export class Connection {
  readonly #settings: MqttSettings
  readonly #server: Server
  readonly #handlers: SessionHandlers
  readonly #giveUp = new AbortController()
  #phase: Phase | 'open' = 'tcp'
  /** Whom the phase waits for: the proxy, until it has made the way. */
  #peer: string
  /** The first reason for the end counts; what follow are its consequences. */
  #why: Closed | undefined
  #stream: Duplex | undefined
  #session: MqttSession | undefined
  #inbound: Inbound | undefined
  #subscription: Subscription | undefined
  #connack: IConnackPacket | undefined
  #resolve: (session: MqttSession) => void = () => {}
  #reject: (error: ConnectError) => void = () => {}

  constructor(settings: MqttSettings, server: Server, handlers: SessionHandlers) {
    this.#settings = settings
    this.#server = server
    this.#handlers = handlers
    this.#peer = server.name
  }

  open(options: ConnectionOptions): Promise<MqttSession> {
    const { signal } = options
    const { connectTimeoutMs } = this.#settings
    const abort = () => this.#fail({ reason: 'aborted', detail: 'connecting was given up', hurry: 'soon' })
    if (signal.aborted)
      return Promise.reject(new ConnectError({ reason: 'aborted', detail: 'not begun', hurry: 'soon' }))
    const timer = setTimeout(() => {
      if (this.#phase !== 'open') this.#fail(timeoutClosed(this.#phase, this.#peer, connectTimeoutMs))
    }, connectTimeoutMs)
    signal.addEventListener('abort', abort)
    return new Promise<MqttSession>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      void this.#begin(options)
    }).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
  }

  async #begin(options: ConnectionOptions): Promise<void> {
    const watch = this.#watched(options.watch)
    let way: Way
    try {
      way = await openStream(this.#server, { settings: this.#settings, signal: this.#giveUp.signal, watch })
    } catch (error) {
      // Anything else is a mistake in this program.
      if (!(error instanceof Error)) throw error
      this.#fail(
        error instanceof ConnectError ? error.closed : errorClosed(error, { peer: this.#peer, phase: this.#phase }),
      )
      return
    }
    if (this.#why) {
      way.stream.destroy()
      return
    }
    watch.onPhase('connack', this.#server.name)
    this.#speak(way, options, watch)
  }

  #watched(watch: OpeningWatch): Watch {
    return {
      onPhase: (phase, peer) => {
        this.#phase = phase
        this.#peer = peer
        watch.onPhase?.(phase, peer)
      },
      onFinding: (finding) => watch.onFinding?.(finding),
    }
  }

  #speak({ stream, stopsReading }: Way, options: ConnectionOptions, watch: Watch): void {
    this.#stream = stream
    const inbound = new Inbound((bytes) => {
      if (stream.writable) stream.write(bytes)
    }, this.#handlers.onDelivery)
    this.#inbound = inbound
    // Before the parser, which would only say that it does not understand.
    stream.once('data', (bytes: Uint8Array) => this.#onFirstBytes(bytes, options.version))
    const will = options.lessons.will(options.version)
    const wire = new Wire(stream, {
      onAck: (id, code) => this.#session?.puback(id, code),
      onExactlyOnce: (id) => inbound.exactlyOnce(id),
      ...(stopsReading ? { unanswered: () => this.#session?.inFlight ?? 0 } : {}),
    })
    const client = new MqttClient(() => wire, clientOptions(this.#settings, { ...options, will }))
    client.handleMessage = (packet, callback) => {
      inbound.receive(packet)
      // An error here means to the library: go on, and send no PUBACK (lib/handlers/publish.js). No event comes of it.
      callback(packet.qos === 0 ? undefined : NOT_YET_CONFIRMED)
    }
    client.on('error', (error) => this.#fail(errorClosed(error, { peer: this.#server.name, phase: this.#phase })))
    client.on('packetreceive', (packet) => this.#onPacket(packet, options.version))
    client.on('connect', () => this.#onConnect(client, options, watch))
    client.on('close', () => this.#onClose())
    stream.on('data', () => this.#session?.heard())
  }

  #onFirstBytes(bytes: Uint8Array, version: 4 | 5): void {
    const foreign = firstBytesClosed(bytes, this.#server)
    const code = version === 5 ? oldConnackCode(bytes) : undefined
    if (foreign) this.#fail(foreign)
    // Accepted (0), but as if we had spoken 3.1.1: what we say next would not be understood either.
    else if (code !== undefined) this.#fail(returnCodeClosed(code === 0 ? 1 : code))
  }

  #onPacket(packet: Packet, version: 4 | 5): void {
    switch (packet.cmd) {
      case 'puback':
        this.#session?.puback(packet.messageId ?? 0, packet.reasonCode ?? 0, packet.properties?.reasonString)
        return
      case 'connack':
        this.#connack = packet
        this.#checkConnack(packet, version)
        return
      case 'disconnect':
        this.#fail(disconnectClosed(packet.reasonCode ?? 0, saidBy(packet)))
        return
    }
  }

  /** Before the library sees it, so that the reason is the server's and not "Connection refused". */
  #checkConnack(packet: IConnackPacket, version: 4 | 5): void {
    const code = (version === 5 ? packet.reasonCode : packet.returnCode) ?? 0
    if (code === 0) return
    this.#fail(version === 5 ? connackClosed(code, saidBy(packet)) : returnCodeClosed(code))
  }

  #onConnect(client: MqttClient, options: ConnectionOptions, watch: Watch): void {
    const terms = termsOf(this.#connack, options.version)
    watch.onFinding({ what: 'connack', terms })
    const because = unusable(terms, this.#settings)
    if (because) {
      this.#fail(because)
      return
    }
    const filter = this.#settings.commands?.subscribe
    const vain = filter === undefined ? undefined : unsubscribable(terms, filter)
    const shortfalls = vain ? [...options.shortfalls, vain] : options.shortfalls
    const ready = () => this.#ready(client, sessionTerms(terms, this.#settings, options.lessons.limits), shortfalls)
    if (filter === undefined || vain) {
      ready()
      return
    }
    const { lessons } = options
    this.#subscription = new Subscription(filter, {
      ask: async () => {
        lessons.subscribing()
        const code = await subscribe(client, filter)
        lessons.subscribed(code < 0x80)
        return code
      },
    })
    if (lessons.subscribeDelayMs > 0) {
      this.#subscription.beginIn(lessons.subscribeDelayMs)
      ready()
      return
    }
    watch.onPhase('suback', this.#server.name)
    void this.#subscription.begin().then(ready)
  }

  #ready(client: MqttClient, terms: SessionTerms, shortfalls: readonly Shortfall[]): void {
    if (this.#why || !this.#stream) return
    this.#phase = 'open'
    this.#session = new MqttSession(client, this.#stream, {
      terms,
      end: (closed) => {
        this.#why ??= closed
      },
      shortfalls: () => [...shortfalls, ...(this.#subscription?.shortfalls ?? [])],
    })
    this.#resolve(this.#session)
  }

  /** Ends the connection now. While it is being opened, the caller learns it at once. */
  #fail(closed: Closed): void {
    this.#why ??= closed
    this.#inbound?.over()
    this.#subscription?.over()
    if (!this.#session) this.#reject(new ConnectError(this.#why))
    this.#giveUp.abort()
    this.#stream?.destroy()
  }

  #onClose(): void {
    this.#why ??= cutClosed(this.#phase, this.#server.name)
    this.#inbound?.over()
    this.#subscription?.over()
    if (!this.#session) {
      this.#reject(new ConnectError(this.#why))
      return
    }
    const session = this.#session
    this.#handlers.onClosed(this.#why)
    session.over()
  }
}

/** What a server adds to its refusal for people; where it sends us is one of it, for we never follow by ourselves. */
function saidBy({ properties }: IConnackPacket | IDisconnectPacket): string | undefined {
  return properties?.reasonString ?? properties?.serverReference
}

/** Resolves with the code of SUBACK. */
function subscribe(client: MqttClient, filter: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // rh 1: retained messages come with a new subscription, not again with every connection.
    client.subscribe(filter, { qos: 1, rh: 1 }, (error, _granted, packet) => {
      const code = packet?.granted[0]
      if (code === undefined) reject(error ?? new Error('no SUBACK'))
      else resolve(Number(code))
    })
  })
}

const NOT_YET_CONFIRMED = new Error('not yet confirmed')

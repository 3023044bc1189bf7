import type { MqttSettings } from '../../uplink-settings.ts'
import { type Closed, ConnectError, type Session, type SessionHandlers, type Transport } from '../transport.ts'
import { acceptEveryRefusal } from './codes.ts'
import { Lessons } from './lessons.ts'
import { Connection } from './opening/connection.ts'
import { Cuts } from './opening/cuts.ts'
import { explained } from './opening/explain.ts'
import { OldServers } from './opening/old-servers.ts'
import type { OpeningWatch } from './opening/phase.ts'
import { serverOf } from './opening/server.ts'
import { Turns } from './opening/turns.ts'
import type { MqttSession } from './session.ts'

export interface MqttTransportOptions extends OpeningWatch {
  /** Is the wall clock known to be right? Absent: nobody can say. */
  readonly clockKnown?: () => boolean
}

/**
 * MQTT 5 and 3.1.1 at QoS 1. The library (MQTT.js) does the handshake, the parsing, the pings and SUBSCRIBE, with a new
 * client for each connection and its own reconnecting switched off; publishes and acknowledgements are ours.
 */
export class MqttTransport implements Transport {
  readonly #settings: MqttSettings
  readonly #options: MqttTransportOptions
  readonly #turns: Turns
  readonly #lessons: Lessons
  readonly #cuts = new Cuts()
  readonly #oldServers: OldServers
  /** The server's idea of our session is wrong (0x91): begin a new one. */
  #cleanOnce = false

  constructor(settings: MqttSettings, options: MqttTransportOptions = {}) {
    this.#settings = settings
    this.#options = options
    this.#turns = new Turns(settings.urls.length)
    this.#lessons = new Lessons(settings)
    this.#oldServers = new OldServers(settings)
    acceptEveryRefusal()
  }

  async connect(handlers: SessionHandlers, signal: AbortSignal): Promise<Session> {
    const number = this.#turns.next(performance.now())
    const url = this.#settings.urls[number] ?? ''
    let session: MqttSession | undefined
    let openedAt = 0
    this.#lessons.opening(performance.now())
    const onClosed = (closed: Closed) => {
      const now = performance.now()
      handlers.onClosed(this.#turns.ended(number, this.#ended(closed, session, now - openedAt), now))
    }
    try {
      session = await this.#oldServers.open(url, (version, shortfalls) =>
        new Connection(this.#settings, serverOf(url), { ...handlers, onClosed }).open({
          signal,
          version,
          clean: this.#cleanOnce,
          lessons: this.#lessons,
          watch: this.#options,
          shortfalls,
        }),
      )
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      const closed = this.#explained(this.#lessons.refused(this.#named(error.closed, url)))
      throw new ConnectError(this.#turns.failed(number, closed, performance.now()))
    }
    openedAt = performance.now()
    this.#turns.opened(number)
    this.#cleanOnce = false
    return session
  }

  #ended(closed: Closed, session: MqttSession | undefined, lastedMs: number): Closed {
    if (closed.reason === 'session_mismatch') this.#cleanOnce = true
    const counted = this.#cuts.ended(closed, { lastedMs, isAnswered: (session?.answeredBytes ?? 0) > 0 })
    return this.#explained(session ? this.#lessons.ended(counted, session) : counted)
  }

  /** Which of several servers it was. */
  #named(closed: Closed, url: string): Closed {
    const { host } = new URL(url)
    const known = this.#settings.urls.length === 1 || closed.detail.includes(host)
    return known ? closed : { ...closed, detail: `${host}: ${closed.detail}` }
  }

  #explained(closed: Closed): Closed {
    const clockKnown = this.#options.clockKnown?.()
    return explained(closed, { settings: this.#settings, clockKnown, wall: Date.now() })
  }
}

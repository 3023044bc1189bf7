/**
 * A message queue of EMQX 6 on the scripted broker, as far as a gateway can tell: it keeps the newest message per key (or
 * all), counts as no subscriber, hands its messages to one subscription at a time or, with `dispatch`, to the subscriptions
 * in turn, and where queues are switched off, the subscription is granted all the same and nothing ever comes.
 */
import type { BrokerConnection, Publish, ScriptedBroker } from './broker.ts'
import type { Outbound } from './broker-session.ts'

const NO_MATCHING_SUBSCRIBERS = 0x10
const REFUSED_BEFORE_MQTT_5 = 0x80
/** Unconfirmed messages of a subscription. */
const WINDOW = 10

export interface QueueSettings {
  /** 6.0: `$q/FILTER`, for any MQTT version. 6.1.1: `$queue/NAME`, `$queue/NAME/FILTER` or `$q/FILTER`, for MQTT 5 only. */
  readonly version: '6.0' | '6.1.1'
  readonly name: string
  readonly filter: string
  /** The user property that is the key of a last-value queue; a message without it is acknowledged and not kept. */
  readonly key?: string
  /**
   * Who of several subscribers gets the next message, of those with room in their window. What one had not confirmed when
   * its connection ended goes to another. Absent: the last one that subscribed gets all, and keeps what it had.
   */
  readonly dispatch?: 'round_robin' | 'least_inflight'
}

export class EmqxQueue {
  /** False: publishes are acknowledged, subscriptions granted, and that is all. */
  enabled = true
  /** A known fault: what is kept is not handed out any more. */
  stuck = false
  readonly #broker: ScriptedBroker
  readonly #settings: QueueSettings
  /** What nobody fetched yet, by key. */
  readonly #waiting = new Map<string, Outbound>()
  /** Unconfirmed messages of each; whose turn is longest ago stands first. */
  readonly #subscribers = new Map<BrokerConnection, number>()
  #arrived = 0

  constructor(broker: ScriptedBroker, settings: QueueSettings) {
    this.#broker = broker
    this.#settings = settings
    broker.react = () => this.#take
    broker.grant = (filter, connection, qos) => this.#grant(filter, { connection, qos })
    broker.onConfirmed = (connection) => {
      const inFlight = this.#subscribers.get(connection)
      if (inFlight === undefined) return
      this.#subscribers.set(connection, inFlight - 1)
      this.#dispatch()
    }
  }

  /** Keys that wait to be fetched. */
  get waiting(): readonly string[] {
    return [...this.#waiting.keys()]
  }

  /** As a backend publishes a command; the answer it gets. */
  publish(message: Outbound): number {
    if (!this.enabled || !matches(this.#settings.filter, message.topic)) return NO_MATCHING_SUBSCRIBERS
    const key = this.#keyOf(message)
    if (key === undefined) return NO_MATCHING_SUBSCRIBERS
    // Replacing is removing and adding: the newest goes last.
    this.#waiting.delete(key)
    this.#waiting.set(key, message)
    this.#dispatch()
    return NO_MATCHING_SUBSCRIBERS
  }

  readonly #take = ({ packet, store, answer }: Publish) => {
    store()
    const properties = packet.properties?.userProperties
    const code = this.publish({
      topic: packet.topic,
      payload: packet.payload.toString(),
      ...(properties === undefined ? {} : { properties: { userProperties: properties } }),
    })
    answer(code)
  }

  #keyOf({ properties }: Outbound): string | undefined {
    this.#arrived += 1
    if (this.#settings.key === undefined) return String(this.#arrived)
    const value = properties?.userProperties?.[this.#settings.key]
    return typeof value === 'string' ? value : value?.at(-1)
  }

  #grant(filter: string, { connection, qos }: { connection: BrokerConnection; qos: number }): number {
    const { version, name, filter: topics } = this.#settings
    const names = version === '6.0' ? [`$q/${topics}`] : [`$queue/${name}`, `$queue/${name}/${topics}`, `$q/${topics}`]
    if (!names.includes(filter) || !this.enabled) return qos
    if (version !== '6.0' && connection.version !== 5) return REFUSED_BEFORE_MQTT_5
    this.#attach(connection)
    return qos
  }

  /** What the one before had not confirmed comes with its session; the rest is fetched from now on. */
  #attach(connection: BrokerConnection): void {
    const { dispatch } = this.#settings
    if (dispatch === undefined) this.#subscribers.clear()
    this.#subscribers.set(connection, connection.session?.unconfirmed.length ?? 0)
    connection.socket.once('close', () => {
      if (!this.#subscribers.delete(connection) || dispatch === undefined) return
      this.#takeBack(connection)
      this.#dispatch()
    })
    // After SUBACK.
    setImmediate(() => this.#dispatch())
  }

  /** The oldest goes first again. */
  #takeBack({ session }: BrokerConnection): void {
    const others = [...this.#waiting]
    this.#waiting.clear()
    for (const { message } of session?.unconfirmed.splice(0) ?? []) {
      this.#arrived += 1
      this.#waiting.set(this.#settings.key === undefined ? String(this.#arrived) : `${this.#keyOf(message)}`, message)
    }
    for (const [key, message] of others) this.#waiting.set(key, message)
  }

  #dispatch(): void {
    for (let to = this.#next(); to && !this.stuck; to = this.#next()) {
      const [next] = this.#waiting
      if (!next) return
      this.#waiting.delete(next[0])
      const inFlight = this.#subscribers.get(to) ?? 0
      // The last in turn now.
      this.#subscribers.delete(to)
      this.#subscribers.set(to, inFlight + 1)
      this.#broker.deliverTo(to, { ...next[1], qos: 1 })
    }
  }

  #next(): BrokerConnection | undefined {
    const free = [...this.#subscribers].filter(([, inFlight]) => inFlight < WINDOW)
    if (this.#settings.dispatch === 'least_inflight') free.sort(([, a], [, b]) => a - b)
    return free[0]?.[0]
  }
}

/** Does the topic match the filter (MQTT 5.0 section 4.7)? */
function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  const many = wanted.indexOf('#')
  if (many < 0 && wanted.length !== levels.length) return false
  const fixed = many < 0 ? wanted : wanted.slice(0, many)
  return fixed.length <= levels.length && fixed.every((level, index) => level === '+' || level === levels[index])
}

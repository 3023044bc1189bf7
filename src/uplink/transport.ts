/**
 * PUBLIC CONTRACT: how the gateway speaks to one kind of cloud.
 *
 * A transport connects, a session publishes and hands over deliveries, and reports that it closed. Neither of them
 * loops, retries, waits, counts or logs: the session loop (`uplink.ts`), the sender and the receiver do that once for all
 * transports. There are two exceptions, because nobody else can know:
 *
 * - A session asks again, every few minutes, for a subscription that was refused. Ending the session for it would hold up
 *   the records, and the loop knows sessions only.
 * - A transport may remember from one connection to the next what a cloud turned out not to take although it had announced
 *   it (sizes, messages in flight, topic aliases, a subscription that ends the connection) and which of its servers comes
 *   next. Else every session would end at the same place again. It shows in `windowMax`, `packetBytesMax`, `batchBytesMax`
 *   and `shortfalls`, and in the fate of a message at which the connection ended again and again.
 */

/** One message to publish. */
export interface Message {
  readonly topic: string
  readonly payload: string | Uint8Array
  /** One object for all messages that have the same, because it is encoded once. */
  readonly properties?: MessageProperties
  /** The identity of the (first) record, sent as user property `id`. */
  readonly id?: string
  /** The server keeps it for those who subscribe later, if it can. */
  readonly retain?: boolean
  /** The answer to one request: topic and properties will hardly come again, so they are not worth remembering (MQTT 5). */
  readonly reply?: true
  /** 0: nobody answers; it is accepted when it was handed to the network. Absent: 1. */
  readonly qos?: 0
}

/** What accompanies a message where the protocol has room for it (MQTT 5). */
export interface MessageProperties {
  readonly contentType?: string
  /** The server drops the message when nobody took it for so long. */
  readonly expirySeconds?: number
  readonly user?: Readonly<Record<string, string>>
  /** By which whoever asked knows which answer this is, at most 65,535 bytes. */
  readonly correlationData?: Uint8Array
}

/**
 * What became of a published message; exactly one of three.
 * - accepted: the cloud has taken responsibility (PUBACK 0x00 or 0x10).
 * - rejected: never send it again; it goes to the rejected records with this reason.
 * - kept: not now; send it again after `delayMs` (or when a new session is up, when absent).
 */
export type Fate =
  | {
      readonly fate: 'accepted'
      /** Nobody is subscribed now, and the cloud said so; it may have stored it all the same (a queue of EMQX has). */
      readonly unheard?: boolean
    }
  | { readonly fate: 'rejected'; readonly reason: string }
  | {
      readonly fate: 'kept'
      readonly reason: string
      /** What to look at or to do, one sentence. */
      readonly hint?: string
      readonly delayMs?: number
      readonly shrinkWindow?: boolean
      /** Only this topic is meant; others may go on. */
      readonly onlyTopic?: boolean
      /** Answers of this kind after which the message is rejected; absent: it is kept for ever. */
      readonly triesMax?: number
    }

/** A message from the cloud, with the duty to confirm it. */
export interface Delivery {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
  readonly userProperties: Readonly<Record<string, string>>
  /** Where the sender wants the result (MQTT 5 response topic), and what it wants back with it. */
  readonly responseTopic?: string
  readonly correlationData?: Uint8Array
  /** Remaining lifetime given by the protocol, in ms. */
  readonly expiresInMs?: number
  /** Equal for two deliveries of one message within a session of the cloud; absent when it cannot be redelivered. */
  readonly redelivery?: string
  /** The cloud says that it may have sent this before (MQTT DUP). Only then `redelivery` may be trusted. */
  readonly duplicate: boolean
  /** Call after the command is durable, once, in any order; the transport puts confirmations into arrival order. */
  confirm(): void
}

/** Why a session ended and what to do about it. */
export interface Closed {
  /** Short code, as shown in status and metrics: `tcp`, `tls`, `dns`, `refused_135`, `taken_over`, `keepalive`, ... */
  readonly reason: string
  /** A sentence for a human. */
  readonly detail: string
  /**
   * soon: link trouble, reconnect with the usual backoff. slow: credentials, ban or configuration; knocking fast makes
   * it worse, so the loop waits minutes and raises an alarm.
   */
  readonly hurry: 'soon' | 'slow'
  /** What to look at or to do, one sentence. */
  readonly hint?: string
  /** The next try waits at least this long, whatever `hurry` says. */
  readonly pauseMinMs?: number
}

/** The gateway stops; the only end that is no trouble. */
export const STOPPED: Closed = { reason: 'stopped', detail: 'the gateway stops', hurry: 'soon' }

/** What a session cannot do although it was asked to; the rest of it works. */
export type Shortfall = Pick<Closed, 'reason' | 'detail' | 'hint'>

/** Thrown by `connect` when no session came to be. */
export class ConnectError extends Error {
  readonly closed: Closed
  constructor(closed: Closed) {
    super(closed.detail)
    this.name = 'ConnectError'
    this.closed = closed
  }
}

export interface SessionHandlers {
  /** Called for each delivery, also while `connect` is still under way (a resumed session); must return at once. */
  onDelivery(delivery: Delivery): void
  /**
   * Called exactly once when a session that `connect` gave is over, whoever ended it. No fate and no delivery is
   * reported after this.
   */
  onClosed(closed: Closed): void
}

/** One connection period. Single use: a new connection is a new session. */
export interface Session {
  /** Messages the cloud allows to be unacknowledged at a time (MQTT 5 Receive Maximum); Infinity if it named none. */
  readonly windowMax: number
  /** Largest packet in bytes the cloud accepts, topic and overhead included; Infinity if it named none. */
  readonly packetBytesMax: number
  /**
   * Messages of several records should stay below so many bytes; Infinity if nothing speaks against more. What is larger may
   * be sent all the same.
   */
  readonly batchBytesMax: number
  /** The cloud still knew us: subscriptions and unconfirmed deliveries of the session before go on. */
  readonly sessionResumed: boolean
  /** The server keeps retained messages. */
  readonly retainAvailable: boolean
  /** Messages can carry correlation data (MQTT 5). */
  readonly repliesAvailable: boolean
  /** A subscription that was refused, for one. */
  readonly shortfalls: readonly Shortfall[]
  /** Bytes this message takes as a packet, to compare with `packetBytesMax`. */
  packetBytes(message: Message): number
  /**
   * Sends a message; its payload is not needed after this returns. `onFate` is called at most once, later (never
   * synchronously), with the same message, so that one function serves all; never after the session closed: then the
   * fate of what was in flight is unknown and the sender sends it again (at least once).
   */
  publish<M extends Message>(message: M, onFate: (fate: Fate, message: M) => void): void
  /** The message that has waited longest for its fate. */
  oldestInFlight(): Message | undefined
  /** It is ending: what is published now goes nowhere. */
  readonly isClosing: boolean
  /** Bytes waiting in the socket; the sender stops filling above a limit. */
  backlogBytes(): number
  /**
   * Ends the session in good order (DISCONNECT), or by force when the peer does not follow within two seconds; resolves
   * when it is closed. Idempotent. `because` is what `onClosed` then reports; with any but `STOPPED` the cloud tells
   * those who watch that this gateway is gone, if it was asked to.
   */
  close(because?: Closed): Promise<void>
}

export interface Transport {
  /**
   * Opens one session, subscriptions included. Rejects with ConnectError. Aborting the signal gives up at once and
   * leaves nothing open.
   */
  connect(handlers: SessionHandlers, signal: AbortSignal): Promise<Session>
}

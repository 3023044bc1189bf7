/**
 * The words of the domain. Imports nothing, so every stage can speak of samples, records and commands without knowing
 * another stage.
 */

/** A value of a point. 64-bit integers arrive as bigint, so that no digit is lost on the way to the cloud. */
export type Value = number | bigint | boolean | string

/** good: just read. stale: the last one known, the device is silent. bad: an error code stands in its place. */
export type Quality = 'good' | 'stale' | 'bad'

/** One point's value at one time, or the short code of what went wrong instead of it (P6: never a wrong value). */
export type Sample =
  | { readonly point: string; readonly value: Value; readonly error?: never }
  | { readonly point: string; readonly value?: never; readonly error: string }

/** The samples that one poll of a device (or one line it sent by itself) yielded. */
export interface Reading {
  readonly device: string
  readonly samples: readonly Sample[]
  /** CLOCK_MONOTONIC in ms when the exchange ended. */
  readonly mono: number
}

/** A device that begins or ceases to answer. */
export interface DeviceEvent {
  readonly event: 'device_online' | 'device_offline'
  readonly device: string
  /** Short code of the failure, for offline. */
  readonly reason?: string
  /** How long it was offline, in ms, for online; absent: it was not known to be. */
  readonly awayMs?: number
}

/** data: readings. event: what happened to the gateway. outcome: what became of a command. */
export type RecordKind = 'data' | 'event' | 'outcome'

/** What a stage hands to the outbox. */
export interface NewRecord {
  readonly kind: RecordKind
  /** The device (data and device events), the command key (outcomes), or '' (events of the gateway itself). */
  readonly source: string
  /**
   * The inside of the record's JSON object, without braces and without what is added at sending (id, ts, after, clock,
   * late), so that draining parses nothing. Example: `"device":"boiler","values":{"supply_temp":61.3}`
   */
  readonly body: string
  /** The only uplink that wants it; absent: every uplink does. */
  readonly to?: string
  /** CLOCK_MONOTONIC in ms of this boot. */
  readonly mono: number
  /** Beyond this age in ms nobody wants it late; absent: never. */
  readonly expiresAfterMs?: number
  /** Where the sender of the command wants this outcome, beside where outcomes go. */
  readonly reply?: Reply
}

/** Where a sender wants the answer (MQTT 5 response topic), and what it wants back with it. */
export interface Reply {
  readonly topic: string
  /** Base64. */
  readonly correlation?: string
}

/** A record as an uplink gets it from the outbox. */
export interface StoredRecord {
  readonly seq: number
  /** `gateway/epoch/` of the record; the id is this and seq. */
  readonly idPrefix: string
  readonly kind: RecordKind
  readonly source: string
  readonly body: string
  /** Number of the boot it was made in, and CLOCK_MONOTONIC in ms of that boot. */
  readonly boot: number
  readonly mono: number
  /** Unix time in ms as known now. */
  readonly ts: number
  /** False when the wall time of the record's boot is not known (yet). */
  readonly clockKnown: boolean
  /** The seq of the previous record this uplink wants, when that is not seq-1. */
  readonly after?: number
  /** Delivered after an outage, or again by replay. */
  readonly late: boolean
  /** It was settled before and is sent again: a replay, or a rejected record that is tried once more. */
  readonly again?: 'replay' | 'retry'
  /** Where else this outcome goes, for the sender of the command. */
  readonly reply?: Reply
}

/** What became of a command (P8). `waiting` and `applying` are not final. */
export type CommandState =
  | 'waiting'
  | 'applying'
  | 'applied'
  | 'verified'
  | 'failed'
  | 'refused'
  | 'superseded'
  | 'expired'
  | 'cancelled'
  | 'unknown'

/** What arrives from the cloud, before anything is known of it. */
export interface IncomingCommand {
  readonly uplink: string
  /** The last-value key the sender used; '' when the message carried none. */
  readonly key: string
  readonly payload: Uint8Array
  /** It was so long that only its beginning is here; absent: all of it is. */
  readonly payloadBytes?: number
  /** Recognises a redelivery of a message that has no command id: equal for two deliveries of one message. */
  readonly redelivery?: string
  /** The cloud says that it may have sent this before (MQTT DUP). Only then `redelivery` may be trusted. */
  readonly duplicate?: boolean
  /** Lifetime left in ms when it arrived, as the protocol gives it (MQTT message expiry), not the payload. */
  readonly expiresInMs?: number
  readonly reply?: Reply
  readonly retained: boolean
}

/**
 * A value as JSON text: no digit of a 64-bit integer is lost, minus zero keeps its sign. Undefined for what JSON has no
 * number for (NaN, infinities): the caller decides what stands in its place, never null or a quoted word.
 */
export function valueJson(value: Value): string | undefined {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'number') return JSON.stringify(value)
  if (!Number.isFinite(value)) return undefined
  return Object.is(value, -0) ? '-0' : String(value)
}

/**
 * JSON in which integers beyond 2^53 become bigint instead of losing digits: what `valueJson` wrote comes back as it was.
 * Throws SyntaxError like JSON.parse.
 */
export function parseJson(text: string): unknown {
  return parse(text, longNumber.test(text) ? keepDigits : undefined)
}

/** No other text holds an integer that large, and without a function for each value parsing takes a fifth of the time. */
const longNumber = /\d{16}/

/** The reviver's third argument (ECMAScript "JSON.parse source text access") is not in the type library yet. */
type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown
const parse = JSON.parse as (text: string, reviver?: Reviver) => unknown

const keepDigits: Reviver = (_key, value, { source }) => {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  return source !== undefined && /^-?\d+$/.test(source) ? BigInt(source) : value
}

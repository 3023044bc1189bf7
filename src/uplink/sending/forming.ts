import type { Reply, StoredRecord } from '../../model.ts'
import type { BatchSettings, PropertiesSettings } from '../../uplink-settings.ts'
import { recordText } from '../formats/envelope.ts'
import type { Format, Payload, Piece } from '../formats/format.ts'
import type { Message, MessageProperties } from '../transport.ts'

/** A batch that is not full goes out after this long although more records keep coming: its topic is a rare one. */
const OPEN_MS_MAX = 1_000
/** Payload bytes in all batches that are being filled; beyond it the oldest goes out as it is. */
const OPEN_BYTES_MAX = 4_194_304
/** What a batch costs in memory beside its payload, so that thousands of tiny ones are bounded, too. */
const BATCH_BYTES = 256

/** A message on its way, with the records in it. */
export interface Outgoing extends Message {
  /** Changed by compression. */
  payload: Payload
  properties: MessageProperties
  /** The records whose pieces it carries. */
  readonly records: readonly StoredRecord[]
  /** Order in which the messages of one topic go out, also for what goes a second time. */
  readonly position: number
  /** Bytes of payload before compression. */
  readonly bytes: number
  /** Which message of the session it was when it was last sent, and when (CLOCK_MONOTONIC, ms). */
  sent: number
  sentAt: number
  /** Refusals without a stated reason so far. */
  tries: number
}

interface OpenBatch {
  readonly topic: string
  readonly records: StoredRecord[]
  readonly payloads: Payload[]
  bytes: number
  /** CLOCK_MONOTONIC in ms when its first record came. */
  readonly since: number
}

export interface FormingParts {
  readonly format: Format
  readonly batch?: BatchSettings | undefined
  readonly properties: PropertiesSettings
  readonly qos: 0 | 1
  /** Told of every record that became more or less than one piece. */
  readonly onPieces: (record: StoredRecord, pieces: number) => void
}

/**
 * Makes messages of records: each piece for itself, or batches of the pieces of one topic. A batch for each topic is being
 * filled at a time, so that devices read in turn share messages with themselves and not none at all. Within a topic the
 * order of the records is kept.
 */
export class Forming {
  readonly #parts: FormingParts
  readonly #contents: Contents
  /** By topic, the oldest first. */
  readonly #open = new Map<string, OpenBatch>()
  #openBytes = 0
  #bytesMax = 0
  #replies = false
  #position = 0
  /** Complete and not taken yet. */
  #ready: Outgoing[] = []
  #readyFrom = 0

  constructor(parts: FormingParts) {
    this.#parts = parts
    this.#contents = new Contents(parts.properties, parts.format.contentType)
  }

  /** A new session, which takes packets of so many bytes beside the overhead. `replies`: and answers to who asked. */
  begin(packetBytesMax: number, { replies = false } = {}): void {
    this.#replies = replies
    this.#bytesMax = Math.max(1, Math.min(this.#parts.batch?.bytesMax ?? 0, packetBytesMax))
    this.clear()
  }

  /** Forgets what is being formed. */
  clear(): void {
    this.#open.clear()
    this.#openBytes = 0
    this.#ready = []
    this.#readyFrom = 0
  }

  /** A complete message. */
  take(): Outgoing | undefined {
    const message = this.#ready[this.#readyFrom]
    if (message === undefined) return undefined
    this.#readyFrom += 1
    if (this.#readyFrom === this.#ready.length) {
      this.#ready = []
      this.#readyFrom = 0
    }
    return message
  }

  add(record: StoredRecord, now: number): void {
    const pieces = this.#parts.format.pieces(record)
    const reply = record.reply === undefined ? undefined : this.#replyOf(record, record.reply)
    const count = pieces.length + (reply ? 1 : 0)
    if (count !== 1) this.#parts.onPieces(record, count)
    // Events and results are for whoever waits for them: one message each, as it is.
    const batch = record.kind === 'data' && this.#parts.format.batch ? this.#parts.batch : undefined
    for (const piece of pieces) {
      if (batch) this.#join(piece, record, { now, recordsMax: batch.recordsMax })
      else this.#addAlone(piece, record)
    }
    if (reply) this.#ready.push(reply)
  }

  /** Where readings share its topic, it goes behind them. */
  #addAlone({ topic, payload }: Piece, record: StoredRecord): void {
    const open = this.#open.get(topic)
    if (open) this.#finish(open)
    this.#ready.push(this.#message(topic, payload, [record]))
  }

  /** The same once more, for whoever asked. A replay is not for them: they had their answer. */
  #replyOf(record: StoredRecord, { topic, correlation }: Reply): Outgoing | undefined {
    if (!this.#replies || record.again === 'replay') return undefined
    const message = this.#message(topic, recordText(record), [record])
    if (correlation === undefined) return { ...message, reply: true }
    const correlationData = Buffer.from(correlation, 'base64')
    return { ...message, reply: true, properties: { ...message.properties, correlationData } }
  }

  #join(piece: Piece, record: StoredRecord, { now, recordsMax }: { now: number; recordsMax: number }): void {
    const bytes = byteLength(piece.payload) + (this.#parts.format.batch?.overheadBytes ?? 0)
    let open = this.#open.get(piece.topic)
    if (open && open.bytes + bytes > this.#bytesMax) {
      this.#finish(open)
      open = undefined
    }
    if (!open) {
      open = { topic: piece.topic, records: [], payloads: [], bytes: 0, since: now }
      this.#open.set(piece.topic, open)
      this.#openBytes += BATCH_BYTES
    }
    open.records.push(record)
    open.payloads.push(piece.payload)
    open.bytes += bytes
    this.#openBytes += bytes
    if (open.records.length >= recordsMax) this.#finish(open)
    else if (this.#openBytes > OPEN_BYTES_MAX) this.#finishOldest()
  }

  /**
   * Completes batches that waited long enough. `dry`: no record is at hand and none is being read, so nothing but their time
   * keeps them. Gives the ms until the next one is due, undefined when none is being filled.
   */
  age(now: number, dry: boolean): number | undefined {
    const waitMaxMs = this.#parts.batch?.waitMaxMs ?? 0
    const limitMs = dry ? waitMaxMs : Math.max(waitMaxMs, OPEN_MS_MAX)
    for (const open of this.#open.values()) {
      const leftMs = open.since + limitMs - now
      if (leftMs > 0) return leftMs
      this.#finish(open)
    }
    return undefined
  }

  #finishOldest(): void {
    for (const open of this.#open.values()) {
      this.#finish(open)
      return
    }
  }

  #finish(open: OpenBatch): void {
    this.#open.delete(open.topic)
    this.#openBytes -= open.bytes + BATCH_BYTES
    const payload = this.#joined(open.payloads)
    this.#ready.push(this.#message(open.topic, payload, open.records))
  }

  #joined(payloads: readonly Payload[]): Payload {
    const { batch } = this.#parts.format
    if (!batch) throw new Error('the format has no batches')
    return batch.join(payloads)
  }

  /** A batch as batches of one, so that the answer to each tells which record was meant. */
  oneByOne(message: Outgoing): Outgoing[] {
    return message.records.flatMap((record) => {
      const piece = this.#parts.format.pieces(record).find(({ topic }) => topic === message.topic)
      if (!piece) return []
      // One number for all: the sort that puts them among others leaves them in order.
      return { ...this.#message(piece.topic, this.#joined([piece.payload]), [record]), position: message.position }
    })
  }

  #message(topic: string, payload: Payload, records: readonly StoredRecord[]): Outgoing {
    this.#position += 1
    const first = records[0]
    const { properties, qos } = this.#parts
    const message: Outgoing = {
      topic,
      payload,
      properties: first?.kind === 'data' ? this.#contents.data : this.#contents.other,
      records,
      position: this.#position,
      bytes: byteLength(payload),
      sent: 0,
      sentAt: 0,
      tries: 0,
    }
    if (qos === 1 && !properties.id) return message
    const id = properties.id && first ? { id: `${first.idPrefix}${first.seq}` } : {}
    return { ...message, ...id, ...(qos === 0 ? { qos } : {}) }
  }
}

/** The properties of messages: one object for all messages that have the same. */
class Contents {
  readonly data: MessageProperties
  /** Events and results are JSON, whatever the format of readings. */
  readonly other: MessageProperties

  constructor(settings: PropertiesSettings, contentType: string) {
    const { user, expirySeconds } = settings
    const common = {
      ...(Object.keys(user).length > 0 ? { user } : {}),
      ...(expirySeconds === undefined ? {} : { expirySeconds }),
    }
    this.data = settings.contentType ? { ...common, contentType } : common
    this.other = settings.contentType ? { ...common, contentType: 'application/json' } : common
  }
}

function byteLength(payload: Payload): number {
  return typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
}

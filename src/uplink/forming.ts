import type { StoredRecord } from '../model.ts'
import type { BatchSettings, MqttSettings } from '../uplink-settings.ts'
import { batchText, recordText, topicsOf } from './envelope.ts'
import type { Message } from './transport.ts'

/** A message on its way, with the records in it. */
export interface Outgoing extends Message {
  readonly payload: string
  readonly records: readonly StoredRecord[]
  /** Place of its first record among those taken from the feed in this session. */
  readonly position: number
  /** Which message of the session it was when it was last sent. */
  sent: number
  /** Refusals without a stated reason so far. */
  tries: number
}

/**
 * Makes messages of records, in the order in which they come: each record for itself, or batches of consecutive records
 * of one topic. A batch ends with the topic, so that the order of the uplink is kept.
 */
export class Forming {
  readonly #topicOf: (record: StoredRecord) => string
  readonly #batch: BatchSettings | undefined
  #bytesMax = 0
  #position = 0
  #topic = ''
  #records: StoredRecord[] = []
  #text = ''
  #bytes = 0
  #since: number | undefined
  /** The record looked at last by `fits`, as text. */
  #nextText = ''
  #nextBytes = 0

  constructor(topics: MqttSettings['topics'], batch: BatchSettings | undefined) {
    this.#topicOf = topicsOf(topics)
    this.#batch = batch
  }

  /** A new session, which takes packets of so many bytes beside the overhead. */
  begin(packetBytesMax: number): void {
    this.#bytesMax = Math.max(1, Math.min(this.#batch?.bytesMax ?? 0, packetBytesMax))
    this.#position = 0
    this.#clear()
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  /** When the batch was first seen waiting; `now` the first time. */
  sinceMs(now: number): number {
    this.#since ??= now
    return this.#since
  }

  /** May the record join what is being formed? Otherwise `take` that first. Must be called before each `add`. */
  fits(record: StoredRecord): boolean {
    if (!this.#batch) return true
    this.#nextText = recordText(record)
    this.#nextBytes = Buffer.byteLength(this.#nextText)
    if (this.#records.length === 0) return true
    // Two brackets and a comma.
    return this.#topicOf(record) === this.#topic && this.#bytes + this.#nextBytes + 3 <= this.#bytesMax
  }

  /** Adds a record; gives the message when it is complete. */
  add(record: StoredRecord): Outgoing | undefined {
    const position = this.#position++
    if (!this.#batch) {
      const topic = this.#topicOf(record)
      return { topic, payload: recordText(record), records: [record], position, sent: 0, tries: 0 }
    }
    if (this.#records.length === 0) {
      this.#topic = this.#topicOf(record)
      this.#text = `[${this.#nextText}`
    } else this.#text += `,${this.#nextText}`
    this.#records.push(record)
    this.#bytes += this.#nextBytes + 1
    return this.#records.length >= this.#batch.recordsMax ? this.take() : undefined
  }

  /** The message as it is. Not to be called when empty. */
  take(): Outgoing {
    const message: Outgoing = {
      topic: this.#topic,
      payload: `${this.#text}]`,
      records: this.#records,
      position: this.#position - this.#records.length,
      sent: 0,
      tries: 0,
    }
    this.#clear()
    return message
  }

  /** A batch as batches of one, so that the answer to each tells which record was meant. */
  oneByOne(message: Outgoing): Outgoing[] {
    return message.records.map((record, index) => ({
      topic: message.topic,
      payload: batchText([record]),
      records: [record],
      position: message.position + index,
      sent: 0,
      tries: 0,
    }))
  }

  #clear(): void {
    this.#records = []
    this.#text = ''
    this.#bytes = 0
    this.#since = undefined
  }
}

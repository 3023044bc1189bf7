import type { StoredRecord } from '../../model.ts'

/** Text, or bytes for the formats that are not text. */
export type Payload = string | Uint8Array

/** What becomes of a record, or of one point of it: a message, or a part of a batch. */
export interface Piece {
  readonly topic: string
  readonly payload: Payload
}

/**
 * CONTRACT: what records look like to the cloud. A format is pure: the same record gives the same pieces, but for what is
 * known only when sending (time, late). It never fails: what it cannot read it sends as json. Who forms messages, batches,
 * compresses, sends and counts is the sender.
 */
export interface Format {
  /** MQTT 5 content type of what readings become; events and results are JSON in every format. */
  readonly contentType: string
  /** How pieces of one topic share a message; absent: each piece is a message. */
  readonly batch?: {
    /** Bytes that joining adds for each piece, at most. */
    readonly overheadBytes: number
    join(pieces: readonly Payload[]): Payload
  }
  /**
   * The pieces of one record, each on a topic of its own. It is delivered when the cloud has taken all of them; a record
   * without any is delivered at once.
   */
  pieces(record: StoredRecord): readonly Piece[]
}

import type { StoredRecord } from '../model.ts'

/** What the sender needs of the outbox: the records one uplink still wants, in order, and a way to settle them. */
export interface Feed {
  /**
   * The next records in seq order, at most `max`, each handed out once until `rewind`. Comes synchronously from memory
   * when the uplink is caught up, else as a promise from the table. An empty array: nothing more now, `onAppend` will
   * tell. Never call it again before a returned promise has settled.
   */
  next(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]>
  /**
   * order: live_first. The next records of those that were made since the session began (or since this was left behind by
   * more than memory holds), at most `max`, each handed out once until `rewind`; `next` then gives only what is older. The
   * outbox has them in memory. With the other order there are none.
   */
  nextLive(max: number): readonly StoredRecord[] | Promise<readonly StoredRecord[]>
  /** delivery: at_most_once. Settles records that were handed out; resolves when that is durable and they may be sent. */
  spend(records: readonly StoredRecord[]): Promise<void>
  /** Records, as handed out, that the cloud has taken, by so many acknowledgements. */
  delivered(records: readonly StoredRecord[], acknowledgements: number): void
  /** A record the cloud refused for good; it is kept among the rejected records with the reason. */
  rejected(record: StoredRecord, reason: string): void
  /** A new session: whatever was handed out and not settled is handed out again. */
  rewind(): void
  /** Is anything left of what was made before this session began? */
  hasLate(): boolean
  /** Records this uplink wanted that were given up, since the start of the agent. */
  readonly dropped: number
  /** An operator holds the records back: nothing is sent, though the session stays up. */
  readonly paused: boolean
  /** Set by the sender; called (synchronously) after new records were appended. */
  onAppend: (() => void) | undefined
}

import type { StoredRecord } from '../model.ts'
import type { Feed } from './feed.ts'
import type { Outgoing } from './forming.ts'

/** Collects what the cloud took, so that the feed is told once per run of consecutive records and not once per record. */
export class Settled {
  readonly #feed: Feed
  #records: StoredRecord[] = []
  #messages = 0
  /** Position of the record that would continue the run. */
  #next = 0

  constructor(feed: Feed) {
    this.#feed = feed
  }

  add(message: Outgoing): void {
    if (message.position !== this.#next) this.flush()
    for (const record of message.records) this.#records.push(record)
    this.#messages += 1
    this.#next = message.position + message.records.length
  }

  flush(): void {
    if (this.#records.length === 0) return
    const records = this.#records
    const messages = this.#messages
    this.#records = []
    this.#messages = 0
    this.#feed.delivered(records, messages)
  }
}

import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import { type Page, pageQuestion, type RecordColumns, retriesQuestion } from './operations.ts'

/** Records of one read from the table; two pages at most are in memory per uplink. */
const PAGE_RECORDS = 1_000
const PAGE_BYTES = 512 * 1024
/** Pause before a failed read of the table is tried again. */
const RETRY_MS = 1_000

/** Reads rows for the uplinks; a failed read is tried again until it succeeds, because the order is kept. */
export class Reader {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #log: Logger
  /** The table cannot be read; what is in memory is still delivered. */
  problem: string | undefined
  /** While rows are still being brought back, the uplinks that are behind wait for them. */
  #ready: Promise<void> | undefined

  constructor(options: { readonly storage: Storage; readonly clock: Clock; readonly log: Logger }) {
    this.#storage = options.storage
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Nothing is read until `ready` resolves. */
  waitFor(ready: Promise<void>): void {
    this.#ready = ready
    void ready.finally(() => {
      if (this.#ready === ready) this.#ready = undefined
    })
  }

  readPage(from: number, through: number, uplink: number, recordsMax = PAGE_RECORDS): Promise<Page> {
    return this.#read(pageQuestion({ from, through, uplink, recordsMax, bytesMax: PAGE_BYTES }))
  }

  readRetries(uplink: number, after: number, recordsMax: number): Promise<RecordColumns> {
    return this.#read(retriesQuestion({ uplink, after, recordsMax }))
  }

  async #read<Result>(question: Operation<Result>): Promise<Result> {
    for (;;) {
      while (this.#ready) await this.#ready
      try {
        const answer = await this.#storage.read(question)
        this.problem = undefined
        return answer
      } catch (error) {
        const problem = messageOf(error)
        if (this.problem === undefined) this.#log.error('the backlog cannot be read, trying again', { problem })
        this.problem = problem
        await this.#clock.wait(RETRY_MS)
      }
    }
  }
}

import type { Clock } from '../clock.ts'

/** Acknowledgements of stored rows after which the cursor is stored: bounds the duplicates after a kill. */
export const STORED_ACKS_MAX = 1_000

/**
 * When the next commit is due. There is no commit timer that turns all the time: a commit is due when the oldest record
 * that not every uplink has acknowledged is `commit_interval` old, or when stored rows were acknowledged that long ago.
 * At most one commit is outstanding; what becomes due meanwhile is taken by the next.
 */
export class CommitSchedule {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #commit: () => Promise<void>
  /** Appended time of the oldest record in memory that somebody still wants, if any. */
  readonly #oldestWanted: () => number | undefined
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #demanded = false
  #storedAcks = 0
  #firstStoredAckAt = Number.POSITIVE_INFINITY
  #stopped = false

  constructor(options: {
    readonly clock: Clock
    readonly intervalMs: number
    readonly commit: () => Promise<void>
    readonly oldestWanted: () => number | undefined
  }) {
    this.#clock = options.clock
    this.#intervalMs = options.intervalMs
    this.#commit = options.commit
    this.#oldestWanted = options.oldestWanted
  }

  /** A record was appended at `mono`. */
  appended(mono: number): void {
    this.#arm(mono + this.#intervalMs)
  }

  /** Acknowledgements settled rows that are in the table: the cursor must be stored before long. */
  storedAck(count = 1): void {
    if (this.#storedAcks === 0) {
      this.#firstStoredAckAt = this.#clock.mono()
      this.#arm(this.#firstStoredAckAt + this.#intervalMs)
    }
    this.#storedAcks += count
    if (this.#storedAcks >= STORED_ACKS_MAX) this.#arm(0)
  }

  /** Commits as soon as the one under way is synced; resolves when a commit that began after this call is synced. */
  now(): Promise<void> {
    if (!this.#running && !this.#next) return this.#run()
    // Everybody who asks while a commit is under way shares the next one.
    this.#next ??= Promise.resolve(this.#running).then(() => {
      this.#next = undefined
      return this.#run()
    })
    return this.#next
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #arm(at: number): void {
    if (this.#stopped || at >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    this.#timer = setTimeout(() => this.#due(), Math.max(0, at - this.#clock.mono()))
  }

  #due(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    if (this.#running) {
      this.#demanded = true
      return
    }
    const dueAt = this.#dueAt()
    if (dueAt === undefined) return
    if (dueAt > this.#clock.mono()) this.#arm(dueAt)
    else void this.#run()
  }

  #dueAt(): number | undefined {
    if (this.#storedAcks >= STORED_ACKS_MAX) return 0
    const oldest = this.#oldestWanted()
    const at = Math.min(oldest ?? Number.POSITIVE_INFINITY, this.#firstStoredAckAt) + this.#intervalMs
    return at === Number.POSITIVE_INFINITY ? undefined : at
  }

  async #run(): Promise<void> {
    this.#storedAcks = 0
    this.#firstStoredAckAt = Number.POSITIVE_INFINITY
    this.#running = this.#commit()
    await this.#running
    this.#running = undefined
    const demanded = this.#demanded
    this.#demanded = false
    const dueAt = this.#dueAt()
    if (dueAt !== undefined) this.#arm(demanded ? Math.min(dueAt, this.#clock.mono()) : dueAt)
  }
}

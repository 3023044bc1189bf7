import type { Clock } from '../clock.ts'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { Operation, Storage } from '../storage/operation.ts'
import type { Cursor } from './cursor.ts'
import { databaseSalvagedRecord } from './events.ts'
import { liveView } from './live-view.ts'
import { oldestQuestion } from './operations.ts'
import type { Outbox } from './outbox.ts'
import { everythingKnown } from './restore.ts'
import {
  lastRowQuestion,
  type SalvageNote,
  type SalvageState,
  salvagedOperation,
  salvageOperation,
  salvagesQuestion,
} from './salvage-operations.ts'
import { verify } from './verify.ts'

/** Work of one call; commits that come meanwhile wait no longer. */
const SLICE_MS = 25
/** Pause between two calls, so that commits and polling have most of the thread. */
const PAUSE_MS = 50
/** The same while the disk has little room left: what is brought back must not take it all. */
const ROOM_PAUSE_MS = 5_000
const FREE_BYTES_MIN = 16 * 1024 * 1024
/** Pause before what failed is tried again. */
const RETRY_MS = 1_000
/** How often it is looked whether answers for what was in flight have come. */
const SETTLE_PAUSE_MS = 200
/** No answer for so long: the books are made all the same. */
const SETTLE_MS_MAX = 300_000

export interface SalvageOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly log: Logger
  /** What is free on the disk; undefined: not known. */
  readonly freeBytes: () => number | undefined
}

/** How far a salvage is, for the status. */
export interface SalvageProgress {
  readonly file: string
  readonly pagesDone: number
  readonly pages: number
  readonly salvaged: number
  /** It waits until there is room on the disk. */
  readonly waitsForRoom: boolean
}

/**
 * Brings back what can be read of a damaged database (P11), in slices behind the commits, after polling has started. Until
 * it has ended, uplinks that are behind wait, because the order is kept; those that are caught up are served from memory.
 * Then what is missing is booked as dropped, per uplink and epoch, and told to the cloud.
 */
export class Salvage {
  readonly #outbox: Outbox
  readonly #options: SalvageOptions
  readonly #stopping = new AbortController()
  #states: readonly SalvageState[] = []
  #waitsForRoom = false
  #release: (() => void) | undefined
  #running: Promise<void> | undefined
  /** Counts the damaged databases that were found while running. */
  #rounds = 0

  constructor(outbox: Outbox, options: SalvageOptions) {
    this.#outbox = outbox
    this.#options = options
  }

  /** Finds out whether there is something to salvage, before any uplink reads. */
  async open(): Promise<void> {
    this.#states = await this.#options.storage.read(salvagesQuestion())
    if (this.#states.length > 0) this.#holdReads()
  }

  /** Begins, or goes on where an earlier run of the agent ended. */
  start(): void {
    if (this.#states.length > 0) this.#run()
  }

  /**
   * The database turned out to be damaged while in use, and a new one took its place. Gives what is to be stored in it before
   * anything else.
   */
  begin(): readonly Operation[] {
    this.#rounds += 1
    this.#holdReads()
    for (const cursor of this.#outbox.cursors) cursor.readAgain()
    this.#run()
    return [everythingKnown(this.#outbox)]
  }

  /** Undefined: nothing is being salvaged. */
  progress(): SalvageProgress | undefined {
    const state = this.#states.find(({ pagesDone, pages }) => pagesDone < pages) ?? this.#states[0]
    if (!state) return undefined
    const { file, pagesDone, pages, salvaged } = state
    return { file, pagesDone, pages, salvaged, waitsForRoom: this.#waitsForRoom }
  }

  /** The rest is left to the next start. A disk that does not answer is not waited for. */
  stop(): void {
    this.#stopping.abort()
  }

  #holdReads(): void {
    if (this.#release) return
    this.#outbox.holdReads(
      new Promise<void>((resolve) => {
        this.#release = resolve
      }),
    )
  }

  #run(): void {
    this.#running ??= this.#untilDone().finally(() => {
      this.#running = undefined
      if (this.#stopping.signal.aborted) return
      this.#release?.()
      this.#release = undefined
    })
  }

  /**
   * However often the disk fails meanwhile, and the new database turns out to be damaged as well: an uplink that read before
   * the end would pass over what is not back yet, and take it for settled.
   */
  async #untilDone(): Promise<void> {
    let hasFailed = false
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#takeOut()
        if (this.#states.length === 0) return
      } catch (error) {
        if (!hasFailed) this.#options.log.error('the salvage failed, trying again', { problem: messageOf(error) })
        hasFailed = true
        await this.#wait(RETRY_MS)
      }
    }
  }

  async #takeOut(): Promise<void> {
    const { storage, log } = this.#options
    const round = this.#rounds
    this.#states = await storage.read(salvagesQuestion())
    if (this.#states.length > 0)
      log.info('salvaging the damaged database', { files: this.#states.map(({ file }) => file) })
    while (this.#states.some(({ pagesDone, pages }) => pagesDone < pages)) {
      await this.#pause()
      if (this.#stopping.signal.aborted) return
      if (this.#waitsForRoom) continue
      const [states] = await storage.transact([salvageOperation({ sliceMs: SLICE_MS })])
      this.#states = states
    }
    if (this.#states.length > 0) await this.#finish(round)
  }

  async #pause(): Promise<void> {
    const free = this.#options.freeBytes()
    this.#waitsForRoom = free !== undefined && free < FREE_BYTES_MIN
    await this.#wait(this.#waitsForRoom ? ROOM_PAUSE_MS : PAUSE_MS)
  }

  #wait(ms: number): Promise<void> {
    return this.#options.clock.wait(ms, this.#stopping.signal)
  }

  /** Books what is missing and tells the cloud, in the transaction that ends the salvage. */
  async #finish(round: number): Promise<void> {
    const { storage, log, clock } = this.#options
    const notes = this.#states.map(({ note }) => JSON.parse(note) as SalvageNote)
    const through = Math.max(...notes.map((note) => note.through))
    const known = Math.max(...notes.map((note) => note.known))
    // What was in flight when the damage was found may have no row any more, and is not lost when it is acknowledged.
    const until = clock.mono() + SETTLE_MS_MAX
    while (clock.mono() < until && this.#outbox.cursors.some((cursor) => cursor.inFlightFrom <= through)) {
      await this.#wait(SETTLE_PAUSE_MS)
      if (this.#stopping.signal.aborted) return
    }
    const lastKnown = Math.max(known, await storage.read(lastRowQuestion(through)))
    const hold = () => this.#outbox.holdRows()
    const { epochs } = await verify(storage, liveView(this.#outbox), { onProgress: () => undefined, hold })
    // Set aside again: what is missing now is still to be brought back.
    if (round !== this.#rounds) return
    let lost = 0
    for (const { uplink, epoch, missing } of epochs) {
      const cursor = [...this.#outbox.cursors, ...this.#outbox.absent].find(({ name }) => name === uplink)
      if (!cursor || missing <= 0) continue
      const isKnown = notes.every((note) => note.uplinks.includes(cursor.number))
      lost += await this.#book(cursor, { epoch, missing, lastKnown: isKnown ? lastKnown : 0, through })
    }
    const [first] = this.#states
    const salvaged = this.#states.reduce((sum, state) => sum + state.salvaged, 0)
    const unreadable = this.#states.reduce((sum, state) => sum + state.unreadable, 0)
    const files = this.#states.map(({ file }) => file)
    const facts = { reason: first?.reason ?? '', file: files.join(', '), salvaged, lost }
    log.warn('the damaged database is salvaged', { ...facts, unreadable })
    const record = databaseSalvagedRecord(facts, clock.mono())
    await storage.transact([this.#outbox.report(record), salvagedOperation(files)])
    this.#states = await storage.read(salvagesQuestion())
  }

  /**
   * Answers how many were lost. Not lost are numbers above `lastKnown`, which were kept free because the newest one was not
   * readable; of an uplink whose position is lost (0) nobody knows what it had.
   */
  async #book(
    cursor: Cursor,
    found: { readonly epoch: string; readonly missing: number; readonly lastKnown: number; readonly through: number },
  ): Promise<number> {
    const { epochs } = this.#outbox
    const epoch = epochs.all.find(({ tag }) => tag === found.epoch)
    if (!epoch) return 0
    const end = Math.min(epochs.throughOf(epoch), this.#outbox.head())
    const free = Math.max(0, Math.min(end, found.through) - Math.max(found.lastKnown, epoch.firstSeq - 1))
    const skipped = Math.min(found.missing, free)
    if (skipped > 0) cursor.account.add(epoch.firstSeq, 'skipped', skipped)
    const lost = found.missing - skipped
    if (lost === 0) return 0
    const first = Math.max(epoch.firstSeq, cursor.ranges.nextOutside(epoch.firstSeq))
    const last = Math.max(first, Math.min(end, found.lastKnown))
    const rows = await this.#options.storage.read(oldestQuestion({ after: first - 1, recordsMax: 1, kinds: 'all' }))
    const boot = rows.boots[0] ?? this.#outbox.boots.current.boot
    const mono = rows.monos[0] ?? this.#options.clock.mono()
    this.#outbox.losses.bookRange(cursor, { first, last, count: lost, boot, mono }, 'damage')
    return lost
  }
}

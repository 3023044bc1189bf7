import assert from 'node:assert/strict'
import type { Database, Statement } from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import type { LossReason } from '../../src/outbox/ledger.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { OutboxClock, turn } from './outbox-clock.ts'
import {
  brokenBooks,
  highestStored,
  newestFirst,
  recount,
  rowsOf,
  type StoredRow,
  uplinksOf,
} from './outbox-recount.ts'
import type { Life } from './outbox-steps.ts'
import { HeldStorage } from './outbox-storage.ts'
import { LIVE_RECORDS_MAX, OutboxTwin } from './outbox-twin.ts'
import { TwinFilter } from './outbox-twin-filter.ts'

export const COMMIT_INTERVAL_MS = 1_000
const GATEWAY = 'gw'

/** One run of the model: an outbox on a disk that outlives it, beside its twin. */
export class OutboxRun {
  readonly disk: Database
  readonly clock = new OutboxClock()
  readonly twin = new OutboxTwin()
  #storage: HeldStorage
  #outbox: Outbox | undefined
  life: Life = { uplinks: [], newBoot: false, keeps: false }
  #boot = 1
  /** Began with the oldest record: numbers that were not stored any more stay open until it has passed them. */
  readonly #fromOldest = new Set<string>()
  /** One at a time, as the keeper does it. */
  isDropping = false
  /** What was begun by limits and operators: a stop waits for it, as the agent does. */
  #underWay = new Set<Promise<unknown>>()
  #failure: unknown

  readonly #rowAt: Statement

  /** Begins with what is on `disk`, which is its own until the end. */
  constructor(disk: Database) {
    this.disk = disk
    this.#storage = new HeldStorage(disk, { manual: true })
    this.#rowAt = disk.prepare('SELECT 1 FROM record WHERE seq = ?')
  }

  get outbox(): Outbox {
    assert.ok(this.#outbox)
    return this.#outbox
  }

  get storage(): HeldStorage {
    return this.#storage
  }

  /** Has it not died since? */
  isLiving(outbox: Outbox): boolean {
    return this.#outbox === outbox
  }

  async open(life: Life): Promise<void> {
    this.life = life
    if (life.newBoot) {
      this.#boot += 1
      this.clock.boot()
    }
    const { disk, clock, twin } = this
    this.#storage = new HeldStorage(disk, { manual: true })
    this.#storage.onWorked = () => this.#checkDisk()
    const storedThrough = highestStored(disk)
    const before = newestFirst(disk)
    const known = this.#rename(life)
    const rows = rowsOf(disk)
    for (const { name, startAt } of life.uplinks) if (!known.has(name) && startAt !== 'tail') this.#fromOldest.add(name)
    twin.head = storedThrough
    const opening = Outbox.open({
      storage: this.#storage,
      clock,
      log: silentLogger,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      keepsDelivered: life.keeps,
      liveRecordsMax: LIVE_RECORDS_MAX,
      start: {
        gateway: GATEWAY,
        boot: `boot-${this.#boot}`,
        mono: clock.mono(),
        wall: clock.wall(),
        clockKnown: false,
        uplinks: life.uplinks,
      },
    })
    const outbox = await this.finish(opening)
    this.#outbox = outbox
    this.#watchLosses(outbox)
    this.#watchRefusals(outbox)
    this.#configure(life)
    await this.finish(outbox.begun)
    for (const uplink of life.uplinks) if (!known.has(uplink.name)) this.#beginUplink(uplink, { rows, storedThrough })
    this.#noteStart(storedThrough, before)
    for (const cursor of this.outbox.cursors) {
      const uplink = twin.uplink(cursor.name)
      assert.ok(
        uplink.paused === undefined || uplink.paused === cursor.paused,
        `${cursor.name}: paused ${cursor.paused}`,
      )
      uplink.paused = cursor.paused
      uplink.openedAt = clock.mono()
      uplink.lateThrough = storedThrough
      uplink.behind = { from: 0, through: 0 }
      uplink.replayed = 0
    }
    twin.issue(this.outbox, clock.elapsed)
    if (life.connected) for (const cursor of this.outbox.cursors) this.rewind(cursor)
    await this.check()
  }

  /** A session of an uplink begins. */
  rewind(cursor: Cursor): void {
    cursor.rewind()
    this.twin.rewind(cursor, { head: this.outbox.head(), mono: this.clock.mono() })
  }

  /** An uplink that is configured under a new name goes on with everything it had. Gives the names with a position. */
  #rename(life: Life): ReadonlySet<string> {
    const known = new Set(uplinksOf(this.disk).map(({ name }) => name))
    const configured = new Set(life.uplinks.map(({ name }) => name))
    for (const { name, formerly } of life.uplinks) {
      if (formerly === undefined || !known.has(formerly) || known.has(name) || configured.has(formerly)) continue
      this.twin.rename(formerly, name)
      if (this.#fromOldest.delete(formerly)) this.#fromOldest.add(name)
      known.delete(formerly)
      known.add(name)
    }
    return known
  }

  /** What the configuration says, to the twin; filters know nothing of the life before. */
  #configure(life: Life): void {
    for (const { name, filter, order } of life.uplinks) {
      const uplink = this.twin.uplink(name)
      uplink.filter = filter && new TwinFilter(filter)
      uplink.isLiveFirst = order === 'live_first'
    }
  }

  /** An uplink that began in the past says of each row what it does not want. */
  #watchRefusals(outbox: Outbox): void {
    for (const cursor of outbox.cursors) {
      const refuse = cursor.refuse.bind(cursor)
      cursor.refuse = (seq) => {
        refuse(seq)
        if (this.isLiving(outbox)) this.twin.refuse(cursor.name, seq)
      }
    }
  }

  /** Each loss is told to the twin when it is booked, whoever gives the record up. */
  #watchLosses(outbox: Outbox): void {
    const { losses } = outbox
    const book = losses.bookFor.bind(losses)
    losses.bookFor = (cursor, record, reason: LossReason) => {
      book(cursor, record, reason)
      if (!this.isLiving(outbox)) return
      const { boots } = outbox
      // What clocks that were vouched for say of another boot may be anything, the way the model steps them.
      const isVague = record.boot !== boots.current.boot && boots.isKnown(record.boot) && boots.current.known
      this.twin.lose(cursor.name, record.seq, { reason, ...(isVague ? {} : { elapsed: this.clock.elapsed }) })
    }
  }

  /** An uplink without a position: where it begins is what its configuration says of the rows there are. */
  #beginUplink(
    identity: UplinkIdentity,
    at: { readonly rows: readonly StoredRow[]; readonly storedThrough: number },
  ): void {
    const { name, startAt } = identity
    const uplink = this.twin.uplink(name)
    const begin = (uplinksOf(this.disk).find((row) => row.name === name)?.ranges[0]?.[1] ?? 0) + 1
    const next = at.storedThrough + 1
    const first = at.rows[0]?.seq ?? next
    if (startAt === 'tail') assert.equal(begin, next)
    else if (startAt === 'head') assert.equal(begin, first)
    else if ('seq' in startAt) assert.equal(begin, Math.min(Math.max(startAt.seq, first), next))
    else {
      const row = at.rows.find(({ seq }) => seq === begin)
      assert.ok(
        begin === next || (row && this.outbox.boots.wallOf(row.boot, row.mono) >= startAt.ts),
        `${name} at ${begin}`,
      )
    }
    uplink.seen.add(begin - 1)
    const { filter } = identity
    uplink.past = filter && begin < next ? { filter: new TwinFilter(filter), through: next - 1 } : undefined
    if (begin === next) this.#fromOldest.delete(name)
    const ids = this.#idsOfRows()
    for (const { seq, target, body } of at.rows) {
      if (target <= 0 && seq >= begin) uplink.pending.set(seq, { id: ids(seq), body })
    }
  }

  #idsOfRows(): (seq: number) => string {
    const epochs = newestFirst(this.disk)
    return (seq) => `${GATEWAY}/${epochs.find((epoch) => epoch.first_seq <= seq)?.tag}/${seq}`
  }

  /** The first record was committed before the outbox was given to anybody; it names the epoch before. */
  #noteStart(storedThrough: number, before: ReturnType<typeof newestFirst>): void {
    const row = this.disk.prepare('SELECT * FROM record WHERE seq = ?').get(storedThrough + 1) as
      | { body: string }
      | undefined
    this.twin.head = storedThrough + 1
    if (this.outbox.cursors.length === 0) return
    assert.ok(row, 'the first record of an epoch is durable before anything else')
    const previous = before[0]
    const body = {
      event: 'started',
      epoch: this.outbox.epoch,
      ...(previous && {
        previous: {
          epoch: previous.tag,
          first: previous.first_seq,
          stored_through: storedThrough,
          clean: previous.clean === 1,
        },
      }),
    }
    assert.deepEqual(JSON.parse(`{${row.body}}`), body)
    const issued = { id: `${GATEWAY}/${this.outbox.epoch}/${storedThrough + 1}`, body: row.body }
    for (const cursor of this.outbox.cursors) this.twin.uplink(cursor.name).pending.set(storedThrough + 1, issued)
  }

  /** Lets thread and timers do what it takes. */
  async finish<T>(promise: Promise<T>): Promise<T> {
    let done = false
    const noted = promise.finally(() => {
      done = true
    })
    for (let turns = 0; !done; turns += 1) {
      assert.ok(turns < 1_000, 'it never comes to an end')
      this.#storage.work()
      await this.#storage.arrive()
      await turn()
    }
    return noted
  }

  /** What fails behind the back of the steps shows at the next check. */
  note(promise: Promise<unknown>): void {
    const noted = promise.catch((error: unknown) => {
      this.#failure ??= error
    })
    this.#underWay.add(noted)
    void noted.then(() => this.#underWay.delete(noted))
  }

  /** The power goes away. */
  async crash(): Promise<void> {
    this.#storage.crash()
    this.#outbox = undefined
    const { twin, disk } = this
    const stored = highestStored(disk)
    const ids = this.#idsOfRows()
    const counts = recount(disk)
    this.#endForgotten()
    for (const uplink of twin.uplinks.values()) {
      // Not known to be on the disk: either is right.
      uplink.paused = undefined
      const pending = counts.find(({ name }) => name === uplink.name)?.pending ?? new Set()
      uplink.pending = new Map([...pending].map((seq) => [seq, { id: ids(seq), body: this.#bodyOf(seq) }]))
    }
    assert.deepEqual(twin.lost(), [], 'confirmed before the power cut')
    twin.forget(stored)
    this.#forgetSessions()
    await turn()
  }

  /** An uplink may be gone from the disk only when an operator said so. */
  #endForgotten(): void {
    const known = new Set(uplinksOf(this.disk).map(({ name }) => name))
    for (const { name, isForgotten } of [...this.twin.uplinks.values()]) {
      assert.ok(known.has(name) || isForgotten, `${name} is forgotten`)
      if (known.has(name)) this.twin.uplink(name).isForgotten = false
      else this.twin.remove(name)
      if (!known.has(name)) this.#fromOldest.delete(name)
    }
  }

  #bodyOf(seq: number): string {
    return String(this.disk.prepare('SELECT body FROM record WHERE seq = ?').pluck().get(seq))
  }

  /** Stops in good order; nothing at all may be lost. */
  async stop(): Promise<void> {
    this.#storage.mood = 'ok'
    // As the agent does: the keeper of the limits ends first.
    await this.finish(Promise.all(this.#underWay))
    const closing = this.outbox.close()
    // What is booked from here on, by reads that are still on their way, is not stored any more.
    this.#outbox = undefined
    await this.finish(closing)
    const { twin, disk } = this
    this.#endForgotten()
    for (const { name, pending } of recount(disk)) {
      assert.deepEqual([...pending], [...twin.uplink(name).pending.keys()], `${name}: rows after a clean stop`)
    }
    this.#forgetSessions()
  }

  #forgetSessions(): void {
    this.#underWay.clear()
    this.isDropping = false
    this.twin.mayDropBefore = 0
    for (const uplink of this.twin.uplinks.values()) {
      uplink.inFlight = []
      uplink.lastSeq = 0
      uplink.sessions = 0
      uplink.liveFrom = Number.POSITIVE_INFINITY
      uplink.lastLive = 0
      uplink.handed.clear()
      uplink.reading = false
    }
  }

  /** After everything was delivered, nothing is open and nothing is left but what absent uplinks hold. */
  checkDrained(): void {
    if (this.#failure !== undefined) throw this.#failure
    const here = new Set(this.outbox.cursors.map((cursor) => cursor.name))
    const counts = recount(this.disk)
    assert.deepEqual(brokenBooks(counts.filter(({ name }) => here.has(name))), [])
    for (const { name, pending } of counts) if (here.has(name)) assert.deepEqual([...pending], [], `${name}: pending`)
    const absent = counts.filter(({ name }) => !here.has(name))
    const rows = this.disk.prepare('SELECT seq FROM record').pluck().all() as number[]
    for (const { pending } of absent) for (const seq of pending) assert.ok(rows.includes(seq), `row ${seq} is held`)
    // Held coarsely: everything from the first number an absent uplink lacks through the last that one has a claim to.
    const held = absent.flatMap((uplink) => (uplink.held && uplink.held[0] <= uplink.held[1] ? [uplink.held] : []))
    const from = Math.min(...held.map(([first]) => first))
    const through = Math.max(...held.map(([, last]) => last))
    const isHeld = (seq: number) => seq >= from && seq <= through
    assert.deepEqual(
      rows.filter((seq) => !isHeld(seq)),
      [],
      'rows that nobody needs',
    )
    this.twin.checkBooks(this.outbox, () => false)
    for (const cursor of this.outbox.cursors) assert.ok(!cursor.hasLate(), `${cursor.name}: nothing late is left`)
  }

  readonly isDurable = (seq: number): boolean => this.#rowAt.get(seq) !== undefined

  /** Is it settled for this uplink on the disk? */
  isSettled(name: string, seq: number): boolean {
    const ranges = uplinksOf(this.disk).find((row) => row.name === name)?.ranges ?? []
    return ranges.some(([from, through]) => from <= seq && seq <= through)
  }

  /** P4 on the disk, after every commit. */
  #checkDisk(): void {
    const counts = recount(this.disk)
    for (const { name, epochs } of counts) {
      for (const { start, issued, settled, pending } of epochs) {
        if (this.#fromOldest.has(name))
          assert.ok(issued >= settled + pending, `${name}, epoch ${start}: too much booked`)
        else assert.equal(issued, settled + pending, `${name}, epoch ${start}: issued is settled and pending rows`)
      }
    }
  }

  /** To be called after each command. */
  async check(): Promise<void> {
    await turn()
    if (this.#failure !== undefined) throw this.#failure
    if (!this.#outbox) return
    this.twin.issue(this.#outbox, this.clock.elapsed)
    this.twin.checkBooks(this.#outbox, (name) => this.#fromOldest.has(name))
  }

  /** P4, the ledger: what was given up is what the records of the ledger and its open pages say. */
  checkLedger(): void {
    for (const { name, number, dropped } of recount(this.disk)) {
      const told = this.twin.ledger.filter(({ uplink }) => uplink === name).reduce((sum, { count }) => sum + count, 0)
      const open = Number(
        this.disk.prepare('SELECT coalesce(sum(count), 0) FROM loss WHERE uplink = ?').pluck().get(number),
      )
      assert.equal(told + open, dropped, `${name}: records of the loss ledger`)
    }
  }

  end(): void {
    this.clock.stop()
  }
}

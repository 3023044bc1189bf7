import assert from 'node:assert/strict'
import type { Database } from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord } from '../../src/model.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { type OldestRows, oldestQuestion } from '../../src/outbox/operations.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { OutboxClock, turn } from './outbox-clock.ts'
import { brokenBooks, highestStored, newestFirst, recount } from './outbox-recount.ts'
import { HeldStorage, newOutboxDisk } from './outbox-storage.ts'
import { madeUp, OutboxTwin } from './outbox-twin.ts'

const COMMIT_INTERVAL_MS = 1_000
const GATEWAY = 'gw'

/** Configuration of one life of the agent. */
export interface Life {
  readonly uplinks: readonly UplinkIdentity[]
  /** The machine was booted, not only the agent started. */
  readonly newBoot: boolean
}

/** One run of the model: an outbox on a disk that outlives it, beside its twin. */
export class OutboxRun {
  readonly disk: Database = newOutboxDisk()
  readonly clock = new OutboxClock()
  readonly twin = new OutboxTwin()
  #storage = new HeldStorage(this.disk, { manual: true })
  #outbox: Outbox | undefined
  life: Life = { uplinks: [], newBoot: false }
  #boot = 1
  /** Began with the oldest record: numbers that were not stored any more stay open until it has passed them. */
  readonly #fromOldest = new Set<string>()
  /** One at a time, as the keeper does it. */
  #isDropping = false
  #dropping = Promise.resolve()
  #failure: unknown

  get outbox(): Outbox {
    assert.ok(this.#outbox)
    return this.#outbox
  }

  async open(life: Life): Promise<void> {
    this.life = life
    if (life.newBoot) this.#boot += 1
    const { disk, clock, twin } = this
    this.#storage = new HeldStorage(disk, { manual: true })
    this.#storage.onWorked = () => this.#checkDisk()
    const storedThrough = highestStored(disk)
    const before = newestFirst(disk)
    const known = recount(disk)
    twin.head = storedThrough
    for (const { name, startAt } of life.uplinks) {
      if (known.some((uplink) => uplink.name === name)) continue
      this.#beginUplink(name, startAt, storedThrough)
    }
    const opening = Outbox.open({
      storage: this.#storage,
      clock,
      log: silentLogger,
      commitIntervalMs: COMMIT_INTERVAL_MS,
      start: {
        gateway: GATEWAY,
        boot: `boot-${this.#boot}`,
        mono: clock.mono(),
        wall: clock.wall(),
        clockKnown: false,
        uplinks: life.uplinks,
      },
    })
    this.#outbox = await this.finish(opening)
    this.#noteStart(storedThrough, before)
    for (const cursor of this.outbox.cursors) {
      const uplink = twin.uplink(cursor.name)
      uplink.openedAt = clock.mono()
      uplink.lateThrough = storedThrough
    }
    twin.issue(this.outbox)
    await this.check()
  }

  #beginUplink(name: string, startAt: 'head' | 'tail', storedThrough: number): void {
    const uplink = this.twin.uplink(name)
    const rows = this.disk.prepare('SELECT seq, target, body FROM record ORDER BY seq').all() as {
      seq: number
      target: number
      body: string
    }[]
    const first = rows[0]?.seq
    if (startAt === 'tail' || first === undefined) {
      uplink.seen.add(storedThrough)
      return
    }
    this.#fromOldest.add(name)
    uplink.seen.add(first - 1)
    const ids = this.#idsOfRows()
    for (const { seq, target, body } of rows) {
      if (target === 0) uplink.pending.set(seq, { id: ids(seq), body })
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

  work(count: number): void {
    this.#storage.work(count)
  }

  arrive(count: number): Promise<void> {
    return this.#storage.arrive(count)
  }

  restartThread(): void {
    this.#storage.restartThread()
  }

  append(records: readonly Pick<NewRecord, 'kind' | 'to'>[], how: 'later' | 'durable' | 'report'): void {
    const news = records.map((record) => madeUp({ ...record, mono: this.clock.mono() }))
    const { outbox, twin } = this
    const confirm = () => {
      const issued = twin.issue(outbox)
      return () => {
        if (this.#outbox === outbox) twin.confirmed.push(...issued)
      }
    }
    if (how === 'later') {
      outbox.append(news)
      twin.issue(outbox)
    } else if (how === 'durable') {
      const promise = outbox.append(news, { durable: true })
      this.#note(promise.then(confirm()))
    } else {
      const operations = news.map((record) => outbox.report(record))
      for (let seq = outbox.head() - news.length + 1; seq <= outbox.head(); seq += 1) twin.reported.add(seq)
      const promise = this.#storage.transact(operations)
      this.#note(promise.then(confirm()))
    }
  }

  /** What fails behind the back of the commands shows at the next check. */
  #note(promise: Promise<void>): void {
    promise.catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  read(name: string, max: number): void {
    const { outbox, twin } = this
    const cursor = outbox.cursors.find((candidate) => candidate.name === name)
    if (!cursor || twin.uplink(name).reading) return
    const answer = cursor.next(max)
    if (!(answer instanceof Promise)) {
      twin.receive(cursor, answer, this.#isDurable)
      return
    }
    twin.uplink(name).reading = true
    this.#note(
      answer.then((records) => {
        if (this.#outbox !== outbox) return
        twin.uplink(name).reading = false
        twin.receive(cursor, records, this.#isDurable)
      }),
    )
  }

  /** Settles some of what is in flight, in any order. */
  answer(name: string, picks: readonly number[], rejected: boolean): void {
    const cursor = this.outbox.cursors.find((candidate) => candidate.name === name)
    if (!cursor) return
    for (const pick of picks) {
      const { inFlight } = this.twin.uplink(name)
      const record = inFlight[pick % Math.max(1, inFlight.length)]
      if (!record) return
      if (rejected) cursor.rejected(record, 'too large')
      else cursor.delivered([record])
      this.twin.settle(cursor, [record])
    }
  }

  rewind(name: string): void {
    const cursor = this.outbox.cursors.find((candidate) => candidate.name === name)
    if (!cursor) return
    cursor.rewind()
    this.twin.rewind(cursor, { head: this.outbox.head(), mono: this.clock.mono() })
  }

  /** What the keeper does at a limit, with time between its question and its decision. */
  dropOldest(count: number, kinds: 'data' | 'all'): void {
    if (this.#isDropping) return
    this.#isDropping = true
    const { outbox, twin } = this
    const reading = this.#storage.read(oldestQuestion({ after: 0, recordsMax: count, kinds }))
    const dropping = reading.then((rows: OldestRows) => {
      if (this.#outbox !== outbox) return undefined
      const records = Array.from(rows.seqs, (seq, index) => ({
        seq,
        boot: rows.boots[index] ?? 0,
        mono: rows.monos[index] ?? 0,
        target: rows.targets[index] ?? 0,
      }))
      for (const cursor of outbox.cursors) {
        for (const { seq } of twin.uplink(cursor.name).inFlight) assert.ok(cursor.isOutstanding(seq))
      }
      const free = records.filter(({ seq }) => !outbox.cursors.some((cursor) => cursor.isOutstanding(seq)))
      const given = outbox.giveUp(records, 'max_size')
      twin.giveUp(free.map(({ seq }) => seq))
      return given
    })
    this.#dropping = dropping.then((given) => {
      if (this.#outbox === outbox) this.#isDropping = false
      if (given !== undefined) assert.ok(given <= count)
    })
    this.#note(this.#dropping)
  }

  endLossEpisodes(): void {
    this.outbox.endLossEpisodes()
    this.twin.issue(this.outbox)
  }

  /** The power goes away. */
  async crash(): Promise<void> {
    this.#storage.crash()
    this.#outbox = undefined
    const { twin, disk } = this
    const stored = highestStored(disk)
    const ids = this.#idsOfRows()
    const counts = recount(disk)
    for (const uplink of twin.uplinks.values()) {
      const pending = counts.find(({ name }) => name === uplink.name)?.pending ?? new Set()
      uplink.pending = new Map([...pending].map((seq) => [seq, { id: ids(seq), body: this.#bodyOf(seq) }]))
    }
    assert.deepEqual(twin.lost(), [], 'confirmed before the power cut')
    twin.forget(stored)
    this.#forgetSessions()
    await turn()
  }

  #bodyOf(seq: number): string {
    return String(this.disk.prepare('SELECT body FROM record WHERE seq = ?').pluck().get(seq))
  }

  /** Stops in good order; nothing at all may be lost. */
  async stop(): Promise<void> {
    // As the agent does: the keeper of the limits ends first.
    await this.finish(this.#dropping)
    await this.finish(this.outbox.close())
    this.#outbox = undefined
    const { twin, disk } = this
    for (const { name, pending } of recount(disk)) {
      assert.deepEqual([...pending], [...twin.uplink(name).pending.keys()], `${name}: rows after a clean stop`)
    }
    this.#forgetSessions()
  }

  #forgetSessions(): void {
    this.#dropping = Promise.resolve()
    this.#isDropping = false
    for (const uplink of this.twin.uplinks.values()) {
      uplink.inFlight = []
      uplink.lastSeq = 0
      uplink.sessions = 0
      uplink.reading = false
    }
  }

  /** Every uplink gets and takes everything. */
  async drain(): Promise<void> {
    for (const { name } of this.outbox.cursors) this.rewind(name)
    for (let quiet = 0; quiet < 3; ) {
      await this.finish(Promise.resolve())
      const before = this.twin.head
      for (const { name } of this.outbox.cursors) {
        this.read(name, 100)
        await this.finish(turn())
        const { inFlight } = this.twin.uplink(name)
        quiet = inFlight.length > 0 ? 0 : quiet
        this.answer(name, Array(inFlight.length).fill(0), false)
      }
      this.clock.advance(COMMIT_INTERVAL_MS)
      this.endLossEpisodes()
      quiet = this.twin.head === before ? quiet + 1 : 0
    }
    for (let turns = 0; turns < 5; turns += 1) {
      await this.finish(turn())
      this.clock.advance(COMMIT_INTERVAL_MS)
    }
    await this.finish(turn())
  }

  /** After everything was delivered, nothing is open and nothing is left but what absent uplinks hold. */
  checkDrained(): void {
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
  }

  readonly #isDurable = (seq: number): boolean =>
    this.disk.prepare('SELECT 1 FROM record WHERE seq = ?').get(seq) !== undefined

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
    this.twin.issue(this.#outbox)
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
    this.disk.close()
  }
}

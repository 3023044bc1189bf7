import assert from 'node:assert/strict'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import type { Outbox } from '../../src/outbox/outbox.ts'
import type { TailEntry } from '../../src/outbox/tail.ts'
import type { TwinFilter } from './outbox-twin-filter.ts'

/** Records that wait in a live lane of the model. */
export const LIVE_RECORDS_MAX = 12

interface Issued {
  readonly id: string
  readonly body: string
}

/** One uplink as it should be: what it still has to get, and what its cloud has seen. */
export class UplinkTwin {
  name: string
  /** seq -> record that it wants and that has no fate yet. */
  pending = new Map<number, Issued>()
  /** Handed out in this session and not settled, oldest first. */
  inFlight: StoredRecord[] = []
  /** Numbers that were handed out in any session, or lie before its beginning. */
  readonly seen = new Set<number>()
  /** Numbers given up at a limit. */
  readonly dropped = new Set<number>()
  /** Numbers that were ever refused for good: they may be tried once more. */
  readonly rejected = new Set<number>()
  /** Ids that the cloud took or refused for good. */
  readonly fated = new Set<string>()
  lastSeq = 0
  lateThrough = 0
  /** Numbers that were live in this session and are not any more. */
  behind = { from: 0, through: 0 }
  sessions = 0
  openedAt = 0
  reading = false
  /** undefined: an operator's change may or may not have become durable. */
  paused: boolean | undefined = false
  /** An operator said so; its rows may be gone. */
  isForgotten = false
  /** Replayed records that were answered in this life. */
  replayed = 0
  /** What this life's configuration says. */
  filter: TwinFilter | undefined
  isLiveFirst = false
  /** Where the live lane begins. */
  liveFrom = Number.POSITIVE_INFINITY
  /** The newest one that the live lane handed out in this session. */
  lastLive = 0
  /** Numbers that were handed out in this life. */
  readonly handed = new Set<number>()
  /** The filter for what was there before it, and the newest of that. */
  past: { readonly filter: TwinFilter; readonly through: number } | undefined

  constructor(name: string) {
    this.name = name
  }
}

/** How often what is rare came about, over all runs: a model that never meets it proves nothing about it. */
export const tally = {
  'given up at a limit': 0,
  'given up by an operator': 0,
  expired: 0,
  replayed: 0,
  'tried once more': 0,
  renamed: 0,
  'not wanted': 0,
  'not wanted of the past': 0,
  live: 0,
  'live lane left behind': 0,
  spent: 0,
  forgotten: 0,
}

/** What must be true of the outbox, kept in plain sets. */
export class OutboxTwin {
  readonly uplinks = new Map<string, UplinkTwin>()
  /** P3: what every id ever handed out stood for. */
  readonly #contents = new Map<string, string>()
  /** Ids confirmed as durable, and who wanted them. */
  confirmed: { readonly issued: Issued; readonly seq: number; readonly wantedBy: readonly string[] }[] = []
  /** What a limit or an operator may give up: numbers of the oldest rows, and everything below a number. */
  mayGiveUp = new Set<number>()
  mayDropBefore = 0
  /** seq -> when it was made, in ms of true time, and how old it may grow. */
  readonly #expires = new Map<number, { readonly madeAt: number; readonly afterMs: number }>()
  /** Ledger records of the timeline that became durable. */
  ledger: { readonly uplink: string; readonly seq: number; readonly count: number }[] = []
  head = 0

  uplink(name: string): UplinkTwin {
    let twin = this.uplinks.get(name)
    if (!twin) {
      twin = new UplinkTwin(name)
      this.uplinks.set(name, twin)
    }
    return twin
  }

  /** Takes note of the records issued since the last call. `nameOf` gives the uplink of a number. */
  issue(
    outbox: Outbox,
    elapsed: number,
  ): { readonly seq: number; readonly issued: Issued; readonly wantedBy: readonly string[] }[] {
    const news = []
    for (let seq = this.head + 1; seq <= outbox.head(); seq += 1) {
      const entry = outbox.supply.tailEntry(seq)
      if (!entry) continue
      const issued = { id: outbox.supply.describe({ seq, boot: 0, mono: 0 }).idPrefix + seq, body: entry.body }
      this.#expires.delete(seq)
      if (entry.expires > 0) this.#expires.set(seq, { madeAt: elapsed, afterMs: entry.expires })
      const ts = outbox.boots.wallOf(outbox.boots.current.boot, entry.mono)
      const wanting = outbox.cursors.filter((cursor) => this.#wants(cursor, entry, ts))
      for (const cursor of wanting) {
        this.uplink(cursor.name).pending.set(seq, issued)
        this.#noteLedger(cursor.name, seq, entry.body)
      }
      news.push({ seq, issued, wantedBy: wanting.map((cursor) => cursor.name) })
    }
    for (const cursor of outbox.cursors) this.#noteBehind(cursor, { before: this.head, head: outbox.head() })
    this.head = outbox.head()
    return news
  }

  /** A positive target is the number of the only one; who else wants it, the filters say. */
  #wants(cursor: Cursor, entry: TailEntry, ts: number): boolean {
    const isWanted =
      entry.target > 0 ? entry.target === cursor.number : (this.uplink(cursor.name).filter?.wants(entry, ts) ?? true)
    if (entry.target <= 0 && !isWanted) tally['not wanted'] += 1
    assert.equal(cursor.wants(entry.target), isWanted, `does ${cursor.name} want ${entry.seq}?`)
    return isWanted
  }

  /** What is new is late only when more waited in the live lane than it is meant for. */
  #noteBehind(cursor: Cursor, { before, head }: { readonly before: number; readonly head: number }): void {
    const twin = this.uplink(cursor.name)
    const isWaiting = (seq: number) => seq >= twin.liveFrom && !twin.inFlight.some((record) => record.seq === seq)
    const waiting = [...twin.pending.keys()].filter(isWaiting)
    let through = head
    while (through > before && !cursor.isLate(through)) through -= 1
    if (through > before) {
      const count = waiting.filter((seq) => seq <= through).length
      assert.ok(twin.isLiveFirst && count > LIVE_RECORDS_MAX, `${cursor.name}: left behind with ${count} live records`)
      twin.liveFrom = through + 1
      twin.behind.through = through
      tally['live lane left behind'] += 1
    } else {
      const count = waiting.filter((seq) => !this.reported.has(seq)).length
      assert.ok(count <= LIVE_RECORDS_MAX, `${cursor.name}: ${count} live records wait`)
    }
  }

  /** Numbers of records that nobody may see before they are durable. */
  readonly reported = new Set<number>()

  #noteLedger(uplink: string, seq: number, body: string): void {
    const count = /^"event":"dropped".*"count":(\d+)/.exec(body)?.[1]
    if (count !== undefined) this.ledger.push({ uplink, seq, count: Number(count) })
  }

  /** Records that a cursor handed out: in order, none settled, none given up, and `after` explains every hole. */
  receive(
    cursor: Cursor,
    records: readonly StoredRecord[],
    how: { readonly isDurable: (seq: number) => boolean; readonly lane?: 'live' },
  ): void {
    const { isDurable, lane } = how
    const twin = this.uplink(cursor.name)
    for (const record of records) {
      if (record.again) {
        this.#receiveAgain(twin, record)
        continue
      }
      const { seq, idPrefix, kind, source, body } = record
      const what = `${cursor.name} got ${idPrefix}${seq} after ${record.after}`
      // What must be durable first may be passed over while the disk fails, and comes behind its successors.
      const last = lane === 'live' ? twin.lastLive : twin.lastSeq
      const passedOver = this.reported.has(seq) && seq < last
      assert.ok(seq > last || passedOver, `${what}: behind ${last}`)
      if (lane === 'live') assert.ok(seq >= twin.liveFrom && !record.late, `${what}: live from ${twin.liveFrom}`)
      else assert.ok(seq < twin.liveFrom || this.reported.has(seq), `${what}: live from ${twin.liveFrom}`)
      assert.ok(!twin.inFlight.some((one) => one.seq === seq && !one.again), `${what}: it is in flight`)
      if (twin.past && seq <= twin.past.through)
        assert.ok(twin.past.filter.mayWant(record), `${what}: not of its devices`)
      assert.ok(!this.reported.has(seq) || isDurable(seq), `${what}: it is not durable`)
      this.#noteContent(idPrefix + seq, { kind, source, body })
      const wanted = twin.pending.get(seq)
      const fate = twin.dropped.has(seq) ? 'given up' : 'settled or not wanted'
      assert.ok(wanted, `${what}: it was ${fate}`)
      assert.deepEqual({ id: idPrefix + seq, body }, wanted, what)
      assert.ok(record.after === undefined || record.after < seq - 1, `${what}: superfluous`)
      const previous = record.after ?? seq - 1
      for (let hole = previous + 1; hole < seq; hole += 1) {
        assert.ok(!twin.pending.has(hole), `${what}: ${hole} is still to come`)
        assert.ok(!twin.seen.has(hole) || twin.dropped.has(hole), `${what}: it got ${hole} in between`)
      }
      // Passed over while the disk fails: it comes behind, or was given up meanwhile.
      const isHeldBack = this.reported.has(previous) && (twin.pending.has(previous) || twin.dropped.has(previous))
      // The last one before the live lane began may still be on its way in the backlog, or have been given up there.
      const wasLive = lane === 'live' || (this.reported.has(seq) && seq >= twin.behind.from)
      const isBacklog = wasLive && (twin.pending.has(previous) || twin.dropped.has(previous))
      assert.ok(
        previous === 0 || twin.seen.has(previous) || isHeldBack || isBacklog,
        `${what}: it never got ${previous}`,
      )
      const mayBeLate = record.late && this.reported.has(seq)
      const isLate = seq <= twin.lateThrough || (seq >= twin.behind.from && seq <= twin.behind.through)
      assert.ok(mayBeLate || record.late === isLate, `${what}: late ${record.late}`)
      twin.seen.add(seq)
      twin.handed.add(seq)
      if (lane === 'live') twin.lastLive = Math.max(last, seq)
      else if (!this.reported.has(seq)) twin.lastSeq = seq
      if (lane === 'live') tally.live += 1
      twin.inFlight.push(record)
    }
  }

  /** An uplink that began in the past does not want a row. */
  refuse(name: string, seq: number): void {
    const twin = this.uplink(name)
    const what = `${name} does not want ${seq}`
    assert.ok(twin.past && seq <= twin.past.through, `${what}, which is no row of its past`)
    assert.ok(!twin.inFlight.some((record) => record.seq === seq && !record.again), `${what}, which is in flight`)
    assert.ok(!twin.handed.has(seq), `${what}, which it got`)
    assert.ok(twin.pending.delete(seq), `${what}, which it does not wait for`)
    tally['not wanted of the past'] += 1
  }

  /** P3: an id stands for one thing. */
  #noteContent(id: string, content: Pick<StoredRecord, 'kind' | 'source' | 'body'>): void {
    const text = JSON.stringify(content)
    assert.equal(this.#contents.get(id) ?? text, text, `${id}: other content before`)
    this.#contents.set(id, text)
  }

  /** What is sent once more was settled before: it is marked, and takes nothing away from what is still to come. */
  #receiveAgain(twin: UplinkTwin, record: StoredRecord): void {
    const { seq, idPrefix, kind, source, body } = record
    const what = `${twin.name} got ${idPrefix}${seq} again (${record.again})`
    this.#noteContent(idPrefix + seq, { kind, source, body })
    tally[record.again === 'replay' ? 'replayed' : 'tried once more'] += 1
    assert.ok(record.late, `${what}: not marked`)
    assert.ok(!twin.pending.has(seq), `${what}: it is still to come`)
    assert.ok(record.again === 'replay' || twin.rejected.has(seq), `${what}: it was never rejected`)
    twin.inFlight.push(record)
  }

  settle(cursor: Cursor, record: StoredRecord, rejected: boolean): void {
    const twin = this.uplink(cursor.name)
    twin.inFlight = twin.inFlight.filter((one) => one !== record)
    if (record.again === 'replay' && !rejected) twin.replayed += 1
    if (record.again) return
    if (rejected) twin.rejected.add(record.seq)
    twin.pending.delete(record.seq)
    twin.fated.add(record.idPrefix + record.seq)
  }

  /** A record is given up for an uplink: it waited for it, it was not on its way, and there was a reason. */
  lose(name: string, seq: number, how: { readonly reason: string; readonly elapsed?: number }): void {
    const twin = this.uplink(name)
    const what = `${name} loses ${seq} (${how.reason})`
    assert.ok(twin.pending.delete(seq), `${what}, which it does not wait for`)
    assert.ok(!twin.inFlight.some((record) => record.seq === seq && !record.again), `${what}, which is in flight`)
    const expiry = this.#expires.get(seq)
    if (how.reason === 'max_size') assert.ok(this.mayGiveUp.has(seq), `${what}, which is not among the oldest`)
    else if (how.reason === 'operator') assert.ok(seq < this.mayDropBefore, `${what}, which is newer than was said`)
    else assert.equal(how.reason, 'expires_after', what)
    if (how.reason === 'expires_after') {
      assert.ok(expiry, `${what}, which was made for ever`)
      if (how.elapsed !== undefined) assert.ok(how.elapsed - expiry.madeAt > expiry.afterMs, `${what} too early`)
    }
    twin.dropped.add(seq)
    if (how.reason === 'max_size') tally['given up at a limit'] += 1
    else tally[how.reason === 'operator' ? 'given up by an operator' : 'expired'] += 1
  }

  /** An uplink goes on under a new name. */
  rename(from: string, to: string): void {
    const twin = this.uplinks.get(from)
    if (!twin) return
    tally.renamed += 1
    this.uplinks.delete(from)
    twin.name = to
    this.uplinks.set(to, twin)
    this.ledger = this.ledger.map((told) => (told.uplink === from ? { ...told, uplink: to } : told))
    const newName = (name: string) => (name === from ? to : name)
    this.confirmed = this.confirmed.map((one) => ({ ...one, wantedBy: one.wantedBy.map(newName) }))
  }

  /** An operator gave up all its claims. */
  remove(name: string): void {
    tally.forgotten += 1
    this.uplinks.delete(name)
    this.ledger = this.ledger.filter(({ uplink }) => uplink !== name)
    this.confirmed = this.confirmed.map((one) => ({ ...one, wantedBy: one.wantedBy.filter((other) => other !== name) }))
  }

  rewind(cursor: Cursor, now: { readonly head: number; readonly mono: number }): void {
    const twin = this.uplink(cursor.name)
    twin.sessions += 1
    if (twin.sessions > 1 || now.mono - twin.openedAt >= 5_000) twin.lateThrough = now.head
    twin.behind = { from: now.head + 1, through: 0 }
    twin.inFlight = []
    twin.lastSeq = 0
    twin.lastLive = 0
    if (twin.isLiveFirst) twin.liveFrom = now.head + 1
  }

  /** The power went away: what is above `stored` never was, what is pending again was not given up. */
  forget(stored: number): void {
    this.ledger = this.ledger.filter(({ seq }) => seq <= stored)
    for (const seq of this.reported) if (seq > stored) this.reported.delete(seq)
    for (const seq of this.#expires.keys()) if (seq > stored) this.#expires.delete(seq)
    for (const uplink of this.uplinks.values()) {
      for (const seq of uplink.rejected) if (seq > stored) uplink.rejected.delete(seq)
      for (const seq of uplink.seen) if (seq > stored) uplink.seen.delete(seq)
      for (const seq of uplink.dropped) if (seq > stored || uplink.pending.has(seq)) uplink.dropped.delete(seq)
    }
  }

  /** P4 in memory: what the books of each uplink leave open is what it still has to get. */
  checkBooks(outbox: Outbox, isExempt: (uplink: string) => boolean): void {
    for (const cursor of outbox.cursors) {
      const { replayed } = cursor.account.sinceStart
      assert.ok(replayed <= this.uplink(cursor.name).replayed, `${cursor.name}: ${replayed} replayed by its books`)
      const { pending, lateThrough } = this.uplink(cursor.name)
      const isLate = [...pending.keys()].some((seq) => seq <= lateThrough)
      assert.ok(!isLate || cursor.hasLate(), `${cursor.name}: something late is left`)
      if (isExempt(cursor.name)) continue
      const open = cursor.account.issued(outbox.head()) - cursor.account.settled
      assert.equal(open, this.uplink(cursor.name).pending.size, `${cursor.name}: pending by its books`)
      for (const counts of cursor.account.entries().values()) {
        for (const [name, count] of Object.entries(counts)) assert.ok(count >= 0, `${cursor.name}: ${name} is ${count}`)
      }
    }
  }

  /** Which confirmed records nobody can account for any more. */
  lost(): string[] {
    return this.confirmed.flatMap(({ issued, seq, wantedBy }) =>
      wantedBy
        .map((name) => this.uplink(name))
        .filter((twin) => twin.pending.get(seq)?.id !== issued.id && !twin.fated.has(issued.id))
        .filter((twin) => !twin.dropped.has(seq))
        .map((twin) => `${twin.name} never gets ${issued.id}`),
    )
  }
}

let made = 0

/** A record like no other. */
export function madeUp(options: Partial<NewRecord> & { readonly mono: number }): NewRecord {
  made += 1
  return { kind: 'data', source: 'meter', body: `"values":{"n":${made}}`, ...options }
}

import assert from 'node:assert/strict'
import type { NewRecord, StoredRecord } from '../../src/model.ts'
import type { Cursor } from '../../src/outbox/cursor.ts'
import type { Outbox } from '../../src/outbox/outbox.ts'

interface Issued {
  readonly id: string
  readonly body: string
}

/** One uplink as it should be: what it still has to get, and what its cloud has seen. */
export class UplinkTwin {
  readonly name: string
  /** seq -> record that it wants and that has no fate yet. */
  pending = new Map<number, Issued>()
  /** Handed out in this session and not settled, oldest first. */
  inFlight: StoredRecord[] = []
  /** Numbers that were handed out in any session, or lie before its beginning. */
  readonly seen = new Set<number>()
  /** Numbers given up at a limit. */
  readonly dropped = new Set<number>()
  /** Ids that the cloud took or refused for good. */
  readonly fated = new Set<string>()
  lastSeq = 0
  lateThrough = 0
  sessions = 0
  openedAt = 0
  reading = false

  constructor(name: string) {
    this.name = name
  }
}

/** What must be true of the outbox, kept in plain sets. */
export class OutboxTwin {
  readonly uplinks = new Map<string, UplinkTwin>()
  /** P3: what every id ever handed out stood for. */
  readonly #contents = new Map<string, string>()
  /** Ids confirmed as durable, and who wanted them. */
  readonly confirmed: { readonly issued: Issued; readonly seq: number; readonly wantedBy: readonly string[] }[] = []
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
  issue(outbox: Outbox): { readonly seq: number; readonly issued: Issued; readonly wantedBy: readonly string[] }[] {
    const news = []
    for (let seq = this.head + 1; seq <= outbox.head(); seq += 1) {
      const entry = outbox.tailEntry(seq)
      if (!entry) continue
      const issued = { id: outbox.describe({ seq, boot: 0, mono: 0 }).idPrefix + seq, body: entry.body }
      const wanting = outbox.cursors.filter((cursor) => cursor.wants(entry.target))
      for (const cursor of wanting) {
        this.uplink(cursor.name).pending.set(seq, issued)
        this.#noteLedger(cursor.name, seq, entry.body)
      }
      news.push({ seq, issued, wantedBy: wanting.map((cursor) => cursor.name) })
    }
    this.head = outbox.head()
    return news
  }

  /** Numbers of records that nobody may see before they are durable. */
  readonly reported = new Set<number>()

  #noteLedger(uplink: string, seq: number, body: string): void {
    const count = /^"event":"dropped".*"count":(\d+)/.exec(body)?.[1]
    if (count !== undefined) this.ledger.push({ uplink, seq, count: Number(count) })
  }

  /** Records that a cursor handed out: in order, none settled, none given up, and `after` explains every hole. */
  receive(cursor: Cursor, records: readonly StoredRecord[], isDurable: (seq: number) => boolean): void {
    const twin = this.uplink(cursor.name)
    for (const record of records) {
      const { seq, idPrefix, kind, source, body } = record
      const what = `${cursor.name} got ${idPrefix}${seq} after ${record.after}`
      // What must be durable first may be passed over while the disk fails, and comes behind its successors.
      const passedOver = this.reported.has(seq) && seq < twin.lastSeq
      assert.ok(seq > twin.lastSeq || passedOver, `${what}: behind ${twin.lastSeq}`)
      assert.ok(!this.reported.has(seq) || isDurable(seq), `${what}: it is not durable`)
      const content = JSON.stringify({ kind, source, body })
      assert.equal(this.#contents.get(idPrefix + seq) ?? content, content, `${what}: other content before`)
      this.#contents.set(idPrefix + seq, content)
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
      const isHeldBack = this.reported.has(previous) && twin.pending.has(previous)
      assert.ok(previous === 0 || twin.seen.has(previous) || isHeldBack, `${what}: it never got ${previous}`)
      const mayBeLate = record.late && this.reported.has(seq)
      assert.ok(mayBeLate || record.late === seq <= twin.lateThrough, `${what}: late ${record.late}`)
      twin.seen.add(seq)
      twin.lastSeq = Math.max(twin.lastSeq, seq)
      twin.inFlight.push(record)
    }
  }

  settle(cursor: Cursor, records: readonly StoredRecord[]): void {
    const twin = this.uplink(cursor.name)
    for (const { seq, idPrefix } of records) {
      twin.pending.delete(seq)
      twin.fated.add(idPrefix + seq)
    }
    twin.inFlight = twin.inFlight.filter((record) => !records.includes(record))
  }

  rewind(cursor: Cursor, now: { readonly head: number; readonly mono: number }): void {
    const twin = this.uplink(cursor.name)
    twin.sessions += 1
    if (twin.sessions > 1 || now.mono - twin.openedAt >= 5_000) twin.lateThrough = now.head
    twin.inFlight = []
    twin.lastSeq = 0
  }

  /** The power went away: what is above `stored` never was, what is pending again was not given up. */
  forget(stored: number): void {
    this.ledger = this.ledger.filter(({ seq }) => seq <= stored)
    for (const seq of this.reported) if (seq > stored) this.reported.delete(seq)
    for (const uplink of this.uplinks.values()) {
      for (const seq of uplink.seen) if (seq > stored) uplink.seen.delete(seq)
      for (const seq of uplink.dropped) if (seq > stored || uplink.pending.has(seq)) uplink.dropped.delete(seq)
    }
  }

  giveUp(seqs: readonly number[]): void {
    for (const twin of this.uplinks.values()) {
      for (const seq of seqs) if (twin.pending.delete(seq)) twin.dropped.add(seq)
    }
  }

  /** P4 in memory: what the books of each uplink leave open is what it still has to get. */
  checkBooks(outbox: Outbox, isExempt: (uplink: string) => boolean): void {
    for (const cursor of outbox.cursors) {
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

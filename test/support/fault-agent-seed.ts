/** A backlog in the agent's database that no uplink has seen, and pages of it to destroy. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { RecordRow } from '../../src/outbox/page-sql.ts'
import { rowSum } from '../../src/outbox/row-sum.ts'
import type { FaultSite } from './fault-agent.ts'

/** SQLite file format, 4.1. */
const LOG_HEADER_BYTES = 32
const LOG_FRAME_HEADER_BYTES = 24

/** A backlog as the cloud must get it. */
export interface Backlog {
  /** id -> inside of the record's JSON. */
  readonly records: ReadonlyMap<string, string>
}

/**
 * Runs the agent for a moment without a link and stops it, then adds rows as it would have made them: with 400 bytes each,
 * 6,000 of them need a tree of three levels. Nothing is delivered; the network stays cut.
 */
export async function seedBacklog(site: FaultSite, rows: number): Promise<Backlog> {
  site.network.cut()
  await site.start()
  await site.reaches('a reading', ({ outbox }) => outbox.head >= 3)
  await site.agent.stop()
  const database = new Database(site.databaseFile)
  try {
    addRows(database, rows)
    return backlogIn(database)
  } finally {
    database.close()
  }
}

function addRows(database: Database.Database, rows: number): void {
  const newest = database.prepare('SELECT * FROM record ORDER BY seq DESC LIMIT 1').get() as RecordRow
  const insert = database.prepare(
    'INSERT INTO record (seq, kind, boot, mono, target, expires, source, body, sum) VALUES (?, 0, ?, ?, 0, 0, ?, ?, ?)',
  )
  const addAll = database.transaction(() => {
    for (let n = 1; n <= rows; n += 1) {
      const { boot, mono } = newest
      const row = { seq: newest.seq + n, kind: 0, boot, mono: mono + n, target: 0, expires: 0, source: 'meter' }
      const body = `"device":"meter","values":{"n":${n},"filling":"${'x'.repeat(330)}"}`
      insert.run(row.seq, row.boot, row.mono, row.source, body, rowSum(row, body))
    }
    const epoch = 'UPDATE epoch SET through = ? WHERE start = (SELECT max(start) FROM epoch)'
    database.prepare(epoch).run(newest.seq + rows)
  })
  addAll()
}

/** Every stored record, by id. */
function backlogIn(database: Database.Database): Backlog {
  const rows = database
    .prepare(
      `SELECT (SELECT gateway || '/' || tag FROM epoch WHERE first_seq <= seq ORDER BY start DESC LIMIT 1) || '/' || seq AS id, body
       FROM record ORDER BY seq`,
    )
    .all() as { id: string; body: string }[]
  return { records: new Map(rows.map(({ id, body }) => [id, body])) }
}

export type PageKind = 'leaf' | 'internal' | 'root'

/** Numbers of the pages of a table, in the order of its rows; `root` is where its tree begins. */
export function pagesOf(file: string, table: string, kind: PageKind): number[] {
  const database = new Database(file, { readonly: true })
  try {
    const rows = database
      .prepare('SELECT pageno, pagetype, path FROM dbstat WHERE name = ? ORDER BY path')
      .all(table) as { pageno: number; pagetype: string; path: string }[]
    const wanted = rows.filter(({ path, pagetype }) =>
      kind === 'root' ? path === '/' : pagetype === kind && path !== '/',
    )
    return wanted.map(({ pageno }) => pageno)
  } finally {
    database.close()
  }
}

/** Nonsense over part of a page; pages count from 1. */
export function destroy(
  file: string,
  page: number,
  part: { readonly from?: number; readonly length?: number } = {},
): void {
  const bytes = pageBytes(file)
  const { from = 0, length = bytes - from } = part
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, Buffer.alloc(length, 0xa5), 0, length, (page - 1) * bytes + from)
  closeSync(descriptor)
}

/** From the header (SQLite file format, 1.3.2). */
function pageBytes(file: string): number {
  const header = readFileSync(file).readUInt16BE(16)
  return header === 1 ? 65_536 : header
}

/** Frames of the write-ahead log that belong to it (their salt is the header's), and how long each is. */
export function framesIn(log: string): { readonly count: number; readonly bytes: number; readonly end: number } {
  const content = readFileSync(log)
  const bytes = LOG_FRAME_HEADER_BYTES + content.readUInt32BE(8)
  const salt = content.subarray(16, 24)
  let count = 0
  for (let at = LOG_HEADER_BYTES; at + bytes <= content.length; at += bytes) {
    if (!content.subarray(at + 8, at + 16).equals(salt)) break
    count += 1
  }
  return { count, bytes, end: LOG_HEADER_BYTES + count * bytes }
}

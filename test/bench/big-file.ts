import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { rowSum, type SummedRow } from '../../src/outbox/row-sum.ts'
import { StorageThread } from '../../src/storage/storage.ts'

const BODY_BYTES = 150

export const UPLINK = 'cloud'

/** Storage thread and outbox on `folder`, as the agent opens them. */
export async function openOutbox(folder: string): Promise<{ storage: StorageThread; outbox: Outbox }> {
  const options = { clock: systemClock, log: silentLogger }
  const storage = await StorageThread.open(join(folder, 'tidegate.db'), options)
  const outbox = await Outbox.open({
    ...options,
    storage,
    commitIntervalMs: 1_000,
    start: {
      gateway: 'bench',
      boot: 'bench',
      mono: systemClock.mono(),
      wall: systemClock.wall(),
      clockKnown: true,
      uplinks: [{ name: UPLINK, startAt: 'head' }],
    },
  })
  return { storage, outbox }
}

/**
 * A state directory whose outbox holds `count` records that one uplink waits for. It is kept in the temporary folder,
 * under a name that changes with the shape of the database, because making it takes a minute.
 */
export async function bigStateDir(count: number): Promise<string> {
  const building = join(tmpdir(), `tidegate-bench-building-${process.pid}`)
  rmSync(building, { recursive: true, force: true })
  mkdirSync(building)
  const { storage, outbox } = await openOutbox(building)
  const body = `"device":"d","values":{"note":"${'x'.repeat(BODY_BYTES - 33)}"}`
  await outbox.append([{ kind: 'data', source: 'd', body, mono: systemClock.mono() }], { durable: true })
  await outbox.close()
  await storage.close()
  const file = join(building, 'tidegate.db')
  const ready = join(tmpdir(), `tidegate-bench-${count}-${shapeOf(file)}`)
  if (existsSync(ready)) rmSync(building, { recursive: true })
  else {
    multiply(file, count)
    renameSync(building, ready)
  }
  return ready
}

function shapeOf(file: string): string {
  const database = new Database(file, { readonly: true })
  const sql = database.prepare('SELECT sql FROM sqlite_schema ORDER BY name').pluck().all()
  const page = database.pragma('page_size', { simple: true })
  database.close()
  return createHash('sha256').update(`${sql.join()} ${page}`).digest('hex').slice(0, 8)
}

/** Copies the newest record, whatever columns it has, behind itself until there are `count`, each with its checksum. */
function multiply(file: string, count: number): void {
  const database = new Database(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = OFF')
  const first = database.prepare('SELECT * FROM record ORDER BY seq DESC LIMIT 1').get() as SummedRow & { body: string }
  database.function('sum_of', { deterministic: true }, (seq) => rowSum({ ...first, seq: Number(seq) }, first.body))
  const columns = Object.keys(first)
  const values = columns.map((name) => (name === 'seq' ? 'more.n' : name === 'sum' ? 'sum_of(more.n)' : `one.${name}`))
  const insert = database.prepare(
    `WITH RECURSIVE more(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM more WHERE n < ?)
     INSERT INTO record (${columns.join()}) SELECT ${values.join()}
     FROM more, (SELECT * FROM record WHERE seq = ?) AS one`,
  )
  const step = 500_000
  for (let from = first.seq + 1; from <= count; from += step) {
    insert.run(from, Math.min(count, from + step - 1), first.seq)
  }
  database.pragma('wal_checkpoint(TRUNCATE)')
  database.close()
}

/**
 * One writer of the flash bench, as a process of its own, so that its write_bytes are its own. It opens its store, says
 * `ready`, waits for `go`, stores readings at an even pace for some seconds, closes, and says what it wrote.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { until } from '../support/until.ts'

type WriterName = 'tidegate, link down' | 'tidegate, link up' | 'a transaction a row' | 'plainjob' | 'nothing'

export interface WriterTask {
  readonly writer: WriterName
  readonly directory: string
  readonly perSecond: number
  readonly commitIntervalMs: number
  readonly seconds: number
}

export interface Written {
  readonly records: number
  /** write_bytes of /proc/PID/io: pages dirtied by the process, without the file system's journal. */
  readonly processBytes: number
}

/** Bytes of a reading. */
export const PAYLOAD_BYTES = 200
/** A good link acknowledges after this. */
const ACK_MS = 100
const HEAD = '"device":"d","values":{"supply_temp":61.3,"note":"'
const BODY = `${HEAD}${'x'.repeat(PAYLOAD_BYTES - HEAD.length - 2)}"}`

interface Writer {
  add(): void
  close(): Promise<void> | void
}

async function openTidegate(task: WriterTask): Promise<Writer> {
  const options = { clock: systemClock, log: silentLogger }
  const storage = await StorageThread.open(join(task.directory, 'tidegate.db'), options)
  const outbox = await Outbox.open({
    ...options,
    storage,
    commitIntervalMs: task.commitIntervalMs,
    start: {
      gateway: 'gw',
      boot: 'boot',
      mono: systemClock.mono(),
      wall: systemClock.wall(),
      clockKnown: true,
      uplinks: [{ name: 'cloud', startAt: 'tail' }],
    },
  })
  // Written once in the life of a gateway, some time after the first start.
  const ballast = join(task.directory, 'tidegate.ballast')
  await until(() => existsSync(ballast), { what: 'the ballast file', timeoutMs: 90_000 })
  const cursor = outbox.cursor('cloud')
  const acknowledge = async () => {
    const records = await cursor.next(1_000)
    if (records.length > 0) setTimeout(() => cursor.delivered(records), ACK_MS)
  }
  const isUp = task.writer === 'tidegate, link up'
  if (isUp) await acknowledge()
  return {
    add() {
      outbox.append([{ kind: 'data', source: 'd', body: BODY, mono: systemClock.mono() }])
      if (isUp) void acknowledge()
    },
    async close() {
      // With the link up, what is measured is the time between start and stop, which can be a year.
      if (isUp) return
      await outbox.close()
      await storage.close()
    },
  }
}

/** What a program does that stores each reading as it comes. */
function openRows(task: WriterTask): Writer {
  const database = new Database(join(task.directory, 'rows.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('CREATE TABLE reading (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL)')
  const insert = database.prepare('INSERT INTO reading (at, body) VALUES (?, ?)')
  return { add: () => void insert.run(Date.now(), BODY), close: () => void database.close() }
}

interface PlainJob {
  better(database: Database.Database): unknown
  defineQueue(options: { connection: unknown; logger: unknown }): {
    add(type: string, data: unknown): unknown
    close(): void
  }
}

/** The npm package of that name, from the folder that TIDEGATE_BENCH_MODULES names: it is no dependency of ours. */
async function openPlainJob(task: WriterTask): Promise<Writer> {
  const resolve = createRequire(join(process.env['TIDEGATE_BENCH_MODULES'] ?? '/nowhere', 'package.json')).resolve
  const { better, defineQueue } = (await import(pathToFileURL(resolve('plainjob')).href)) as PlainJob
  const database = new Database(join(task.directory, 'queue.db'))
  const queue = defineQueue({ connection: better(database), logger: silentLogger })
  return {
    add: () => void queue.add('reading', BODY),
    close() {
      queue.close()
      if (database.open) database.close()
    },
  }
}

function openWriter(task: WriterTask): Promise<Writer> | Writer {
  // What the file system writes by itself.
  if (task.writer === 'nothing') return { add() {}, close() {} }
  if (task.writer === 'a transaction a row') return openRows(task)
  return task.writer === 'plainjob' ? openPlainJob(task) : openTidegate(task)
}

function writeBytes(): number {
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}

async function write(task: WriterTask, writer: Writer): Promise<Written> {
  const from = writeBytes()
  const began = performance.now()
  const records = task.perSecond * task.seconds
  for (let made = 0; made < records; made += 1) {
    const wait = began + (made * 1_000) / task.perSecond - performance.now()
    if (wait > 0) await delay(wait)
    writer.add()
  }
  await delay(Math.max(0, began + task.seconds * 1_000 - performance.now()))
  await writer.close()
  return { records, processBytes: writeBytes() - from }
}

if (process.send) {
  process.once('message', async (task: WriterTask) => {
    const writer = await openWriter(task)
    process.once('message', async () => {
      const written = await write(task, writer)
      process.send?.(written, () => process.exit(0))
    })
    process.send?.('ready')
  })
}

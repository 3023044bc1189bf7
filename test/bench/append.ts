/**
 * Durable appends in batches, each batch synced, against a bare better-sqlite3 loop with the same pragmas and table in the
 * same run; then the rate at which a backlog is read from the table and acknowledged, without a network.
 * Usage: node test/bench/append.ts [seconds for each figure] [directory]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord } from '../../src/model.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { outboxSchema } from '../../src/outbox/sql.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { StorageThread } from '../../src/storage/storage.ts'

const SECONDS = Number(process.argv[2] ?? 3)
const DIRECTORY = process.argv[3] ?? tmpdir()
const BODY = `"device":"d","values":{"supply_temp":61.3,"note":"${'x'.repeat(100)}"}`
const BACKLOG = 300_000
const PAGE = 1_000

/** Contenders take turns, so that what else the machine does meets all of them. */
const TURNS = 9

interface Rate {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/** Somebody who stores records; `batch` stores `size` of them. */
interface Contender {
  readonly name: string
  batch(): Promise<void> | void
  close(): Promise<void> | void
}

/** Repeats `batch` for a while; CPU of all threads of the process. */
async function rate(size: number, batch: () => Promise<void> | void): Promise<Rate> {
  const cpu = process.cpuUsage()
  const began = performance.now()
  let records = 0
  while (performance.now() - began < (SECONDS * 1_000) / TURNS) {
    await batch()
    records += size
  }
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (records * 1_000) / (performance.now() - began), cpuMicroseconds: (user + system) / records }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? 0
}

/** The first is the limit that the others are compared with, turn by turn. */
async function compare(size: number, contenders: readonly Contender[]): Promise<void> {
  const rates = contenders.map((): Rate[] => [])
  for (let turn = -1; turn < TURNS; turn += 1) {
    for (const [index, contender] of contenders.entries()) {
      const figure = await rate(size, () => contender.batch())
      // The first turn is for the compiler.
      if (turn >= 0) rates[index]?.push(figure)
    }
  }
  for (const [index, { name, close }] of contenders.entries()) {
    const own = rates[index] ?? []
    const ratio = median(own.map(({ perSecond }, turn) => perSecond / (rates[0]?.[turn]?.perSecond ?? 1)))
    const figure = {
      perSecond: median(own.map(({ perSecond }) => perSecond)),
      cpuMicroseconds: median(own.map(({ cpuMicroseconds }) => cpuMicroseconds)),
    }
    show(name, figure, index === 0 ? undefined : ratio)
    await close()
  }
}

function bare(folder: string, size: number): Contender {
  const database = openDatabase(join(folder, `bare-${size}.db`), [{ version: 1, statements: outboxSchema }])
  const columns = 'seq, kind, boot, mono, target, expires, source, body, sum'
  const insert = database.prepare(`INSERT INTO record (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
  let seq = 0
  return {
    name: 'bare better-sqlite3 loop',
    batch() {
      database.exec('BEGIN IMMEDIATE')
      for (let i = 0; i < size; i += 1) {
        seq += 1
        insert.run(seq, 0, 1, 1_000, 0, 0, 'd', BODY, 1_234_567_890)
      }
      database.exec('COMMIT')
    },
    close: () => void database.close(),
  }
}

async function open(folder: string, name: string): Promise<{ storage: StorageThread; outbox: Outbox }> {
  const options = { clock: systemClock, log: silentLogger }
  const storage = await StorageThread.open(join(folder, `${name}.db`), options)
  const outbox = await Outbox.open({
    ...options,
    storage,
    commitIntervalMs: 1_000,
    start: {
      gateway: 'gw',
      boot: 'boot',
      mono: systemClock.mono(),
      wall: systemClock.wall(),
      clockKnown: true,
      uplinks: [{ name: 'cloud', startAt: 'tail' }],
    },
  })
  return { storage, outbox }
}

function batchOf(size: number): NewRecord[] {
  const mono = systemClock.mono()
  return Array.from({ length: size }, () => ({ kind: 'data', source: 'd', body: BODY, mono }))
}

/** `ahead`: batches that are given before the first of them is confirmed. */
async function tidegate(folder: string, size: number, ahead: number): Promise<Contender> {
  const { storage, outbox } = await open(folder, `outbox-${size}-${ahead}`)
  const waiting: Promise<void>[] = []
  return {
    name: ahead === 1 ? 'durable append, one after the other' : `durable append, ${ahead} at a time`,
    async batch() {
      waiting.push(outbox.append(batchOf(size), { durable: true }))
      if (waiting.length >= ahead) await waiting.shift()
    },
    async close() {
      await Promise.all(waiting)
      await outbox.close()
      await storage.close()
    },
  }
}

async function drain(folder: string): Promise<void> {
  const { storage, outbox } = await open(folder, 'drain')
  for (let left = BACKLOG; left > 0; left -= 2_000) await outbox.append(batchOf(2_000), { durable: true })
  const cursor = outbox.cursor('cloud')
  const cpu = process.cpuUsage()
  const began = performance.now()
  let records = 0
  for (;;) {
    const page = await cursor.next(PAGE)
    if (page.length === 0) break
    records += page.length
    cursor.delivered(page)
  }
  const seconds = (performance.now() - began) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  show(`read and acknowledged in pages of ${PAGE}`, {
    perSecond: records / seconds,
    cpuMicroseconds: (user + system) / records,
  })
  await outbox.close()
  await storage.close()
}

function show(name: string, { perSecond, cpuMicroseconds }: Rate, ratio?: number): void {
  const share = ratio === undefined ? '' : `  ${ratio.toFixed(2)} of the bare loop`
  const speed = `${Math.round(perSecond).toString().padStart(9)} records/s`
  console.log(`${name.padEnd(38)} ${speed}  ${cpuMicroseconds.toFixed(2).padStart(6)} us of CPU each${share}`)
}

const folder = mkdtempSync(join(DIRECTORY, 'tidegate-append-'))
try {
  for (const size of [64, 256, 1_024]) {
    console.log(`\nbatches of ${size}, ${BODY.length} bytes a record, each batch synced (${folder})`)
    await compare(size, [bare(folder, size), await tidegate(folder, size, 1), await tidegate(folder, size, 2)])
  }
  console.log(`\na backlog of ${BACKLOG} records`)
  await drain(folder)
} finally {
  rmSync(folder, { recursive: true })
}

/**
 * How page size, size of the log, room in the log and the kind of sync change what reaches the flash: a bare writer with
 * the outbox's table and the real pace, one commit a second, each setting on an ext4 of its own, all at the same time.
 * What storage/database.ts and storage/log-file.ts chose comes from this. Needs root.
 * Usage: node test/bench/flash-settings.ts [seconds]
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { LoopDisk, settleDisks, whyNoLoopDisk } from './loop-disk.ts'

const SECONDS = Number(process.argv[2] ?? 300)
const PAYLOAD_BYTES = 200
const KIB = 1024

interface Setting {
  readonly perSecond: number
  readonly page: number
  readonly logKiB: number
  readonly sync: 'fsync' | 'fdatasync'
  readonly room: boolean
}

const usual = { page: 1_024, logKiB: 1_024, sync: 'fdatasync', room: true } as const
const settings: readonly Setting[] = [2, 50].flatMap((perSecond): Setting[] => [
  ...[512, 1_024, 2_048, 4_096, 8_192].map((page) => ({ ...usual, perSecond, page })),
  ...[256, 512, 4_096].map((logKiB) => ({ ...usual, perSecond, logKiB })),
  { ...usual, perSecond, room: false },
  { ...usual, perSecond, sync: 'fsync' },
  { ...usual, perSecond, sync: 'fsync', room: false },
  { ...usual, perSecond, sync: 'fsync', room: false, page: 4_096, logKiB: 4_096 },
])

class Writer {
  readonly setting: Setting
  readonly #disk = new LoopDisk()
  readonly #database: Database.Database
  readonly #log: number
  readonly #insert: Database.Statement
  #before = 0
  #records = 0

  constructor(setting: Setting) {
    this.setting = setting
    const { page, logKiB, sync, room } = setting
    const file = join(this.#disk.directory, 'bare.db')
    this.#database = new Database(file)
    this.#database.pragma(`page_size = ${page}`)
    this.#database.pragma('locking_mode = EXCLUSIVE')
    this.#database.pragma('journal_mode = WAL')
    this.#database.pragma(`synchronous = ${sync === 'fsync' ? 'FULL' : 'NORMAL'}`)
    this.#database.pragma(`wal_autocheckpoint = ${(logKiB * KIB) / page}`)
    this.#database.exec('CREATE TABLE record (seq INTEGER PRIMARY KEY, mono INTEGER, source TEXT, body TEXT) STRICT')
    this.#database.pragma('wal_checkpoint(TRUNCATE)')
    this.#insert = this.#database.prepare("INSERT INTO record VALUES (?, ?, 'd', ?)")
    this.#log = openSync(`${file}-wal`, 'r+')
    const piece = Buffer.alloc(4 * KIB)
    for (let at = 0; room && at < logKiB * KIB * 1.1; at += piece.length)
      writeSync(this.#log, piece, 0, piece.length, at)
    fsyncSync(this.#log)
  }

  begin(): void {
    this.#before = this.#disk.written
  }

  commit(): void {
    this.#database.exec('BEGIN IMMEDIATE')
    for (let i = 0; i < this.setting.perSecond; i += 1) {
      this.#records += 1
      this.#insert.run(this.#records, this.#records * 20, 'x'.repeat(PAYLOAD_BYTES))
    }
    this.#database.exec('COMMIT')
    if (this.setting.sync === 'fdatasync') fdatasyncSync(this.#log)
  }

  close(): void {
    if (!this.#database.open) return
    this.#database.close()
    closeSync(this.#log)
  }

  show(): void {
    const { perSecond, page, logKiB, sync, room } = this.setting
    const times = (this.#disk.written - this.#before) / (this.#records * PAYLOAD_BYTES)
    const words = `${perSecond}/s  pages of ${page}  log of ${logKiB} KiB  ${sync}${room ? '  room' : ''}`
    console.log(`${words.padEnd(60)} ${times.toFixed(2).padStart(6)} x payload`)
  }

  remove(): void {
    this.close()
    this.#disk.remove()
  }
}

async function write(writers: readonly Writer[]): Promise<void> {
  const began = performance.now()
  for (let second = 0; second < SECONDS; second += 1) {
    for (const [index, writer] of writers.entries()) {
      // Off the beat of the others.
      await delay(Math.max(0, began + second * 1_000 + (index * 900) / writers.length - performance.now()))
      writer.commit()
    }
  }
}

const obstacle = whyNoLoopDisk()
if (obstacle) console.log(`\nflash bytes by setting: not measured, ${obstacle}`)
else {
  console.log(`\nflash bytes of readings of ${PAYLOAD_BYTES} bytes, one commit a second, ${SECONDS} s`)
  const writers: Writer[] = []
  try {
    for (const setting of settings) writers.push(new Writer(setting))
    await settleDisks()
    for (const writer of writers) writer.begin()
    await write(writers)
    for (const writer of writers) writer.close()
    await settleDisks()
    for (const writer of writers) writer.show()
  } finally {
    for (const writer of writers) writer.remove()
  }
}

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import type { FileLoss } from '../../src/storage/protocol.ts'
import { temporaryFolder } from '../support/outbox-site.ts'
import { names, openThread, put, storedIds } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

const WATCH = { watchMs: 50 }
const WAIT = { what: 'the database to be written again', timeoutMs: 20_000 }

const losses: Readonly<Record<string, (file: string) => void>> = {
  'the database file is deleted': (file) => rmSync(file),
  'database and log are deleted': (file) => {
    rmSync(file)
    rmSync(`${file}-wal`)
  },
  'the database file is moved away': (file) => renameSync(file, `${file}.old`),
  'another database is put in its place': (file) => {
    rmSync(`${file}-wal`)
    const other = new Database(`${file}.other`)
    other.exec('CREATE TABLE other (x)')
    other.close()
    renameSync(`${file}.other`, file)
  },
  'something else is put in its place, beside our log': (file) => {
    // At once: with the file gone in between, it would be noticed as deleted now and then.
    writeFileSync(`${file}.other`, 'nonsense')
    renameSync(`${file}.other`, file)
  },
}

for (const [name, lose] of Object.entries(losses)) {
  test(`${name}: it is written again with everything, and told`, async (t) => {
    const file = join(temporaryFolder(t), 'tidegate.db')
    const told: FileLoss[] = []
    const storage = await openThread(t, file, { ...WATCH, onDatabaseLost: (loss) => told.push(loss) })
    const before = names('a', 3_000)
    await put(storage, before, { bytes: 1_000 })
    lose(file)
    const meanwhile = ['m0', 'm1', 'm2']
    for (const id of meanwhile) await put(storage, [id])
    const [loss] = await until(() => told.length > 0 && told, WAIT)
    const isReplaced = name.includes('in its place')
    assert.equal(loss?.what, isReplaced ? 'replaced' : 'deleted')
    assert.match(
      storage.status().recovered ?? '',
      isReplaced ? /was replaced while in use/ : /was deleted while in use/,
    )
    if (isReplaced) assert.ok(existsSync(loss?.aside ?? ''), 'the other file is kept')
    await put(storage, ['after'])
    const all = [...before, ...meanwhile, 'after']
    assert.deepEqual(await storedIds(storage), all)
    await storage.close()
    const next = await openThread(t, file)
    assert.deepEqual(await storedIds(next), all)
    assert.equal(told.length, 1)
  })
}

test('a deleted log is begun anew, and nothing is missing after an end without a close', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'tidegate.db')
  const storage = await openThread(t, file, WATCH)
  await put(storage, names('a', 100))
  rmSync(`${file}-wal`)
  await until(() => existsSync(`${file}-wal`), { what: 'a new log' })
  await put(storage, ['b'])
  assert.equal((await storedIds(storage)).length, 101)
  await storage.close()
  const next = await openThread(t, file, WATCH)
  assert.deepEqual(await storedIds(next), [...names('a', 100), 'b'])
  assert.equal(next.status().recovered, undefined)
  assert.deepEqual(
    readdirSync(folder).filter((name) => !/^tidegate\.(db|db-wal|ballast)$/.test(name)),
    [],
  )
})

test('where nothing can be written the loss is logged, and what is open is read on', async (t) => {
  const folder = join(temporaryFolder(t), 'state')
  mkdirSync(folder)
  const errors: string[] = []
  const log = { ...silentLogger, error: (message: string) => errors.push(message) }
  const file = join(folder, 'tidegate.db')
  const storage = await openThread(t, file, { ...WATCH, log })
  await put(storage, ['a'])
  rmSync(folder, { recursive: true })
  await until(() => errors.some((line) => /gone and cannot be written again/.test(line)), { what: 'the log line' })
  assert.deepEqual(await storedIds(storage), ['a'])
})

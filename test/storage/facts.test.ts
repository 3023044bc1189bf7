import assert from 'node:assert/strict'
import { statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import { PAGE_BYTES, walPages } from '../../src/storage/database.ts'
import { FactsMeter } from '../../src/storage/facts.ts'
import type { StateChange } from '../../src/storage/health.ts'
import { temporaryFolder } from '../support/outbox-site.ts'
import { smallDisk } from '../support/small-disk.ts'
import { names, openThread, put } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

test('a commit tells what the database takes, and what it leaves', async (t) => {
  const file = join(temporaryFolder(t), 'tidegate.db')
  const storage = await openThread(t, file)
  await put(storage, names('a', 2_000), { bytes: 1_000 })
  const { usedBytes, fileBytes, freeBytes, writtenBytes } = storage.facts
  assert.ok(usedBytes > 2 * MIB && usedBytes < 6 * MIB, `${usedBytes}`)
  assert.ok(fileBytes <= usedBytes)
  const { bavail, bsize } = statfsSync(dirname(file))
  assert.ok(Math.abs((freeBytes ?? 0) - bavail * bsize) < 1024 * MIB, `${freeBytes}`)
  assert.ok(writtenBytes === undefined || writtenBytes > 2 * MIB, `${writtenBytes}`)
  assert.equal(storage.status().fileBytes, fileBytes)
})

test('max_size: what is counted as used is never less than what lies on the disk between commits', async (t) => {
  const file = join(temporaryFolder(t), 'tidegate.db')
  const storage = await openThread(t, file, { maxSizeBytes: 4 * MIB })
  for (let round = 0; round < 30; round += 1) {
    await put(storage, names(`r${round}-`, 100), { bytes: 500 })
    const onDisk = statSync(file).size + statSync(`${file}-wal`).size
    assert.ok(storage.facts.usedBytes >= onDisk - 64 * 1024, `${storage.facts.usedBytes} of ${onDisk}`)
  }
})

test('max_size: a log that cannot be cut, while a backup is written, counts for no more than it is cut at', (t) => {
  const file = join(temporaryFolder(t), 'tidegate.db')
  const database = new Database(':memory:')
  t.after(() => database.close())
  const meter = new FactsMeter(file, { maxSizeBytes: 40 * MIB, ballast: { bytes: 0 } })
  const before = meter.of(database).usedBytes
  writeFileSync(`${file}-wal`, '')
  truncateSync(`${file}-wal`, 30 * MIB)
  const { usedBytes } = meter.of(database)
  const logBytes = walPages(40 * MIB) * PAGE_BYTES
  assert.equal(usedBytes - before, logBytes, 'else the limits would give up the backlog and only lengthen the log')
})

test('the log of a small database is small', () => {
  assert.ok(walPages(4 * MIB) * 4 <= walPages())
  assert.equal(walPages(64 * 1024 * MIB), walPages())
})

test('a fault of ours cannot fill the disk: far above max_size nothing is taken', async (t) => {
  const file = join(temporaryFolder(t), 'tidegate.db')
  const storage = await openThread(t, file, { maxSizeBytes: 4 * MIB })
  for (let round = 0; !storage.status().problem && round < 40; round += 1) {
    const stored = put(storage, names(`r${round}-`, 4_000), { bytes: 1_000 })
    await Promise.race([stored, until(() => storage.status().problem, { what: 'the guard', timeoutMs: 60_000 })])
    stored.catch(() => {})
  }
  assert.equal(storage.status().problem?.code, 'SQLITE_FULL')
  assert.ok(statSync(file).size < 80 * MIB)
})

test('trouble that lasts is told once, and its end', async (t) => {
  const small = smallDisk(t, { bytes: 8 * MIB })
  if (!small) return
  const told: StateChange[] = []
  const storage = await openThread(t, join(small.directory, 'tidegate.db'), { onState: (change) => told.push(change) })
  await put(storage, ['a'])
  small.fill()
  const stored = put(storage, names('b', 1_000), { bytes: 1_000 })
  await until(() => told.length > 0, { what: 'the trouble to be told', timeoutMs: 20_000 })
  small.free()
  await stored
  const [failing, ok] = told
  assert.ok(failing?.state === 'failing' && failing.problem.code === 'SQLITE_FULL' && failing.problem.sinceMs >= 2_900)
  assert.ok(ok?.state === 'ok' && ok.afterMs >= failing.problem.sinceMs)
  assert.equal(told.length, 2)
})

test('a job refused for a programming error is told to the one who can end the process', async (t) => {
  const bugs: Error[] = []
  const storage = await openThread(t, join(temporaryFolder(t), 'tidegate.db'), {
    log: silentLogger,
    onBug: (error) => bugs.push(error),
  })
  await assert.rejects(storage.transact([{ op: 'inbox.nonsense', args: {} }]), /inbox\.nonsense/)
  assert.match(bugs[0]?.message ?? '', /inbox\.nonsense/)
  await put(storage, ['a'])
  assert.equal(bugs.length, 1)
})

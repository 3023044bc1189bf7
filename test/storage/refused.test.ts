import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import type { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { Site, temporaryFolder } from '../support/outbox-site.ts'

const STORAGE = new URL('../../src/storage/storage.ts', import.meta.url).href

async function refusal(file: string): Promise<GatewayError> {
  try {
    const storage = await StorageThread.open(file, { clock: systemClock, log: silentLogger })
    await storage.close()
  } catch (error) {
    return error as GatewayError
  }
  throw new Error(`${file} was opened`)
}

/** A file made by `change`, its bytes, and what came of opening it. */
async function tryOn(t: TestContext, change: (file: string) => void) {
  const file = join(temporaryFolder(t), 'tidegate.db')
  change(file)
  const before = readFileSync(file)
  const error = await refusal(file)
  return { error, isUntouched: before.equals(readFileSync(file)) }
}

test('a second agent on the same state directory is refused, and the first goes on', async (t) => {
  const site = await Site.open(t)
  const script = `
    const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log }
    const clock = { mono: () => 0, wall: () => 0, wait: async () => {} }
    import(${JSON.stringify(STORAGE)})
      .then(({ StorageThread }) => StorageThread.open(${JSON.stringify(site.file)}, { clock, log }))
      .then(() => console.log('opened'), (error) => console.log(error.code, error.message, '|', error.hint))`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script])
  assert.match(stdout, /^state_locked cannot open .*tidegate\.db: another agent is running on it \| .*--state-dir/)
  await site.durable(1)
})

test('the lock is free as soon as the first agent has stopped', async (t) => {
  const site = await Site.open(t)
  await site.close()
  await Site.open(t, { folder: dirname(site.file) })
})

test('a database of a newer program is refused and not touched', async (t) => {
  const { error, isUntouched } = await tryOn(t, (file) => {
    const database = new Database(file)
    database.pragma('journal_mode = DELETE')
    database.exec('CREATE TABLE something (x)')
    database.pragma(`application_id = ${0x54476174}`)
    database.pragma('user_version = 99')
    database.close()
  })
  assert.equal(error.code, 'state_unusable')
  assert.match(error.message, /version 99/)
  assert.match(error.hint ?? '', /newer program/)
  assert.equal(isUntouched, true)
})

for (const version of [0, 1, 7]) {
  test(`a database of another program (its version ${version}) is refused and not touched`, async (t) => {
    const { error, isUntouched } = await tryOn(t, (file) => {
      const database = new Database(file)
      database.exec('CREATE TABLE someones (x); INSERT INTO someones VALUES (1)')
      database.pragma(`user_version = ${version}`)
      database.close()
    })
    assert.equal(error.code, 'state_unusable')
    assert.match(error.message, /another program/)
    assert.match(error.hint ?? '', /--state-dir/)
    assert.equal(isUntouched, true)
  })
}

test('a state directory that is not there is named', async () => {
  const error = await refusal('/nowhere/at/all/tidegate.db')
  assert.equal(error.code, 'state_unusable')
  assert.match(error.message, /\/nowhere\/at\/all\/tidegate\.db/)
})

test('a directory in the place of the file is refused', async (t) => {
  const file = join(temporaryFolder(t), 'tidegate.db')
  mkdirSync(file)
  assert.equal((await refusal(file)).code, 'state_unusable')
})

test('the file is of the shape that was asked for', async (t) => {
  const site = await Site.open(t)
  await site.durable(1)
  assert.throws(() => readFileSync(`${site.file}-shm`), /ENOENT/, 'exclusive locking keeps no shared memory')
  await site.close()
  const header = readFileSync(site.file).subarray(0, 100)
  assert.equal(header.readUInt16BE(16), 1024, 'page size')
  assert.deepEqual([header[18], header[19]], [2, 2], 'write-ahead log')
  assert.equal(header.readUInt32BE(68), 0x54476174, 'application id')
})

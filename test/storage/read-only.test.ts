import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { GatewayError } from '../../src/errors.ts'
import { temporaryFolder } from '../support/outbox-site.ts'
import { type SmallDisk, smallDisk } from '../support/small-disk.ts'
import { names, openThread, put, storedIds } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

/** Copies of a database as a power cut leaves it: rows in the file and in the log. The agent that made it goes on. */
async function cutOff(t: TestContext, target: string): Promise<void> {
  const file = join(temporaryFolder(t), 'tidegate.db')
  const storage = await openThread(t, file)
  await put(storage, names('file', 20))
  await storage.close()
  const again = await openThread(t, file)
  await put(again, names('log', 20))
  copyFileSync(file, target)
  copyFileSync(`${file}-wal`, `${target}-wal`)
  await again.close()
}

const both = [...names('file', 20), ...names('log', 20)]

function disk(t: TestContext): SmallDisk | undefined {
  return smallDisk(t, { bytes: 16 * 1024 * 1024 })
}

/** Names and hashes of everything in a folder. */
function contents(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  )
}

describe('a read-only file system at the start', () => {
  for (const log of ['with', 'without']) {
    test(`${log} a log: what is there is read, and written again as soon as that is possible`, async (t) => {
      const small = disk(t)
      if (!small) return
      const file = join(small.directory, 'tidegate.db')
      await cutOff(t, file)
      if (log === 'without') await (await openThread(t, file)).close()
      await small.makeReadOnly()
      const storage = await openThread(t, file)
      assert.equal(storage.opened.problem?.code, 'EROFS')
      assert.equal(storage.opened.logMissing, log === 'without')
      const { state, problem } = storage.status()
      assert.equal(state, 'failing')
      assert.match(problem?.hint ?? '', /read-only/)
      assert.deepEqual(await storedIds(storage), both)
      let isStored = false
      const stored = put(storage, ['later']).then(() => {
        isStored = true
      })
      assert.deepEqual(await storedIds(storage), both)
      assert.equal(isStored, false)
      small.makeWritable()
      await stored
      assert.equal(storage.status().state, 'ok')
      assert.deepEqual(await storedIds(storage), [...both, 'later'])
      await storage.close()
      assert.deepEqual(readdirSync(small.directory).sort(), ['lost+found', 'tidegate.db'])
    })
  }

  test('without a database it is refused, with the reason', async (t) => {
    const small = disk(t)
    if (!small) return
    await small.makeReadOnly()
    await assert.rejects(openThread(t, join(small.directory, 'tidegate.db')), (error: GatewayError) => {
      assert.equal(error.code, 'state_unusable')
      return true
    })
  })

  test('nobody has to write for the end of the trouble to be noticed', async (t) => {
    const small = disk(t)
    if (!small) return
    const file = join(small.directory, 'tidegate.db')
    await cutOff(t, file)
    await small.makeReadOnly()
    const storage = await openThread(t, file)
    small.makeWritable()
    await until(() => storage.status().state === 'ok', { what: 'storage to write', timeoutMs: 30_000 })
  })
})

describe('a full disk at the start', () => {
  test('an existing database is read, with its log; nothing is written until there is room', async (t) => {
    const small = disk(t)
    if (!small) return
    const file = join(small.directory, 'tidegate.db')
    await cutOff(t, file)
    small.fill()
    const storage = await openThread(t, file)
    assert.deepEqual(await storedIds(storage), both)
    let isStored = false
    const stored = put(storage, names('later', 2_000), { bytes: 1_000 }).then(() => {
      isStored = true
    })
    await until(() => storage.status().problem, { what: 'the disk to be full' })
    assert.equal(isStored, false)
    assert.deepEqual(await storedIds(storage), both)
    small.free()
    await stored
    assert.equal((await storedIds(storage)).length, 2_040)
  })

  test('a new database is begun when there is room; until then every question finds nothing', async (t) => {
    const small = disk(t)
    if (!small) return
    const file = join(small.directory, 'tidegate.db')
    small.fill()
    const storage = await openThread(t, file)
    assert.equal(storage.opened.problem?.code, 'SQLITE_FULL')
    assert.deepEqual(await storedIds(storage), [])
    const stored = put(storage, ['first'])
    small.free()
    await stored
    await storage.close()
    assert.deepEqual(await storedIds(await openThread(t, file)), ['first'])
  })
})

describe('looking at a database whose agent does not run', () => {
  for (const log of ['with', 'without']) {
    test(`${log} a log: everything is seen and not a byte changes`, async (t) => {
      const folder = join(temporaryFolder(t), 'state')
      mkdirSync(folder)
      const file = join(folder, 'tidegate.db')
      await cutOff(t, file)
      if (log === 'without') await (await openThread(t, file)).close()
      const before = contents(folder)
      const storage = await openThread(t, file, { readOnly: true })
      assert.deepEqual(await storedIds(storage), both)
      await assert.rejects(storage.transact([]), /reading only/)
      assert.deepEqual(contents(folder), before)
      await storage.close()
      assert.deepEqual(contents(folder), before)
    })
  }

  test('an agent that starts meanwhile is noticed, and not hindered', async (t) => {
    const file = join(temporaryFolder(t), 'tidegate.db')
    await cutOff(t, file)
    const looking = await openThread(t, file, { readOnly: true })
    const agent = await openThread(t, file)
    await put(agent, ['later'])
    await assert.rejects(storedIds(looking), /an agent was started meanwhile/)
    assert.deepEqual(await storedIds(agent), [...both, 'later'])
  })

  test('while an agent runs it is refused', async (t) => {
    const file = join(temporaryFolder(t), 'tidegate.db')
    const agent = await openThread(t, file)
    await put(agent, ['a'])
    await assert.rejects(openThread(t, file, { readOnly: true }), (error: GatewayError) => {
      assert.equal(error.code, 'state_locked')
      return true
    })
    await put(agent, ['b'])
    assert.deepEqual(await storedIds(agent), ['a', 'b'])
  })
})

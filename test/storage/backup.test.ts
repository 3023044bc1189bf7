import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import Database from 'better-sqlite3'
import type { GatewayError } from '../../src/errors.ts'
import type { BackupProgress } from '../../src/storage/protocol.ts'
import { temporaryFolder } from '../support/outbox-site.ts'
import { smallDisk } from '../support/small-disk.ts'
import { names, openThread, put, storedIds } from '../support/storage-thread.ts'

test('a backup is one whole file, and commits go on while it is written', async (t) => {
  const folder = temporaryFolder(t)
  const storage = await openThread(t, join(folder, 'tidegate.db'))
  const before = names('before', 5_000)
  await put(storage, before, { bytes: 1_000 })
  const target = join(folder, 'copy.db')
  const steps: BackupProgress[] = []
  let during = 0
  const isDone = storage.backup(target, (progress) => {
    steps.push(progress)
    // One after another, so that each is committed before the copy has gone on.
    void put(storage, [`during${steps.length}`]).then(() => {
      during += 1
    })
  })
  await isDone
  assert.ok(steps.length > 3, `${steps.length} steps`)
  assert.ok(during > 0, 'nothing was committed meanwhile')
  const last = steps.at(-1)
  assert.equal(last?.doneBytes, last?.totalBytes)
  const copy = new Database(target, { readonly: true })
  assert.equal(copy.pragma('integrity_check', { simple: true }), 'ok')
  assert.deepEqual(copy.prepare('SELECT id FROM command ORDER BY arrival').pluck().all(), before)
  copy.close()
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('copy')),
    ['copy.db'],
  )
  assert.equal((await storedIds(storage)).length, before.length + steps.length)
})

test('a backup can be opened by an agent and read where nothing can be written', async (t) => {
  const folder = temporaryFolder(t)
  const storage = await openThread(t, join(folder, 'tidegate.db'))
  await put(storage, ['a', 'b'])
  const target = join(folder, 'copy.db')
  await storage.backup(target)
  const looking = await openThread(t, target, { readOnly: true })
  assert.deepEqual(await storedIds(looking), ['a', 'b'])
  await looking.close()
  const restored = await openThread(t, target)
  await put(restored, ['c'])
  assert.deepEqual(await storedIds(restored), ['a', 'b', 'c'])
})

test('a database that is only read can be backed up too, with its log', async (t) => {
  const small = smallDisk(t, { bytes: 16 * 1024 * 1024 })
  if (!small) return
  const file = join(small.directory, 'tidegate.db')
  const storage = await openThread(t, file)
  await put(storage, ['a', 'b'])
  small.meetError()
  const stuck = put(storage, ['never'])
  stuck.catch(() => {})
  const target = join(temporaryFolder(t), 'copy.db')
  await storage.backup(target)
  const copy = await openThread(t, target, { readOnly: true })
  assert.deepEqual(await storedIds(copy), ['a', 'b'])
})

for (const readOnly of [false, true]) {
  const what = readOnly ? 'a database that is only read' : 'an open database'

  test(`a backup of ${what} is readable for its owner only, from the first byte`, async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'tidegate.db')
    const writing = await openThread(t, file)
    await put(writing, names('a', 1_000), { bytes: 1_000 })
    if (readOnly) await writing.close()
    const storage = readOnly ? await openThread(t, file, { readOnly }) : writing
    const target = join(folder, 'copy.db')
    const modes = new Set<number | undefined>()
    await storage.backup(target, () => {
      modes.add((statSync(`${target}.partial`, { throwIfNoEntry: false }) ?? statSync(target)).mode & 0o777)
    })
    modes.add(statSync(target).mode & 0o777)
    assert.deepEqual([...modes], [0o600])
  })

  test(`a backup of ${what} is not written through a link, nor over another file`, async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'tidegate.db')
    const writing = await openThread(t, file)
    await put(writing, ['a'])
    if (readOnly) await writing.close()
    const storage = readOnly ? await openThread(t, file, { readOnly }) : writing
    const other = join(folder, 'other')
    writeFileSync(other, 'not ours')
    symlinkSync(other, join(folder, 'one.db.partial'))
    symlinkSync(join(folder, 'nowhere'), join(folder, 'two.db.partial'))
    writeFileSync(join(folder, 'three.db.partial'), 'not ours')
    for (const name of ['one.db', 'two.db', 'three.db']) {
      await assert.rejects(storage.backup(join(folder, name)), { message: /\.partial is there already$/ }, name)
    }
    assert.equal(readFileSync(other, 'utf8'), 'not ours')
    assert.equal(readFileSync(join(folder, 'three.db.partial'), 'utf8'), 'not ours')
    assert.equal(readdirSync(folder).includes('nowhere'), false)
  })
}

test('after a backup the log has its room again', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'tidegate.db')
  const storage = await openThread(t, file)
  await put(storage, ['a'])
  const room = statSync(`${file}-wal`).size
  assert.ok(room >= 1024 * 1024, `${room} bytes`)
  await storage.backup(join(folder, 'copy.db'))
  assert.equal(statSync(`${file}-wal`).size, room)
})

test('refused with the reason, and nothing is left behind', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'tidegate.db')
  const storage = await openThread(t, file)
  await put(storage, names('a', 3_000), { bytes: 1_000 })
  mkdirSync(join(folder, 'a-folder'))
  const small = smallDisk(t, { bytes: 4 * 1024 * 1024 })
  if (!small) return
  small.fill({ leave: 1024 * 1024 })
  const cases: [string, RegExp][] = [
    [join(folder, 'nowhere', 'copy.db'), /there is no directory/],
    [join(folder, 'a-folder'), /is no file/],
    [file, /is the database itself/],
    [join(small.directory, 'copy.db'), /ENOSPC|full/],
  ]
  for (const [target, reason] of cases) {
    await assert.rejects(storage.backup(target), (error: GatewayError) => {
      assert.equal(error.code, 'runtime')
      assert.match(error.message, reason)
      return true
    })
    if (target.endsWith('copy.db') && !target.includes('nowhere')) {
      assert.deepEqual(
        readdirSync(dirname(target)).filter((name) => name.startsWith(basename(target))),
        [],
      )
    }
  }
  await put(storage, ['after'])
})

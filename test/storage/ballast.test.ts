import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../support/outbox-site.ts'
import { smallDisk } from '../support/small-disk.ts'
import { names, openThread, put, storedIds } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
const WATCH = { watchMs: 50 }

test('with room enough a ballast is made, once', async (t) => {
  const folder = temporaryFolder(t)
  const storage = await openThread(t, join(folder, 'tidegate.db'), WATCH)
  const ballast = join(folder, 'tidegate.ballast')
  await until(() => existsSync(ballast), { what: 'the ballast' })
  assert.equal(statSync(ballast).size, 4 * MIB)
  const { ino } = statSync(ballast)
  await storage.close()
  const next = await openThread(t, join(folder, 'tidegate.db'), WATCH)
  await put(next, ['a'])
  assert.equal(next.status().ballastBytes, 4 * MIB)
  assert.equal(statSync(ballast).ino, ino)
})

test('on a full disk the ballast goes and the commit gets through; with room again it comes back', async (t) => {
  const small = smallDisk(t, { bytes: 24 * MIB })
  if (!small) return
  const storage = await openThread(t, join(small.directory, 'tidegate.db'), WATCH)
  const ballast = join(small.directory, 'tidegate.ballast')
  await until(() => existsSync(ballast), { what: 'the ballast' })
  small.fill()
  await put(storage, names('a', 1_000), { bytes: 1_000 })
  assert.equal(storage.status().state, 'ok')
  assert.equal(existsSync(ballast), false)
  assert.equal((await storedIds(storage)).length, 1_000)
  small.free()
  await until(() => existsSync(ballast), { what: 'the ballast to come back' })
})

test('where room is short, or wanted for others, no ballast is made', async (t) => {
  const small = smallDisk(t, { bytes: 24 * MIB })
  if (!small) return
  const file = join(small.directory, 'tidegate.db')
  let looks = 0
  const storage = await openThread(t, file, { ...WATCH, minFreeBytes: 20 * MIB })
  const look = async () => {
    looks += 1
    await put(storage, [`a${looks}`])
    return looks > 20
  }
  await until(look, { what: 'some looks' })
  await storage.close()
  assert.equal(existsSync(join(small.directory, 'tidegate.ballast')), false)
  const next = await openThread(t, file, WATCH)
  await until(() => existsSync(join(small.directory, 'tidegate.ballast')), { what: 'the ballast' })
  await next.close()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskRoom } from '../../src/outbox/disk-room.ts'

const MIB = 1024 * 1024
const use = (usedMib: number, fileMib: number, freeMib?: number) => ({
  usedBytes: usedMib * MIB,
  fileBytes: fileMib * MIB,
  ...(freeMib === undefined ? {} : { freeBytes: freeMib * MIB }),
})
const room = (minFreeMib = 100) => new DiskRoom({ maxSizeBytes: 1000 * MIB, minFreeDiskBytes: minFreeMib * MIB })
const mib = (limit: { readonly bytes: number; readonly reason: string }) => [limit.bytes / MIB, limit.reason]

test('max_size counts while the disk has room, or nothing is known of it', () => {
  assert.deepEqual(mib(room().limit(use(50, 60, 5_000))), [1000, 'max_size'])
  assert.deepEqual(mib(room().limit(use(50, 60))), [1000, 'max_size'])
})

test('min_free_disk leaves what the file has and what is free beyond it', () => {
  assert.deepEqual(mib(room().limit(use(50, 60, 300))), [260, 'min_free_disk'])
})

test('its own growth does not change the limit', () => {
  const one = room()
  for (let grown = 0; grown <= 200; grown += 20) {
    assert.deepEqual(mib(one.limit(use(60 + grown, 60 + grown, 300 - grown))), [260, 'min_free_disk'])
  }
})

test('below min_free_disk it is what the file had then, however full somebody else makes the disk', () => {
  const one = room()
  one.limit(use(200, 210, 150))
  assert.equal(one.isShort, false)
  for (const free of [99, 20, 0]) assert.deepEqual(mib(one.limit(use(200, 210, free))), [210, 'min_free_disk'])
  assert.equal(one.isShort, true)
  // One commit went beyond it before it was noticed: the limit stays.
  assert.deepEqual(mib(one.limit(use(215, 215, 0))), [210, 'min_free_disk'])
  // The file was made smaller meanwhile: it may fill again what it had.
  assert.deepEqual(mib(one.limit(use(100, 110, 0))), [210, 'min_free_disk'])
  assert.deepEqual(mib(one.limit(use(100, 110, 120))), [130, 'min_free_disk'])
  assert.equal(one.isShort, false)
})

test('what is in use counts where the log makes it more than the file', () => {
  assert.deepEqual(mib(room().limit(use(204, 200, 50))), [204, 'min_free_disk'])
})

test('on a disk that is full from the start there is room for something nevertheless', () => {
  assert.deepEqual(mib(room().limit(use(4, 0.1, 10))), [16, 'min_free_disk'])
})

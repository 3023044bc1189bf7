/** What `tidegate check` says of flash, against what was measured at the block device (test/bench/flash.ts). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flashBytesPerSecond, pageBytes } from '../../src/cli/check/forecast.ts'
import { PAGE_BYTES } from '../../src/storage/database.ts'

/** Readings of 200 bytes, and 30 of a row around them. */
const stored = 230

/** Readings a second, commit interval in ms, bytes a reading at the device. */
const measured = [
  [1, 1_000, 6_485.3],
  [2, 1_000, 4_480.0],
  [10, 1_000, 1_626.5],
  [50, 1_000, 801.8],
  [200, 1_000, 619.8],
  [2, 0, 7_628.8],
  [50, 0, 6_388.7],
  [2, 10_000, 1_792.0],
  [50, 10_000, 597.3],
] as const

for (const [recordsPerSecond, commitIntervalMs, bytes] of measured) {
  test(`${recordsPerSecond} readings a second, a commit every ${commitIntervalMs} ms: within 1.5 of what was measured`, () => {
    const estimate = flashBytesPerSecond(commitIntervalMs, { recordsPerSecond, stored }) / recordsPerSecond
    const factor = estimate / bytes
    assert.ok(factor < 1.5 && factor > 1 / 1.5, `${estimate.toFixed(0)} bytes a reading, measured ${bytes}`)
  })
}

test('the estimate knows the page size of the database', () => {
  assert.equal(pageBytes, PAGE_BYTES)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAge,
  formatByteRate,
  formatCount,
  formatDuration,
  formatMessageRate,
  formatNumberOf,
  formatRate,
  formatSize,
  formatTime,
} from '../../src/cli/format.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test('a duration has the unit that a person would choose', () => {
  const cases: readonly [number, string][] = [
    [-5, '0.0 s'],
    [360, '0.4 s'],
    [9_949, '9.9 s'],
    [9_950, '10 s'],
    [119_499, '119 s'],
    [119_500, '1 min'],
    [120_000, '2 min'],
    [41 * MINUTE, '41 min'],
    [2 * HOUR + 14 * MINUTE, '2h 14m'],
    [47 * HOUR + 59 * MINUTE, '47h 59m'],
    [2 * DAY, '2d 00h'],
    [12 * DAY + 4 * HOUR, '12d 04h'],
  ]
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text, `${ms} ms`)
})

test('an age that never began is a dash, not a number', () => {
  assert.equal(formatAge(undefined), '-')
  assert.equal(formatAge(400), '0.4 s ago')
})

test('a size has at most three digits before its unit', () => {
  const cases: readonly [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1023, '1 KiB'],
    [1536, '1.5 KiB'],
    [212 * 1024 ** 2, '212 MiB'],
    [4 * 1024 ** 3, '4 GiB'],
    [1023 * 1024 ** 2, '1 GiB'],
    [5000 * 1024 ** 4, '5000 TiB'],
  ]
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text, `${bytes} bytes`)
})

test('large counts are grouped, and one thing is not one things', () => {
  assert.equal(formatCount(999), '999')
  assert.equal(formatCount(1_234_567), '1 234 567')
  assert.equal(formatNumberOf(1, 'record'), '1 record')
  assert.equal(formatNumberOf(2000, 'record'), '2 000 records')
})

test('a rate has two digits that count', () => {
  const cases: readonly [number | undefined, string][] = [
    [undefined, '-'],
    [0, '0.0'],
    [0.04, '0.04'],
    [2.04, '2.0'],
    [12.3, '12'],
    [45_123.4, '45 123'],
  ]
  for (const [rate, text] of cases) assert.equal(formatRate(rate), text)
})

test('a rate that somebody wrote is shown as it may have been written', () => {
  const messages: readonly [number, string][] = [
    [20, '20/s'],
    [1 / 60, '1/min'],
    [100 / 60, '100/min'],
    [7 / 3600, '7/h'],
    [12.34567, '12.3/s'],
    [0.0123456, '44.4/h'],
    [0.00001, '0.0/h'],
    [1_000_000, '1 000 000/s'],
  ]
  for (const [rate, text] of messages) assert.equal(formatMessageRate(rate), text)
  const bytes: readonly [number, string][] = [
    [65_536, '64KiB/s'],
    [10e6 / 60, '10MB/min'],
    [500, '500B/s'],
    [1_000_000, '1MB/s'],
    [(3 * 1024 ** 3) / 3600, '3GiB/h'],
    [12_345.678, '12 KiB/s'],
  ]
  for (const [rate, text] of bytes) assert.equal(formatByteRate(rate), text)
})

test('a time is that of the clock on the wall', () => {
  assert.equal(formatTime(new Date(2026, 0, 2, 3, 4, 5).getTime()), '2026-01-02 03:04:05')
})

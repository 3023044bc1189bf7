import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts'

function value(read: ReturnType<typeof parseDuration>): number | string {
  return 'value' in read ? read.value : `${read.problem} / ${read.hint}`
}

describe('durations', () => {
  test('every unit is read as milliseconds', () => {
    const read = ['500ms', '10s', '1m', '2h', '30d', '0s', '1.5h', '0.1s'].map((text) => value(parseDuration(text)))
    assert.deepEqual(read, [500, 10_000, 60_000, 7_200_000, 2_592_000_000, 0, 5_400_000, 100])
  })

  test('a bare number is refused with the text to write', () => {
    assert.equal(
      value(parseDuration('10')),
      '10 is a duration without a unit / write 10s for seconds or 10ms for milliseconds',
    )
    assert.equal(value(parseDuration('0')), '0 is a duration without a unit / write 0s')
  })

  test('another spelling is refused with ours', () => {
    for (const [text, ours] of [
      ['5min', '5m'],
      ['5 s', '5s'],
      ['3 Hours', '3h'],
      ['1_000ms', '1000ms'],
      ['10S', '10s'],
    ]) {
      assert.match(String(value(parseDuration(text ?? ''))), new RegExp(`write ${ours}$`), text)
    }
  })

  test('what is no duration is refused', () => {
    for (const text of ['', 's', '-5s', '5x', '1h30m', '1.5ms', '..5s', 'NaN', '1e3s']) {
      assert.ok('problem' in parseDuration(text), text)
    }
  })

  test('what is formatted is read back', () => {
    fc.assert(
      fc.property(fc.nat(3_000_000_000), (ms) => {
        assert.deepEqual(parseDuration(formatDuration(ms)), { value: ms })
      }),
    )
  })
})

describe('sizes', () => {
  test('powers of 1024 and of 1000 are told apart', () => {
    const read = ['4GiB', '100MB', '16KiB', '1B', '1.5MiB'].map((text) => value(parseSize(text)))
    assert.deepEqual(read, [4 * 1024 ** 3, 100e6, 16_384, 1, 1.5 * 1024 ** 2])
  })

  test('another spelling is refused with ours', () => {
    assert.match(String(value(parseSize('4G'))), /write 4GiB$/)
    assert.match(String(value(parseSize('100mb'))), /write 100MB$/)
  })

  test('a bare number is refused with the text to write', () => {
    assert.match(String(value(parseSize('4'))), /write 4B for bytes, 4MiB or 4GiB$/)
  })

  test('what is formatted is read back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        assert.deepEqual(parseSize(formatSize(bytes)), { value: bytes })
      }),
    )
  })
})

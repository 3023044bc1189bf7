/** What the types hold: the one table that configuration, codecs, commands and the simulator share. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bitsOf, floatRangeOf, integerRangeOf, widthOf } from '../src/point-types.ts'
import type { PointType } from '../src/settings.ts'

const integers: readonly (readonly [PointType, bits: number, registers: number, least: bigint, most: bigint])[] = [
  ['int8', 8, 1, -128n, 127n],
  ['uint8', 8, 1, 0n, 255n],
  ['int16', 16, 1, -32_768n, 32_767n],
  ['uint16', 16, 1, 0n, 65_535n],
  ['int32', 32, 2, -2_147_483_648n, 2_147_483_647n],
  ['uint32', 32, 2, 0n, 4_294_967_295n],
  ['int64', 64, 4, -9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
  ['uint64', 64, 4, 0n, 18_446_744_073_709_551_615n],
  ['bcd16', 16, 1, 0n, 9_999n],
  ['bcd32', 32, 2, 0n, 99_999_999n],
]

describe('the types of points', () => {
  for (const [type, bits, registers, least, most] of integers) {
    it(`${type}: ${bits} bits, ${registers} registers, ${least} to ${most}`, () => {
      assert.equal(bitsOf(type), bits)
      assert.equal(widthOf({ type, register: 'holding', length: 9 }), registers)
      assert.deepEqual(integerRangeOf({ type }), { least, most })
      assert.equal(floatRangeOf(type), undefined)
    })
  }

  it('bits hold as many as they have, one when nothing is said', () => {
    assert.deepEqual(integerRangeOf({ type: 'bits', width: 3 }), { least: 0n, most: 7n })
    assert.deepEqual(integerRangeOf({ type: 'bits', width: 16 }), { least: 0n, most: 65_535n })
    assert.deepEqual(integerRangeOf({ type: 'bits' }), { least: 0n, most: 1n })
  })

  it('floats hold up to their largest finite value', () => {
    const types: readonly PointType[] = ['float16', 'float32', 'float64']
    assert.deepEqual(
      types.map((type) => floatRangeOf(type)?.most),
      [65_504, 3.4028234663852886e38, 1.7976931348623157e308],
    )
    for (const type of types) assert.equal(integerRangeOf({ type }), undefined)
  })

  it('texts take what they say, and a bit table holds single bits', () => {
    assert.equal(widthOf({ type: 'string', register: 'input', length: 9 }), 9)
    assert.equal(widthOf({ type: 'float64', register: 'input', length: 1 }), 4)
    assert.equal(widthOf({ type: 'bool', register: 'coil', length: 9 }), 1)
    assert.equal(widthOf({ type: 'bits', register: 'holding', length: 9 }), 1)
  })
})

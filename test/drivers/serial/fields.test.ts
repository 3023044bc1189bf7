import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { binaryFormat } from '../../../src/drivers/serial/binary.ts'
import { decodeField } from '../../../src/drivers/serial/fields.ts'
import type { Value } from '../../../src/model.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { bytesOf } from '../../support/bus.ts'
import { deviceWith, pointWith } from '../../support/bus-settings.ts'

describe('a point of a binary frame', () => {
  //                 0  1  2  3  4  5  6  7  8  9  10
  const frame = bytesOf('AA FE 01 F4 41 BD 70 A4 00 80 41 42 20')
  const rows: readonly (readonly [string, Partial<PointSettings>, Value | undefined])[] = [
    ['uint8', { type: 'uint8', address: 1 }, 254],
    ['int8', { type: 'int8', address: 1 }, -2],
    ['int8, scaled', { type: 'int8', address: 1, scale: 0.5, offset: 10 }, 9],
    ['int8, its marker written signed', { type: 'int8', address: 1, invalid: [-2n] }, undefined],
    ['int8, its marker written as bits', { type: 'int8', address: 1, invalid: [0xfen] }, undefined],
    ['int8, another marker', { type: 'int8', address: 1, invalid: [0x80n] }, -2],
    ['uint16, high byte first', { type: 'uint16', address: 2 }, 500],
    ['uint16, low byte first', { type: 'uint16', address: 2, byteOrder: 'BADC' }, 0xf401],
    ['uint16 at an odd position', { type: 'uint16', address: 1 }, 0xfe01],
    ['int16, low byte first, as DCBA', { type: 'int16', address: 8, byteOrder: 'DCBA' }, -32_768],
    ['uint16, its marker', { type: 'uint16', address: 2, invalid: [500n] }, undefined],
    ['float32', { type: 'float32', address: 4, precision: 2 }, 23.68],
    ['uint32, low byte first', { type: 'uint32', address: 2, byteOrder: 'DCBA' }, 0xbd41f401],
    ['bit 7 of a byte', { type: 'bit', address: 9, bit: 7 }, true],
    ['bit 0 of a byte', { type: 'bit', address: 9, bit: 0 }, false],
    ['bool', { type: 'bool', address: 8 }, false],
    ['string', { type: 'string', address: 10, length: 3 }, 'AB'],
    ['string up to a NUL', { type: 'string', address: 7, length: 3 }, '\u00a4'],
    ['a byte behind the end', { type: 'uint8', address: 13 }, undefined],
    ['a number across the end', { type: 'uint16', address: 12 }, undefined],
    ['a text across the end', { type: 'string', address: 12, length: 2 }, undefined],
  ]
  for (const [what, given, value] of rows) {
    it(`${what} is ${value === undefined ? 'invalid' : JSON.stringify(value)}`, () => {
      const decoded = decodeField(pointWith({ name: 'p', ...given }), frame)
      assert.deepEqual(decoded, value === undefined ? { error: 'invalid' } : { value })
    })
  }
})

describe('whose frame it is', () => {
  const format = binaryFormat({ frame: { startsWith: bytesOf('AA'), length: { fixed: 4 } } })
  const points = [pointWith({ name: 'v', type: 'uint8', address: 3 })]
  const one = deviceWith({ name: 'one', match: [{ at: 1, bytes: bytesOf('01 00') }], points })
  const two = deviceWith({ name: 'two', match: [{ at: 2, bytes: bytesOf('07') }], points })
  const any = deviceWith({ name: 'any', points })

  it('is told by the bytes that must match', () => {
    assert.deepEqual(format.read(one, bytesOf('AA 01 00 09')), [{ point: 'v', value: 9 }])
    assert.equal(format.read(one, bytesOf('AA 01 01 09')), undefined)
    assert.equal(format.read(one, bytesOf('AA 01')), undefined)
    assert.deepEqual(format.read(any, bytesOf('AA 01 01 09')), [{ point: 'v', value: 9 }])
  })

  it('two devices can be mistaken for each other unless they want different bytes at one position', () => {
    assert.equal(format.mistakable(one, two), false)
    assert.equal(format.mistakable(one, any), true)
    assert.equal(format.mistakable(two, deviceWith({ name: 'c', match: [{ at: 1, bytes: bytesOf('01') }] })), true)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { WriteError } from '../../../src/drivers/driver.ts'
import { decode, encode, withBit } from '../../../src/drivers/modbus/codec.ts'
import { widthOf } from '../../../src/drivers/modbus/registers.ts'
import type { Value } from '../../../src/model.ts'
import type { ByteOrder, PointSettings, PointType } from '../../../src/settings.ts'
import { bytesOf } from '../../support/bus.ts'
import { pointWith } from '../../support/bus-settings.ts'

const orders: readonly ByteOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA']

interface Row {
  readonly hex: string
  readonly given: Partial<PointSettings>
  readonly value?: Value
  readonly error?: string
}

const rows: readonly Row[] = [
  { hex: 'ff85', given: { type: 'int16' }, value: -123 },
  { hex: 'ff85', given: { type: 'uint16' }, value: 65_413 },
  { hex: '85ff', given: { type: 'int16', byteOrder: 'BADC' }, value: -123 },
  { hex: '85ff', given: { type: 'int16', byteOrder: 'DCBA' }, value: -123 },
  { hex: 'ff85', given: { type: 'int16', byteOrder: 'CDAB' }, value: -123 },
  { hex: '42f6e979', given: { type: 'float32' }, value: 123.456 },
  { hex: 'e97942f6', given: { type: 'float32', byteOrder: 'CDAB' }, value: 123.456 },
  { hex: 'f64279e9', given: { type: 'float32', byteOrder: 'BADC' }, value: 123.456 },
  { hex: '79e9f642', given: { type: 'float32', byteOrder: 'DCBA' }, value: 123.456 },
  { hex: 'fffffffe', given: { type: 'int32' }, value: -2 },
  { hex: '00010002', given: { type: 'uint32' }, value: 65_538 },
  { hex: '00020001', given: { type: 'uint32', byteOrder: 'CDAB' }, value: 65_538 },
  { hex: '405edd2f1a9fbe77', given: { type: 'float64' }, value: 123.456 },
  { hex: 'be771a9fdd2f405e', given: { type: 'float64', byteOrder: 'CDAB' }, value: 123.456 },
  { hex: '77be9f1a2fdd5e40', given: { type: 'float64', byteOrder: 'DCBA' }, value: 123.456 },
  { hex: '5e402fdd9f1a77be', given: { type: 'float64', byteOrder: 'BADC' }, value: 123.456 },
  { hex: '57b8', given: { type: 'float16' }, value: 123.5 },
  { hex: 'ffffffffffffffff', given: { type: 'uint64' }, value: 18_446_744_073_709_551_615n },
  { hex: '8000000000000001', given: { type: 'int64' }, value: -9_223_372_036_854_775_807n },
  { hex: '0020000000000001', given: { type: 'int64', offset: 2 }, value: 9_007_199_254_740_995n },
  { hex: '0020000000000001', given: { type: 'uint64', scale: 0.001 }, value: 9_007_199_254_740.992 },
  { hex: '0265', given: { type: 'int16', scale: 0.1 }, value: 61.3 },
  { hex: '0003', given: { type: 'int16', scale: 0.1 }, value: 0.3 },
  { hex: 'fe0b', given: { type: 'int16', scale: 0.1, offset: -20 }, value: -70.1 },
  { hex: '0000', given: { type: 'int16', scale: -1 }, value: 0 },
  { hex: '270f', given: { type: 'uint16', scale: 1e-7 }, value: 0.0009999 },
  { hex: '2710', given: { type: 'uint16', scale: 0.0001, precision: 2 }, value: 1 },
  { hex: '3039', given: { type: 'uint16', scale: 0.001, precision: 1 }, value: 12.3 },
  { hex: '42f6e979', given: { type: 'float32', precision: 1 }, value: 123.5 },
  { hex: '42f6e979', given: { type: 'float32', scale: 0.1 }, value: 12.3456 },
  { hex: '3dcccccd', given: { type: 'float32' }, value: 0.1 },
  { hex: '7fff', given: { type: 'int16', invalid: [0x7fffn] }, error: 'invalid' },
  { hex: '8000', given: { type: 'int16', scale: 0.1, invalid: [-32_768n] }, error: 'invalid' },
  { hex: '8000', given: { type: 'int16', scale: 0.1, invalid: [0x8000n] }, error: 'invalid' },
  { hex: 'ffff7fff', given: { type: 'uint32', byteOrder: 'CDAB', invalid: [0x7fffffffn] }, error: 'invalid' },
  { hex: '7fffffffffffffff', given: { type: 'int64', invalid: [0x7fffffffffffffffn] }, error: 'invalid' },
  { hex: '7fc00000', given: { type: 'float32' }, error: 'invalid' },
  { hex: 'ff800000', given: { type: 'float32' }, error: 'invalid' },
  { hex: '7e00', given: { type: 'float16' }, error: 'invalid' },
  { hex: '7ff0000000000000', given: { type: 'float64' }, error: 'invalid' },
  { hex: '0008', given: { type: 'bit', bit: 3 }, value: true },
  { hex: 'fff7', given: { type: 'bit', bit: 3 }, value: false },
  { hex: '8000', given: { type: 'bit', bit: 15 }, value: true },
  { hex: '0800', given: { type: 'bit', bit: 3, byteOrder: 'BADC' }, value: true },
  { hex: '0000', given: { type: 'bool' }, value: false },
  { hex: '0100', given: { type: 'bool' }, value: true },
  { hex: '5344 4d31 3230 0000', given: { type: 'string', length: 4 }, value: 'SDM120' },
  { hex: '4453 314d 3032 2020', given: { type: 'string', length: 4, byteOrder: 'BADC' }, value: 'SDM120' },
  { hex: 'b043', given: { type: 'string', length: 1 }, value: '°C' },
  { hex: '0000', given: { type: 'string', length: 1 }, value: '' },
]

describe('decoding registers', () => {
  for (const row of rows) {
    const name = `${row.hex} as ${JSON.stringify(row.given, plain)} is ${row.error ?? String(row.value)}`
    it(name, () => {
      const decoded = decode(pointWith({ name: 'p', ...row.given }), bytesOf(row.hex))
      assert.deepEqual(decoded, row.error === undefined ? { value: row.value } : { error: row.error })
    })
  }

  it('a reply of the wrong width is a programming error, not a value', () => {
    assert.throws(() => decode(pointWith({ name: 'p', type: 'float32' }), bytesOf('42f6')), RangeError)
  })

  it('no number of tenths, hundredths or thousandths has binary noise', () => {
    for (const scale of [0.1, 0.01, 0.001]) {
      const point = pointWith({ name: 'p', type: 'int16', scale })
      for (let raw = -3_000; raw <= 3_000; raw++) {
        const { value } = decode(point, Uint8Array.of((raw >> 8) & 0xff, raw & 0xff))
        assert.ok(String(value).length <= 6, `${raw} * ${scale} = ${value}`)
      }
    }
  })
})

describe('encoding values', () => {
  const refused: readonly { readonly value: Value; readonly given: Partial<PointSettings> }[] = [
    { value: 65_536, given: { type: 'uint16' } },
    { value: -1, given: { type: 'uint16' } },
    { value: 32_768, given: { type: 'int16' } },
    { value: 3_276.8, given: { type: 'int16', scale: 0.1 } },
    { value: 18_446_744_073_709_551_616n, given: { type: 'uint64' } },
    { value: 1e39, given: { type: 'float32' } },
    { value: 70_000, given: { type: 'float16' } },
    { value: Number.NaN, given: { type: 'float32' } },
    { value: Number.POSITIVE_INFINITY, given: { type: 'uint16' } },
    { value: '12', given: { type: 'uint16' } },
    { value: true, given: { type: 'uint16' } },
    { value: 2, given: { type: 'bool' } },
    { value: 'on', given: { type: 'bool' } },
    { value: 19.9, given: { type: 'int16', scale: 0.1, min: 20, max: 75 } },
    { value: 75.1, given: { type: 'int16', scale: 0.1, min: 20, max: 75 } },
    { value: 'too long', given: { type: 'string', length: 2 } },
    { value: '漢', given: { type: 'string', length: 2 } },
    { value: 5, given: { type: 'string', length: 2 } },
  ]
  for (const { value, given } of refused) {
    it(`${typeof value} ${String(value)} does not fit ${JSON.stringify(given, plain)}: nothing is written`, () => {
      assert.throws(
        () => encode(pointWith({ name: 'p', ...given }), value),
        (error) =>
          error instanceof WriteError && error.code === 'range' && error.happened === 'no' && error.retriable === false,
      )
    })
  }

  it('a value between two steps of the device goes to the nearest', () => {
    const point = pointWith({ name: 'p', type: 'int16', scale: 0.1 })
    assert.deepEqual(encode(point, 61.34), bytesOf('0265'))
    assert.deepEqual(encode(point, 61.35), bytesOf('0266'))
    assert.deepEqual(encode(point, -61.35), bytesOf('fd9a'))
    assert.deepEqual(decode(point, encode(point, 61.34)), { value: 61.3 })
  })

  it('setting one bit leaves the others of its register alone', () => {
    const point = pointWith({ name: 'p', type: 'bit', bit: 3 })
    assert.deepEqual(withBit(point, bytesOf('a501'), true), bytesOf('a509'))
    assert.deepEqual(withBit(point, bytesOf('a509'), false), bytesOf('a501'))
    assert.deepEqual(withBit({ ...point, byteOrder: 'BADC' }, bytesOf('01a5'), true), bytesOf('09a5'))
  })
})

describe('what is written reads back the same', () => {
  const integers: readonly (readonly [PointType, number, boolean])[] = [
    ['int16', 16, true],
    ['uint16', 16, false],
    ['int32', 32, true],
    ['uint32', 32, false],
    ['int64', 64, true],
    ['uint64', 64, false],
  ]
  for (const [type, bits, signed] of integers) {
    it(`${type}: every raw value survives decoding and encoding, in every order`, () => {
      const least = signed ? -(2n ** BigInt(bits - 1)) : 0n
      const most = 2n ** BigInt(signed ? bits - 1 : bits) - 1n
      fc.assert(
        fc.property(fc.bigInt(least, most), fc.constantFrom(...orders), (raw, byteOrder) => {
          const point = pointWith({ name: 'p', type, byteOrder })
          const value = bits === 64 ? raw : Number(raw)
          assert.equal(decode(point, encode(point, value)).value, value)
        }),
      )
    })
  }

  it('scaled integers: the register is the same after decoding and encoding', () => {
    const scales = fc.constantFrom(0.1, 0.01, 0.001, 0.5, 2, 10, -0.1, 1 / 8, 1.5e-3, 3)
    fc.assert(
      fc.property(
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        scales,
        fc.constantFrom(0, -40, 0.25, 273.15),
        (...given) => {
          const [raw, scale, offset] = given
          const point = pointWith({ name: 'p', type: 'int32', scale, offset })
          const bytes = encode({ ...point, scale: 1, offset: 0 }, raw)
          const { value } = decode(point, bytes)
          assert.ok(value !== undefined)
          assert.deepEqual(encode(point, value), bytes)
        },
      ),
    )
  })

  for (const type of ['float16', 'float32', 'float64'] as const) {
    it(`${type}: any register content that is a number survives`, () => {
      const width = widthOf(pointWith({ name: 'p', type })) * 2
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: width, maxLength: width }),
          fc.constantFrom(...orders),
          (bytes, byteOrder) => {
            const point = pointWith({ name: 'p', type, byteOrder })
            const decoded = decode(point, bytes)
            if (decoded.value === undefined || decoded.value === 0) return // -0 becomes 0
            assert.deepEqual(encode(point, decoded.value), bytes)
          },
        ),
        { numRuns: 2_000 },
      )
    })
  }

  it('text of Latin-1 characters survives', () => {
    const character = fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code))
    fc.assert(
      fc.property(fc.array(character, { maxLength: 16 }), fc.constantFrom(...orders), (characters, byteOrder) => {
        const point = pointWith({ name: 'p', type: 'string', length: 8, byteOrder })
        const text = characters.join('').trimEnd()
        assert.equal(decode(point, encode(point, text)).value, text)
      }),
    )
  })
})

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

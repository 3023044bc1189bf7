import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { WriteError } from '../../../src/drivers/driver.ts'
import { type CodecOptions, decode, decodePower } from '../../../src/drivers/modbus/codec.ts'
import { applyMasks, encode, encodeBoolean, encodeMasks } from '../../../src/drivers/modbus/encode.ts'
import type { Value } from '../../../src/model.ts'
import { widthOf } from '../../../src/point-types.ts'
import type { ByteOrder, PointSettings, PointType } from '../../../src/settings.ts'
import { bytesOf } from '../../support/bus.ts'
import { pointWith } from '../../support/bus-settings.ts'

const orders: readonly ByteOrder[] = ['ABCD', 'CDAB', 'BADC', 'DCBA']

interface Row {
  readonly hex: string
  readonly given: Partial<PointSettings>
  readonly value?: Value
  readonly error?: string
  /** The power of ten from the point that scale_from names. */
  readonly power?: number
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
  { hex: '1234', given: { type: 'bcd16' }, value: 1234 },
  { hex: '3412', given: { type: 'bcd16', byteOrder: 'BADC' }, value: 1234 },
  { hex: '9999', given: { type: 'bcd16', scale: 0.01 }, value: 99.99 },
  { hex: '0009', given: { type: 'bcd16' }, value: 9 },
  { hex: '123a', given: { type: 'bcd16' }, error: 'invalid' },
  { hex: 'f000', given: { type: 'bcd16' }, error: 'invalid' },
  { hex: '1e00', given: { type: 'bcd16' }, error: 'invalid' }, // no exponent
  { hex: '12345678', given: { type: 'bcd32' }, value: 12_345_678 },
  { hex: '56781234', given: { type: 'bcd32', byteOrder: 'CDAB' }, value: 12_345_678 },
  { hex: '34127856', given: { type: 'bcd32', byteOrder: 'BADC' }, value: 12_345_678 },
  { hex: '78563412', given: { type: 'bcd32', byteOrder: 'DCBA' }, value: 12_345_678 },
  { hex: '1234567b', given: { type: 'bcd32' }, error: 'invalid' },
  { hex: '00b0', given: { type: 'bits', bit: 4, width: 4 }, value: 11 },
  { hex: 'ffff', given: { type: 'bits', bit: 13, width: 3 }, value: 7 },
  { hex: 'ffff', given: { type: 'bits', bit: 0, width: 16 }, value: 65_535 },
  { hex: 'b000', given: { type: 'bits', bit: 4, width: 4, byteOrder: 'BADC' }, value: 11 },
  { hex: '0030', given: { type: 'bits', bit: 4, width: 2, scale: 0.5, offset: 1 }, value: 2.5 },
  { hex: '0008', given: { type: 'bit', bit: 3, invert: true }, value: false },
  { hex: '0000', given: { type: 'bit', bit: 3, invert: true }, value: true },
  { hex: '0001', given: { type: 'bool', invert: true }, value: false },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf' }, power: -1, value: 230.5 },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf' }, power: 0, value: 2305 },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf' }, power: 3, value: 2_305_000 },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf' }, power: -10, value: 2.305e-7 },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf', scale: -1, offset: 0.5 }, power: -1, value: -230 },
  { hex: '0901', given: { type: 'int16', scaleFrom: 'sf' }, error: 'invalid' },
  { hex: '8000', given: { type: 'int16', scaleFrom: 'sf', invalid: [0x8000n] }, power: -1, error: 'invalid' },
  {
    hex: '0020000000000001',
    given: { type: 'uint64', scaleFrom: 'sf' },
    power: 2,
    value: 900_719_925_474_099_300n,
  },
  { hex: '0020000000000001', given: { type: 'uint64', scale: 10 }, value: 90_071_992_547_409_930n },
  { hex: '03ed', given: { type: 'uint16', scale: 0.001, precision: 2 }, value: 1.01 }, // 1.005, which no double is
  { hex: 'fc13', given: { type: 'int16', scale: 0.001, precision: 2 }, value: -1.01 },
  { hex: 'ffff', given: { type: 'int16', scale: 0.001, precision: 1 }, value: 0 },
]

describe('decoding registers', () => {
  for (const row of rows) {
    const power = row.power === undefined ? '' : ` times ten to the power of ${row.power}`
    const name = `${row.hex} as ${JSON.stringify(row.given, plain)}${power} is ${row.error ?? String(row.value)}`
    it(name, () => {
      const decoded = decode(pointWith({ name: 'p', ...row.given }), bytesOf(row.hex), powerOption(row.power))
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

describe('the power of ten in a point that others take their scale from', () => {
  const rows: readonly (readonly [string, Partial<PointSettings>, number | undefined])[] = [
    ['ffff', { type: 'int16' }, -1],
    ['fff6', { type: 'int16' }, -10],
    ['000a', { type: 'int16' }, 10],
    ['fff5', { type: 'int16' }, undefined],
    ['000b', { type: 'int16' }, undefined],
    ['8000', { type: 'int16' }, undefined],
    ['feff', { type: 'int16', byteOrder: 'BADC' }, -2],
    ['0003', { type: 'uint16' }, 3],
    ['ffff', { type: 'uint16' }, undefined],
    ['fffffffe', { type: 'int32' }, -2],
    ['0002', { type: 'int16', invalid: [2n] }, undefined],
  ]
  for (const [hex, given, power] of rows) {
    it(`${hex} as ${JSON.stringify(given, plain)} is ${power ?? 'none'}`, () => {
      assert.equal(decodePower(pointWith({ name: 'sf', ...given }), bytesOf(hex)), power)
    })
  }
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
    { value: 10_000, given: { type: 'bcd16' } },
    { value: -1, given: { type: 'bcd16' } },
    { value: 100_000_000, given: { type: 'bcd32' } },
    { value: 1.2, given: { type: 'uint16', scale: 0.4, max: 1.1 } },
    { value: 1, given: { type: 'uint16', scale: 0.4, max: 1 } }, // the nearest step is 1.2
    { value: 2049, given: { type: 'float16', min: 2049 } }, // the nearest step is 2048
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

  it('what lies within the limits is refused when the device would hold something outside', () => {
    const point = pointWith({ name: 'p', type: 'uint16', scale: 0.4, max: 1 })
    assert.throws(() => encode(point, 1), /allowed is at most 1 \(the nearest the device can hold is 1\.2\)/)
    assert.deepEqual(encode(point, 0.9), bytesOf('0002'))
  })

  it('setting bits leaves the others of their register alone', () => {
    const point = pointWith({ name: 'p', type: 'bit', bit: 3 })
    const after = (hex: string, given: Partial<PointSettings>, value: Value) =>
      applyMasks(bytesOf(hex), encodeMasks({ ...point, ...given }, value))
    assert.deepEqual(after('a501', {}, true), bytesOf('a509'))
    assert.deepEqual(after('a509', {}, false), bytesOf('a501'))
    assert.deepEqual(after('a501', { invert: true }, false), bytesOf('a509'))
    assert.deepEqual(after('01a5', { byteOrder: 'BADC' }, true), bytesOf('09a5'))
    assert.deepEqual(after('ffff', { type: 'bits', bit: 4, width: 4 }, 5), bytesOf('ff5f'))
    assert.deepEqual(after('0000', { type: 'bits', bit: 4, width: 4, byteOrder: 'BADC' }, 5), bytesOf('5000'))
    assert.deepEqual(after('1234', { type: 'bits', bit: 0, width: 16 }, 0xabcd), bytesOf('abcd'))
  })

  it('a number that does not fit its bits is refused', () => {
    const point = pointWith({ name: 'p', type: 'bits', bit: 4, width: 3, max: 6 })
    for (const value of [8, -1, 7, 'x', true]) {
      assert.throws(
        () => encodeMasks(point, value),
        (error) => error instanceof WriteError && error.code === 'range',
      )
    }
  })

  it('an inverted coil is written the other way round', () => {
    const point = pointWith({ name: 'p', register: 'coil', type: 'bool', invert: true })
    assert.equal(encodeBoolean(point, true), false)
    assert.equal(encodeBoolean(point, 0), true)
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

  const scales = fc.constantFrom(0.1, 0.01, 0.001, 0.5, 2, 10, -0.1, 1 / 8, 1.5e-3, 3)
  const offsets = fc.constantFrom(0, -40, 0.25, 273.15)
  const scaled: readonly (readonly [PointType, number, number])[] = [
    ['int16', -(2 ** 15), 2 ** 15 - 1],
    ['uint16', 0, 2 ** 16 - 1],
    ['int32', -(2 ** 31), 2 ** 31 - 1],
    ['uint32', 0, 2 ** 32 - 1],
    // Scaled by a fraction a value is a double, and no double holds more digits than these.
    ['int64', -(10 ** 14), 10 ** 14],
    ['uint64', 0, 10 ** 14],
    ['bcd16', 0, 9_999],
    ['bcd32', 0, 99_999_999],
  ]
  for (const [type, min, max] of scaled) {
    it(`${type} with scale, offset and power of ten: the register is the same after decoding and encoding`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min, max }),
          scales,
          offsets,
          fc.constantFrom(...orders),
          fc.option(fc.integer({ min: -10, max: 10 }), { nil: undefined }),
          (raw, scale, offset, byteOrder, power) => {
            const plainPoint = pointWith({ name: 'p', type, byteOrder })
            const point = { ...plainPoint, scale, offset: power === undefined ? offset : 0 }
            const bytes = encode(plainPoint, raw)
            const { value } = decode(point, bytes, powerOption(power))
            assert.ok(value !== undefined)
            assert.deepEqual(encode(point, value, powerOption(power)), bytes)
          },
        ),
      )
    })
  }

  it('64 bits times a whole number: no digit is lost', () => {
    const raws = fc.bigInt(0n, 2n ** 64n - 1n)
    fc.assert(
      fc.property(raws, fc.constantFrom(1, 2, 10, 1000), fc.integer({ min: 0, max: 10 }), (raw, scale, power) => {
        const bytes = encode(pointWith({ name: 'p', type: 'uint64' }), raw)
        const point = pointWith({ name: 'p', type: 'uint64', scale, scaleFrom: 'sf' })
        const { value } = decode(point, bytes, { power })
        assert.equal(value, raw * BigInt(scale) * 10n ** BigInt(power))
        assert.deepEqual(encode(point, value ?? 0, { power }), bytes)
      }),
    )
  })

  it('bits: every number survives, whatever else its register holds', () => {
    const fields = fc
      .integer({ min: 0, max: 15 })
      .chain((bit) => fc.record({ bit: fc.constant(bit), width: fc.integer({ min: 1, max: 16 - bit }) }))
    fc.assert(
      fc.property(
        fields,
        fc.nat(0xffff),
        fc.uint8Array({ minLength: 2, maxLength: 2 }),
        fc.constantFrom(...orders),
        (field, any, before, byteOrder) => {
          const point = pointWith({ name: 'p', type: 'bits', ...field, byteOrder })
          const value = any & (2 ** field.width - 1)
          const after = applyMasks(before, encodeMasks(point, value))
          assert.equal(decode(point, after).value, value)
          const rest = { ...point, bit: 0, width: 16 }
          const others = 0xffff & ~((2 ** field.width - 1) << field.bit)
          assert.equal(Number(decode(rest, after).value) & others, Number(decode(rest, before).value) & others)
        },
      ),
    )
  })

  it('bool and bit: both values survive, inverted or not', () => {
    for (const byteOrder of orders) {
      for (const invert of [true, false]) {
        for (const value of [true, false]) {
          const bool = pointWith({ name: 'p', type: 'bool', byteOrder, invert })
          assert.equal(decode(bool, encode(bool, value)).value, value)
          const bit = pointWith({ name: 'p', type: 'bit', bit: 9, byteOrder, invert })
          assert.equal(decode(bit, applyMasks(bytesOf('5a5a'), encodeMasks(bit, value))).value, value)
        }
      }
    }
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

  it('float32 with scale and power of ten: the registers are the same after decoding and encoding', () => {
    fc.assert(
      fc.property(
        fc.float({ noNaN: true, noDefaultInfinity: true }),
        scales,
        fc.constantFrom(...orders),
        fc.integer({ min: -10, max: 10 }),
        (raw, scale, byteOrder, power) => {
          if (raw === 0) return // -0 becomes 0
          const point = pointWith({ name: 'p', type: 'float32', byteOrder })
          const bytes = encode(point, raw)
          const { value } = decode({ ...point, scale }, bytes, { power })
          assert.ok(value !== undefined)
          assert.deepEqual(encode({ ...point, scale }, value, { power }), bytes)
        },
      ),
    )
  })

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

function powerOption(power: number | undefined): CodecOptions {
  return power === undefined ? {} : { power }
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

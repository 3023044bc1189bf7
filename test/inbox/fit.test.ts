import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fit, isSame } from '../../src/inbox/fit.ts'
import type { Value } from '../../src/model.ts'
import type { PointSettings } from '../../src/settings.ts'
import { pointSettings } from './site.ts'

type Row = readonly [point: Partial<PointSettings>, value: Value, expected: Value | RegExp]

const rows: readonly Row[] = [
  [{ type: 'int16' }, 32767, 32767],
  [{ type: 'int16' }, 32768, /value is 32768, wanted -32768 to 32767/],
  [{ type: 'uint16' }, -1, /wanted 0 to 65535/],
  [{ type: 'int16' }, 1.5, /value is 1.5, wanted an integer/],
  [{ type: 'int16' }, '55', /value is "55", wanted a number for a point of type int16/],
  [{ type: 'int16' }, true, /value is true, wanted a number/],
  [{ type: 'int16', scale: 0.1 }, 55.3, 55.3],
  [{ type: 'int16', scale: 0.1 }, 4000, /wanted a raw value of -32768 to 32767, it would be 40000/],
  [{ type: 'uint64' }, 18446744073709551615n, 18446744073709551615n],
  [{ type: 'uint64' }, 18446744073709551616n, /wanted 0 to 18446744073709551615/],
  [{ type: 'uint64', offset: 1 }, 18446744073709551616n, 18446744073709551616n],
  [{ type: 'int64', max: 100 }, 9223372036854775807n, /wanted at most 100/],
  [{ type: 'bcd16' }, 9_999, 9_999],
  [{ type: 'bcd16' }, 10_000, /wanted 0 to 9999/],
  [{ type: 'bcd32' }, -1, /wanted 0 to 99999999/],
  [{ type: 'bits', width: 3 }, 7, 7],
  [{ type: 'bits', width: 3 }, 8, /wanted 0 to 7/],
  [{ type: 'int16', scaleFrom: 'power' }, 230.5, 230.5],
  [{ type: 'float32' }, 1e39, /wanted what a float32 can hold/],
  [{ type: 'float16' }, 70_000, /wanted what a float16 can hold/],
  [{ type: 'float64' }, 9007199254740993n, 9007199254740992],
  [{ min: 20, max: 75 }, 20, 20],
  [{ min: 20 }, 19, /value is 19, wanted at least 20$/],
  [{ min: 20, max: 75, unit: '°C' }, 19, /value is 19, wanted 20 to 75 °C$/],
  [{ min: 20, max: 75 }, 76, /value is 76, wanted 20 to 75$/],
  [{ type: 'bool' }, true, true],
  [{ type: 'bool' }, 0, false],
  [{ type: 'bit' }, 2, /value is 2, wanted true, false, 1 or 0/],
  [{ type: 'bool' }, 'on', /value is "on"/],
  [{ type: 'string', length: 2 }, 'abcd', 'abcd'],
  [{ type: 'string', length: 2 }, 'äbcd', 'äbcd'],
  [{ type: 'string', length: 2 }, 'abcde', /value has 5 characters, at most 4 fit/],
  [{ type: 'string', length: 2 }, 7, /value is 7, wanted text/],
]

for (const [changes, value, expected] of rows) {
  const wanted = expected instanceof RegExp ? 'is refused' : 'fits'
  test(`${typeof value} ${String(value)} ${wanted} for ${JSON.stringify(changes)}`, () => {
    const fitted = fit(pointSettings(changes), value)
    if (expected instanceof RegExp) assert.match(fitted.ok ? 'it fits' : fitted.reason, expected)
    else assert.deepEqual(fitted, { ok: true, value: expected })
  })
}

type Compared = readonly [point: Partial<PointSettings>, wanted: Value, got: Value, same: boolean, power?: number]

const compared: readonly Compared[] = [
  [{ type: 'int32' }, 55, 55, true],
  [{ type: 'int32' }, 55, 56, false],
  [{ type: 'int64' }, 9007199254740993n, 9007199254740993n, true],
  [{ type: 'int64' }, 9007199254740993n, 9007199254740992n, false],
  [{ type: 'int64' }, 5, 5n, true],
  [{ type: 'uint64', offset: 1 }, 9007199254740993n, 9007199254740994n, false],
  [{ type: 'int16', scale: 0.1 }, 55.34, 55.3, true],
  [{ type: 'int16', scale: 0.1 }, 55.3, 55.4, false],
  [{ type: 'int16', scale: 0.1, precision: 1 }, 55, 55.1, false],
  [{ type: 'int16', scale: 0.1, precision: 0 }, 55.4, 55, true],
  [{ type: 'float32' }, 0.1, Math.fround(0.1), true],
  [{ type: 'float32' }, 0.1, 0.100001, false],
  [{ type: 'float32', precision: 1 }, 1.04, 1, true],
  [{ type: 'float32', precision: 1 }, 1, 1.1, false],
  [{ type: 'bool' }, true, true, true],
  [{ type: 'bool' }, true, false, false],
  [{ type: 'string' }, 'a', 'a', true],
  [{ type: 'string' }, 'a', 'b', false],
  [{ type: 'int16', scaleFrom: 'power' }, 230.5, 230.9, false, -1],
  [{ type: 'int16', scaleFrom: 'power' }, 230.54, 230.5, true, -1],
  [{ type: 'int16', scaleFrom: 'power' }, 230.5, 230.6, false, -1],
  [{ type: 'int16', scaleFrom: 'power' }, 4_230, 4_200, true, 2],
  [{ type: 'int16', scaleFrom: 'power' }, 4_230, 4_300, false, 2],
  [{ type: 'int16', scaleFrom: 'power', precision: 0 }, 230.4, 230, true, -1],
  [{ type: 'int64', scaleFrom: 'power' }, 9007199254740993n, 9007199254740993n, true, 0],
  [{ type: 'int64', scaleFrom: 'power' }, 9007199254740993n, 9007199254740992n, false, 0],
  [{ type: 'int64', scaleFrom: 'power' }, 9007199254740994n, 9007199254740990n, true, 1],
  // Nobody knows the step.
  [{ type: 'int16', scaleFrom: 'power' }, 230.5, 230.5, true],
  [{ type: 'int16', scaleFrom: 'power' }, 230.5, 230.4, false],
]

for (const [changes, wanted, got, same, power] of compared) {
  const scaled = power === undefined ? '' : ` with power ${power}`
  test(`reading ${got}${scaled} after writing ${wanted} to ${JSON.stringify(changes)} is ${same ? 'the same' : 'another value'}`, () => {
    assert.equal(isSame(pointSettings(changes), { wanted, got, power }), same)
  })
}

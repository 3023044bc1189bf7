/** What a reply says of the points in it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { doubtAbout, type Power, powerFrom, samplesFrom } from '../../../src/drivers/modbus/samples.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { pointWith } from '../../support/bus-settings.ts'

const range = { register: 'holding', address: 10, count: 3 } as const
const reply = Uint8Array.from(Buffer.from('0905fffe8000', 'hex'))

function taken(points: readonly PointSettings[], powers: ReadonlyMap<string, Power> = new Map()) {
  const sources = [pointWith({ name: 'near', address: 11 }), pointWith({ name: 'far', address: 90 })]
  return samplesFrom(range, reply, { points, all: [...points, ...sources], powers }).map((one) => ({
    ...one.decoded,
    raw: Buffer.from(one.raw).toString('hex'),
    borrowed: one.borrowed,
  }))
}

const at10 = (given: Partial<PointSettings> = {}) => pointWith({ name: 'v', address: 10, type: 'int16', ...given })

describe('points of a reply', () => {
  it('have the value and the bytes of their registers', () => {
    const wide = pointWith({ name: 'w', address: 11, type: 'uint32' })
    assert.deepEqual(taken([at10(), wide]), [
      { value: 2309, raw: '0905', borrowed: false },
      { value: 0xfffe_8000, raw: 'fffe8000', borrowed: false },
    ])
  })

  it('take their power of ten from the same reply, whatever was read before', () => {
    const before = new Map<string, Power>([['near', { power: 3 }]])
    const signed = pointWith({ name: 'near', address: 11, type: 'int16' })
    const [one] = samplesFrom(range, reply, { points: [at10({ scaleFrom: 'near' })], all: [signed], powers: before })
    assert.deepEqual([one?.decoded, one?.borrowed], [{ value: 23.09 }, false])
  })

  it('borrow one that was read before, have its code, or are left out', () => {
    const scaled = [at10({ scaleFrom: 'far' })]
    const powers = (power: Power) => new Map([['far', power]])
    assert.deepEqual(taken(scaled, powers({ power: -1 })), [{ value: 230.9, raw: '0905', borrowed: true }])
    assert.deepEqual(taken(scaled, powers({ power: undefined })), [{ error: 'invalid', raw: '0905', borrowed: true }])
    assert.deepEqual(taken(scaled, powers({ code: 'timeout' })), [{ error: 'timeout', raw: '0905', borrowed: true }])
    assert.deepEqual(taken(scaled), [])
  })

  it('are short where the reply ends before them', () => {
    const last = pointWith({ name: 'l', address: 12, type: 'uint32' })
    assert.deepEqual(taken([last]), [{ error: 'short_reply', raw: '8000', borrowed: false }])
    const coils = { register: 'coil', address: 0, count: 10 } as const
    const coil = (address: number, invert = false) =>
      pointWith({ name: `c${address}`, register: 'coil', type: 'bool', address, invert })
    const bits = samplesFrom(coils, Uint8Array.of(0x05), {
      points: [coil(0), coil(1), coil(2, true), coil(9)],
      all: [],
      powers: new Map(),
    })
    assert.deepEqual(
      bits.map(({ decoded }) => decoded.value ?? decoded.error),
      [true, false, false, 'short_reply'],
    )
    assert.deepEqual(powerFrom(range, reply, last), { code: 'short_reply' })
  })
})

describe('a power of ten before and after', () => {
  const rows: readonly (readonly [before: Power | undefined, after: Power | undefined, doubt: string | undefined])[] = [
    [{ power: -1 }, { power: -1 }, undefined],
    [{ power: undefined }, { power: undefined }, undefined],
    [{ power: -1 }, { power: -2 }, 'invalid'],
    [{ power: -1 }, { power: undefined }, 'invalid'],
    [{ power: -1 }, { code: 'timeout' }, 'timeout'],
    [{ power: -1 }, undefined, 'invalid'],
    [{ code: 'crc' }, { power: -1 }, 'invalid'],
    [undefined, { power: -1 }, 'invalid'],
  ]
  for (const [before, after, doubt] of rows) {
    it(`${JSON.stringify(before)} and ${JSON.stringify(after)}: ${doubt ?? 'no doubt'}`, () => {
      assert.equal(doubtAbout(before, after), doubt)
    })
  }
})

/** Points that take their scale from another point: the power of ten counts only where it is known to be that of the value. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SimulatedPoint } from '../../../src/drivers/simulator/registers.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { pointWith } from '../../support/bus-settings.ts'
import { rigWith } from '../../support/unit-rig.ts'

const watt = pointWith({ name: 'w', address: 0, type: 'int16', scaleFrom: 'w_sf' })

function powerAt(address: number, given: Partial<PointSettings> = {}): PointSettings {
  return pointWith({ name: 'w_sf', address, type: 'int16', ...given })
}

function registers(...words: readonly (readonly [address: number, word: number])[]): readonly SimulatedPoint[] {
  return words.map(([address, value]) => ({ register: 'holding', address, type: 'int16', value, writable: true }))
}

describe('a value and its power of ten in one request', () => {
  it('are of one moment, and exact', async () => {
    const rig = await rigWith([watt, powerAt(1)], registers([0, 2305], [1, -1]))
    assert.deepEqual(await rig.read('w'), { w: 230.5 })
    assert.deepEqual(rig.asked(), ['3 0+2'])
    rig.unit.setWord('holding', 0, 23_050)
    rig.unit.setWord('holding', 1, 0xfffe)
    assert.deepEqual(await rig.read(), { w: 230.5, w_sf: -2 })
    assert.deepEqual(rig.asked(), ['3 0+2'])
  })

  it('a power of ten that is not implemented, or is none: the value is invalid', async () => {
    const rig = await rigWith([watt, powerAt(1)], registers([0, 2305], [1, -32_768]))
    assert.deepEqual(await rig.read('w'), { w: 'invalid' })
    rig.unit.setWord('holding', 1, 11)
    assert.deepEqual(await rig.read(), { w: 'invalid', w_sf: 11 })
  })

  it('several values share one', async () => {
    const more = pointWith({ name: 'va', address: 2, type: 'uint16', scaleFrom: 'w_sf' })
    const rig = await rigWith([watt, powerAt(1), more], registers([0, -5], [1, 1], [2, 7]))
    assert.deepEqual(await rig.read('w', 'va'), { w: -50, va: 70 })
    assert.deepEqual(rig.asked(), ['3 0+3'])
  })
})

describe('a power of ten that no request can hold together with the value', () => {
  const far = powerAt(200)

  it('is read before and after', async () => {
    const rig = await rigWith([watt, far], registers([0, 2305], [200, -1]))
    assert.deepEqual(await rig.read('w'), { w: 230.5 })
    assert.deepEqual(rig.asked(), ['3 200+1', '3 0+1', '3 200+1'])
  })

  it('that changes meanwhile: nobody knows which one counts, so there is no value', async () => {
    const rig = await rigWith([watt, far], registers([0, 2305], [200, -1]))
    rig.refuse = ({ index }) => {
      if (index === 1) {
        rig.unit.setWord('holding', 0, 23_050)
        rig.unit.setWord('holding', 200, 0xfffe)
      }
      return 0
    }
    assert.deepEqual(await rig.read('w'), { w: 'invalid' })
    assert.deepEqual(await rig.read('w'), { w: 230.5 })
  })

  it('that is refused or silent: the value carries its code, other points do not', async () => {
    const other = pointWith({ name: 'other', address: 1, type: 'int16' })
    const rig = await rigWith([watt, far, other], registers([0, 2305], [1, 5]))
    assert.deepEqual(await rig.read('w', 'other'), { w: 'exception_2', other: 5 })
    assert.deepEqual(await rig.read(), { w: 'exception_2', other: 5, w_sf: 'exception_2' })
    rig.unit.setWord('holding', 200, 0)
    assert.deepEqual(await rig.read('w', 'other'), { w: 2305, other: 5 })
    rig.refuse = ({ pdu }) => (pdu[2] === 200 ? undefined : 0)
    const values = await rig.read('w', 'other')
    assert.equal(values['w'], 'timeout')
  })

  it('in another table', async () => {
    const input = powerAt(0, { register: 'input' })
    const rig = await rigWith(
      [watt, input],
      [...registers([0, 2305]), { register: 'input', address: 0, type: 'int16', value: -2 }],
    )
    assert.deepEqual(await rig.read('w'), { w: 23.05 })
    assert.deepEqual(rig.asked(), ['4 0+1', '3 0+1', '4 0+1'])
  })

  it('one point per request', async () => {
    const rig = await rigWith([watt, powerAt(1)], registers([0, 2305], [1, -1]), {
      device: { onePointPerRequest: true },
    })
    assert.deepEqual(await rig.read(), { w: 230.5, w_sf: -1 })
    assert.deepEqual(rig.asked(), ['3 1+1', '3 0+1', '3 1+1', '3 1+1'])
  })
})

describe('a value and its power of ten that are refused together', () => {
  it('by a hole between them are both read, at once and later', async () => {
    const rig = await rigWith([watt, powerAt(9)], registers([0, 2305], [9, -1]))
    assert.deepEqual(await rig.read('w'), { w: 230.5 })
    assert.deepEqual(rig.asked(), ['3 0+10', '3 0+1', '3 9+1', '3 9+1', '3 0+1', '3 9+1'])
    assert.deepEqual(await rig.read('w'), { w: 230.5 })
    assert.deepEqual(rig.asked(), ['3 9+1', '3 0+1', '3 9+1'])
  })

  it('because the power is not there: the value carries the code, its neighbours do not', async () => {
    const other = pointWith({ name: 'other', address: 1, type: 'int16' })
    const rig = await rigWith([watt, other, powerAt(2)], registers([0, 2305], [1, 5]))
    assert.deepEqual(await rig.read('w', 'other'), { w: 'exception_2', other: 5 })
    assert.deepEqual(await rig.read('w', 'other'), { w: 'exception_2', other: 5 })
  })
})

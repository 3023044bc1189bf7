/** What makes a device fit a profile. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assess, type IdentifyAnswer } from '../../src/cli/profiles/assess.ts'
import type { ProfilePoint } from '../../src/config/profile-file.ts'
import type { PointAnswer } from '../../src/drivers/modbus/raw-points.ts'
import { pointWith } from '../support/bus-settings.ts'

const voltage: ProfilePoint = { ...pointWith({ name: 'voltage', plausible: { min: 80, max: 300 } }), essential: true }
const energy: ProfilePoint = pointWith({ name: 'energy', plausible: { min: 0, max: 1000 } })
const state: ProfilePoint = pointWith({ name: 'state' })
const points = [voltage, energy, state]
const code = pointWith({ name: 'code' })

function answer(point: ProfilePoint, value: number | bigint | string): PointAnswer {
  return typeof value === 'string' ? { point, error: value } : { point, value }
}

function told(value: number | bigint | string): IdentifyAnswer {
  return { rule: { point: code, equals: [112] }, answer: answer(code, value) }
}

describe('a device against a profile', () => {
  const rows: readonly {
    readonly what: string
    readonly voltage: number | string
    readonly energy: number | bigint | string
    readonly identified?: readonly IdentifyAnswer[]
    readonly plausible: number
    readonly model: 'same' | 'other' | 'unknown'
    readonly fits: boolean
  }[] = [
    { what: 'all in range', voltage: 230, energy: 5n, plausible: 2, model: 'unknown', fits: true },
    { what: 'at the ends of the ranges', voltage: 80, energy: 1000, plausible: 2, model: 'unknown', fits: true },
    {
      what: 'one out of range that is not essential',
      voltage: 230,
      energy: -1,
      plausible: 1,
      model: 'unknown',
      fits: true,
    },
    { what: 'an essential one out of range', voltage: 512, energy: 5, plausible: 1, model: 'unknown', fits: false },
    {
      what: 'an essential one refused',
      voltage: 'exception_2',
      energy: 5,
      plausible: 1,
      model: 'unknown',
      fits: false,
    },
    { what: 'silence', voltage: 'timeout', energy: 'timeout', plausible: 0, model: 'unknown', fits: false },
    { what: 'its code', voltage: 230, energy: 5, identified: [told(112n)], plausible: 2, model: 'same', fits: true },
    {
      what: 'the code of another',
      voltage: 230,
      energy: 5,
      identified: [told(43)],
      plausible: 2,
      model: 'other',
      fits: false,
    },
    {
      what: 'a code that is refused',
      voltage: 230,
      energy: 5,
      identified: [told('exception_2')],
      plausible: 2,
      model: 'unknown',
      fits: true,
    },
    {
      what: 'one of two codes',
      voltage: 230,
      energy: 5,
      identified: [told(43), told(112)],
      plausible: 2,
      model: 'same',
      fits: true,
    },
  ]
  for (const row of rows) {
    it(`${row.what}: ${row.fits ? 'fits' : 'does not fit'}`, () => {
      const answers = [answer(voltage, row.voltage), answer(energy, row.energy), answer(state, 3)]
      const { plausible, of, model, fits } = assess(points, { answers, identified: row.identified ?? [] })
      assert.deepEqual(
        { plausible, of, model, fits },
        { plausible: row.plausible, of: 2, model: row.model, fits: row.fits },
      )
    })
  }

  it('says of each point what it is', () => {
    const answers = [answer(voltage, 512), answer(energy, 'exception_2'), answer(state, 3)]
    const { judged } = assess(points, { answers, identified: [] })
    assert.deepEqual(
      judged.map(({ verdict, essential }) => [verdict, essential]),
      [
        ['implausible', true],
        ['failed', false],
        ['unjudged', false],
      ],
    )
  })

  it('without essential points all with a range decide', () => {
    assert.equal(assess([energy], { answers: [answer(energy, 5)], identified: [] }).fits, true)
    assert.equal(assess([energy], { answers: [answer(energy, -5)], identified: [] }).fits, false)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Division, divide } from '../../../src/drivers/modbus/division.ts'
import type { Range } from '../../../src/drivers/modbus/refusals.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { pointWith } from '../../support/bus-settings.ts'
import { rigWith } from '../../support/unit-rig.ts'

/** Single registers. */
function pieces(...addresses: readonly number[]): readonly Range[] {
  return addresses.map((from) => ({ from, to: from + 1 }))
}

async function run(
  all: readonly Range[],
  answer: (range: Range, index: number) => number | undefined,
): Promise<Division & { readonly asked: readonly string[] }> {
  const asked: string[] = []
  const division = await divide(all, async ({ from, to }) => {
    const exception = answer({ from, to }, asked.push(`${from}..${to}`) - 1)
    if (exception === undefined) return { ok: false, code: 'timeout' }
    return exception === 0 ? { ok: true, value: new Uint8Array() } : { ok: false, exception }
  })
  return { ...division, asked }
}

function holding(missing: number): (range: Range) => number {
  return ({ from, to }) => (from <= missing && missing < to ? 2 : 0)
}

function shown({ parts }: Division): readonly string[] {
  return parts.map(({ from, to, outcome }) => `${from}..${to} ${outcome.ok ? 'ok' : (outcome.exception ?? 'lost')}`)
}

describe('dividing a refused request', () => {
  it('finds one bad piece by halves', async () => {
    const division = await run(pieces(0, 1, 2, 3, 4, 5, 6, 7), holding(5))
    assert.deepEqual(shown(division), ['0..4 ok', '4..5 ok', '5..6 2', '6..8 ok'])
    assert.deepEqual(division.asked, ['0..4', '4..8', '4..6', '4..5', '5..6', '6..8'])
    assert.deepEqual(division.seams, [])
  })

  it('two sides that are there and not together: the hole between them is to blame', async () => {
    const { seams } = await run(pieces(0, 1, 5, 6), holding(3))
    assert.deepEqual(seams, [{ from: 2, to: 5 }])
  })

  it('a hole that is not in the middle is found as well', async () => {
    const { seams, asked } = await run(pieces(0, 4, 5, 6, 7, 8), holding(2))
    assert.deepEqual(seams, [{ from: 1, to: 4 }])
    assert.ok(asked.length <= 6)
  })

  it('neighbours without a hole: the border', async () => {
    const { seams } = await run(pieces(0, 1, 2, 3), ({ from, to }) => (to - from > 2 ? 3 : 0))
    assert.deepEqual(seams, [{ from: 2, to: 2 }])
  })

  it('sides that overlap: only the whole is known to be refused', async () => {
    const overlapping = [
      { from: 0, to: 4 },
      { from: 2, to: 6 },
    ]
    const { seams } = await run(overlapping, ({ from, to }) => (to - from > 4 ? 3 : 0))
    assert.deepEqual(seams, [{ from: 0, to: 6 }])
  })

  it('another exception ends the division of that part', async () => {
    const division = await run(pieces(0, 1, 2, 3), ({ from }) => (from < 2 ? 4 : 0))
    assert.deepEqual(shown(division), ['0..2 4', '2..4 ok'])
    assert.deepEqual(division.seams, [])
  })

  it('after a lost reply nothing more is asked', async () => {
    const division = await run(pieces(0, 1, 2, 3), (_, index) => (index === 0 ? 0 : undefined))
    assert.deepEqual(shown(division), ['0..2 ok', '2..4 lost'])
    assert.equal(division.asked.length, 2)
  })
})

describe('whatever a device lacks', () => {
  it('every point it has is read at every poll, and the others carry the refusal', async () => {
    const anyDevice = fc.record({
      points: fc.array(
        fc.record({
          address: fc.integer({ min: 0, max: 40 }),
          type: fc.constantFrom('uint16' as const, 'uint32' as const),
        }),
        { minLength: 1, maxLength: 15 },
      ),
      missing: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
      countMax: fc.constantFrom(2, 3, 8, 125),
    })
    await fc.assert(
      fc.asyncProperty(anyDevice, async ({ points, missing, countMax }) => {
        const named = points.map((point, index) => pointWith({ name: `p${index}`, ...point }))
        const there = Array.from({ length: 42 }, (_, address) => address).filter((one) => !missing.includes(one))
        const rig = await rigWith(
          named,
          there.map((address) => ({ register: 'holding', address, type: 'uint16', value: address })),
          { refuse: ({ pdu }) => ((pdu[4] ?? 0) > countMax ? 3 : 0) },
        )
        const expected = ({ address, type }: PointSettings) => {
          if (!there.includes(address)) return 'exception_2'
          if (type === 'uint16') return address
          return there.includes(address + 1) ? address * 65_536 + address + 1 : 'exception_2'
        }
        const requests: number[] = []
        for (let poll = 0; poll < 5; poll++) {
          const values = await rig.read()
          for (const point of named) assert.equal(values[point.name], expected(point))
          requests.push(rig.asked().length)
        }
        assert.ok((requests.at(-1) ?? 0) <= (requests[0] ?? 0), `what was learnt spares requests: ${requests}`)
      }),
      { numRuns: 100 },
    )
  })
})

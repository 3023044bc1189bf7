import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { BITS_MAX, type PlanLimits, type PlannedRequest, plan } from '../../../src/drivers/modbus/plan.ts'
import { isBitTable, widthOf } from '../../../src/drivers/modbus/registers.ts'
import type { PointSettings, PointType, RegisterTable } from '../../../src/settings.ts'
import { pointWith } from '../../support/bus-settings.ts'

function at(address: number, type: PointType = 'uint16', given: Partial<PointSettings> = {}): PointSettings {
  return pointWith({ name: `${given.register ?? 'holding'}-${address}-${type}`, address, type, ...given })
}

function shown(requests: readonly PlannedRequest[]): readonly string[] {
  return requests.map(({ register, address, count }) => `${register} ${address}+${count}`)
}

const wide: PlanLimits = { registersMax: 125, holeMax: 8 }

describe('planning reads', () => {
  it('adjacent points share a request, in any order given', () => {
    assert.deepEqual(shown(plan([at(2), at(0, 'float32'), at(3, 'int64')], wide)), ['holding 0+7'])
  })

  it('a hole up to the limit is read along, one register more is not', () => {
    assert.deepEqual(shown(plan([at(0), at(9)], wide)), ['holding 0+10'])
    assert.deepEqual(shown(plan([at(0), at(10)], wide)), ['holding 0+1', 'holding 10+1'])
    assert.deepEqual(shown(plan([at(0), at(2)], { ...wide, holeMax: 0 })), ['holding 0+1', 'holding 2+1'])
  })

  it('each table has its own requests', () => {
    const points = [at(0), at(0, 'uint16', { register: 'input' }), at(0, 'bool', { register: 'coil' })]
    assert.deepEqual(shown(plan(points, wide)), ['holding 0+1', 'input 0+1', 'coil 0+1'])
  })

  it('a wide point that would be cut goes into the next request as a whole', () => {
    const points = [at(0), at(1), at(2), at(3, 'float64')]
    assert.deepEqual(shown(plan(points, { registersMax: 4, holeMax: 8 })), ['holding 0+3', 'holding 3+4'])
  })

  it('points in the shadow of one that does not fit still share the first request', () => {
    const points = [at(0), at(1, 'float64'), at(2)]
    assert.deepEqual(shown(plan(points, { registersMax: 4, holeMax: 8 })), ['holding 0+3', 'holding 1+4'])
  })

  it('a point wider than the limit gets a request of its own', () => {
    const points = [at(0, 'string', { length: 20 }), at(20)]
    assert.deepEqual(shown(plan(points, { registersMax: 10, holeMax: 8 })), ['holding 0+20', 'holding 20+1'])
  })

  it('bits of one register are read once', () => {
    const points = [0, 3, 15].map((bit) => at(7, 'bit', { bit, name: `bit${bit}` }))
    const requests = plan(points, wide)
    assert.deepEqual(shown(requests), ['holding 7+1'])
    assert.equal(requests[0]?.points.length, 3)
  })

  it('coils go up to 2,000 bits a request, whatever the register limit', () => {
    const points = Array.from({ length: 2_001 }, (_, index) => at(index, 'bool', { register: 'coil' }))
    assert.deepEqual(shown(plan(points, { registersMax: 10, holeMax: 8 })), ['coil 0+2000', 'coil 2000+1'])
  })

  it('write-only points are never read', () => {
    assert.deepEqual(plan([at(0, 'uint16', { access: 'wo' })], wide), [])
  })

  it('a point to be left alone is read alone, and no other request touches its registers', () => {
    const points = [at(0), at(1), at(2)]
    const alone = new Set(['holding-1-uint16'])
    assert.deepEqual(shown(plan(points, { ...wide, alone })).toSorted(), ['holding 0+1', 'holding 1+1', 'holding 2+1'])
  })
})

const anyPoint = fc
  .record({
    register: fc.constantFrom<RegisterTable>('holding', 'input', 'coil', 'discrete'),
    address: fc.integer({ min: 0, max: 60 }),
    type: fc.constantFrom<PointType>('int16', 'uint32', 'float64', 'bit', 'bool', 'string'),
    length: fc.integer({ min: 1, max: 6 }),
    access: fc.constantFrom<PointSettings['access']>('ro', 'rw', 'wo'),
  })
  .map((given) => given)

const anyPlan = fc.record({
  points: fc
    .array(anyPoint, { maxLength: 12 })
    .map((all) => all.map((given, index) => pointWith({ name: `p${index}`, ...given }))),
  registersMax: fc.integer({ min: 6, max: 20 }),
  holeMax: fc.integer({ min: 0, max: 6 }),
  alone: fc.subarray(['p0', 'p1', 'p2', 'p3']).map((names) => new Set(names)),
})

describe('every plan', () => {
  it('has each readable point in exactly one request, whole, and no request over the limits', () => {
    fc.assert(
      fc.property(anyPlan, ({ points, ...limits }) => {
        const requests = plan(points, limits)
        const planned = requests.flatMap((request) => request.points.map((point) => point.name)).toSorted()
        const readable = points.filter((point) => point.access !== 'wo').map((point) => point.name)
        assert.deepEqual(planned, readable.toSorted())
        for (const request of requests) {
          assert.ok(request.count <= (isBitTable(request.register) ? BITS_MAX : limits.registersMax))
          for (const point of request.points) {
            assert.equal(point.register, request.register)
            assert.ok(point.address >= request.address)
            assert.ok(point.address + widthOf(point) <= request.address + request.count)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('reads over no hole beyond the limit, and never over a point that must be left alone', () => {
    fc.assert(
      fc.property(anyPlan, ({ points, ...limits }) => {
        for (const request of plan(points, limits)) {
          const [only, ...others] = request.points
          if (only && others.length === 0 && limits.alone.has(only.name)) continue
          const asked = points.filter(
            (point) => point.access !== 'wo' && point.register === request.register && !limits.alone.has(point.name),
          )
          assert.ok(longestHole(request, asked) <= limits.holeMax)
          if (others.length === 0) continue // a single point may overlap one that is left alone
          for (const point of points.filter(({ name, access }) => limits.alone.has(name) && access !== 'wo')) {
            const apart =
              point.register !== request.register ||
              point.address >= request.address + request.count ||
              point.address + widthOf(point) <= request.address
            assert.ok(apart, `${point.name} lies inside ${request.address}+${request.count}`)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('has as few requests as trying every way of grouping finds', () => {
    const few = anyPlan.map((given) => ({ ...given, points: given.points.slice(0, 6), alone: new Set<string>() }))
    fc.assert(
      fc.property(few, ({ points, ...limits }) => {
        const readable = points
          .filter((point) => point.access !== 'wo')
          .map((point) => ({ ...point, register: 'holding' as const }))
        assert.equal(plan(readable, limits).length, fewest(readable, readable, limits))
      }),
      { numRuns: 500 },
    )
  })
})

function longestHole(request: { address: number; count: number }, asked: readonly PointSettings[]): number {
  let hole = 0
  let longest = 0
  for (let address = request.address; address < request.address + request.count; address++) {
    const wanted = asked.some((point) => point.address <= address && address < point.address + widthOf(point))
    hole = wanted ? 0 : hole + 1
    longest = Math.max(longest, hole)
  }
  return longest
}

/** By brute force: the first point goes together with every subset of the others that one request may hold. */
function fewest(left: readonly PointSettings[], all: readonly PointSettings[], limits: PlanLimits): number {
  const [first, ...others] = left
  if (!first) return 0
  let best = Number.POSITIVE_INFINITY
  for (let subset = 0; subset < 2 ** others.length; subset++) {
    const group = [first, ...others.filter((_, index) => subset & (1 << index))]
    const address = Math.min(...group.map((point) => point.address))
    const count = Math.max(...group.map((point) => point.address + widthOf(point))) - address
    if (count > limits.registersMax || longestHole({ address, count }, all) > limits.holeMax) continue
    best = Math.min(
      best,
      1 +
        fewest(
          others.filter((_, index) => !(subset & (1 << index))),
          all,
          limits,
        ),
    )
  }
  return best
}

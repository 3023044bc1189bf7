import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { requestMs, wireCostOf } from '../../../src/drivers/modbus/cost.ts'
import { type PlanLimits, plan, type ReadRequest } from '../../../src/drivers/modbus/plan.ts'
import { plannedReads } from '../../../src/drivers/modbus/planned-reads.ts'
import { holds, type RefusedRange } from '../../../src/drivers/modbus/refusals.ts'
import { BITS_READ_MAX } from '../../../src/modbus-limits.ts'
import { isBitTable, widthOf } from '../../../src/point-types.ts'
import type { PointSettings, PointType, RegisterTable } from '../../../src/settings.ts'
import { pointWith, rtuSettings, tcpSettings } from '../../support/bus-settings.ts'

function at(address: number, type: PointType = 'uint16', given: Partial<PointSettings> = {}): PointSettings {
  return pointWith({ name: `${given.register ?? 'holding'}-${address}-${type}`, address, type, ...given })
}

function shown(requests: readonly ReadRequest[]): readonly string[] {
  return requests.map(({ register, address, count }) => `${register} ${address}+${count}`)
}

/** 9600 8N1: an exchange without data takes as long as 31.1 bytes, which is 15 registers. */
const rtuCost = wireCostOf(rtuSettings([]))
const tcpCost = wireCostOf(tcpSettings([]))
const wide: PlanLimits = { registersMax: 125, holeMax: 8, points: [], cost: rtuCost, refused: [] }

function refused(kind: RefusedRange['kind'], from: number, to: number): RefusedRange {
  return { kind, register: 'holding', from, to, exception: 2 }
}

describe('planning reads', () => {
  it('adjacent points share a request, in any order given', () => {
    assert.deepEqual(shown(plan([at(2), at(0, 'float32'), at(3, 'int64')], wide)), ['holding 0+7'])
  })

  it('a hole up to the limit is read along, one register more is not', () => {
    assert.deepEqual(shown(plan([at(0), at(9)], wide)), ['holding 0+10'])
    assert.deepEqual(shown(plan([at(0), at(10)], wide)), ['holding 0+1', 'holding 10+1'])
    assert.deepEqual(shown(plan([at(0), at(2)], { ...wide, holeMax: 0 })), ['holding 0+1', 'holding 2+1'])
  })

  it('a hole is read along only where that takes no longer than a request: on a slow line hardly, on a network nearly always', () => {
    const far = [at(0), at(100)]
    assert.deepEqual(shown(plan(far, { ...wide, holeMax: 125 })), ['holding 0+1', 'holding 100+1'])
    assert.deepEqual(shown(plan(far, { ...wide, holeMax: 125, cost: tcpCost })), ['holding 0+101'])
    const exact = { exchangeMs: 10, dataByteMs: 1 }
    assert.deepEqual(shown(plan([at(0), at(6)], { ...wide, cost: exact })), ['holding 0+7'])
    assert.deepEqual(shown(plan([at(0), at(7)], { ...wide, cost: exact })), ['holding 0+1', 'holding 7+1'])
  })

  it('where a request is full, the cut goes through the longest hole', () => {
    const points = [at(0), at(1), at(2), at(7), at(8), at(9)]
    assert.deepEqual(shown(plan(points, { ...wide, registersMax: 8 })), ['holding 0+3', 'holding 7+3'])
  })

  it('each table has its own requests', () => {
    const points = [at(0), at(0, 'uint16', { register: 'input' }), at(0, 'bool', { register: 'coil' })]
    assert.deepEqual(shown(plan(points, wide)), ['holding 0+1', 'input 0+1', 'coil 0+1'])
  })

  it('a wide point that would be cut goes into the next request as a whole', () => {
    const points = [at(0), at(1), at(2), at(3, 'float64')]
    assert.deepEqual(shown(plan(points, { ...wide, registersMax: 4 })), ['holding 0+3', 'holding 3+4'])
  })

  it('a point inside a wider one is read with that, and makes no other request longer', () => {
    const points = [at(0), at(1, 'float64'), at(2)]
    const requests = plan(points, { ...wide, registersMax: 4 })
    assert.deepEqual(shown(requests), ['holding 0+1', 'holding 1+4'])
    assert.equal(requests[1]?.points.length, 2)
  })

  it('a point wider than the limit gets a request of its own', () => {
    const points = [at(0, 'string', { length: 20 }), at(20)]
    assert.deepEqual(shown(plan(points, { ...wide, registersMax: 10 })), ['holding 0+20', 'holding 20+1'])
  })

  it('bits of one register are read once', () => {
    const points = [0, 3, 15].map((bit) => at(7, 'bit', { bit, name: `bit${bit}` }))
    const requests = plan(points, wide)
    assert.deepEqual(shown(requests), ['holding 7+1'])
    assert.equal(requests[0]?.points.length, 3)
  })

  it('coils go up to 2,000 bits a request, whatever the register limit', () => {
    const points = Array.from({ length: 2_001 }, (_, index) => at(index, 'bool', { register: 'coil' }))
    const requests = plan(points, { ...wide, registersMax: 10 })
    assert.equal(requests.length, 2)
    assert.ok(requests.every(({ count }) => count <= 2_000))
  })

  it('holes between coils may have as many bits as the allowed registers', () => {
    const coils = (hole: number) => [at(0, 'bool', { register: 'coil' }), at(hole + 1, 'bool', { register: 'coil' })]
    assert.deepEqual(shown(plan(coils(128), wide)), ['coil 0+130'])
    assert.deepEqual(shown(plan(coils(129), wide)), ['coil 0+1', 'coil 130+1'])
    assert.deepEqual(shown(plan(coils(1), { ...wide, holeMax: 0 })), ['coil 0+1', 'coil 2+1'])
  })

  it('write-only points are never read', () => {
    assert.deepEqual(plan([at(0, 'uint16', { access: 'wo' })], wide), [])
  })

  it('one point per request: only points at the same place share one', () => {
    const points = [at(0), at(1), at(1, 'bit'), at(2, 'float32')]
    const requests = plan(points, { ...wide, onePointPerRequest: true })
    assert.deepEqual(shown(requests), ['holding 0+1', 'holding 1+1', 'holding 2+2'])
  })
})

describe('planning around what a device refuses', () => {
  const five = [0, 1, 2, 3, 4].map((address) => at(address))

  it('a refused place is asked for apart, and no other request holds it', () => {
    const requests = plan(five, { ...wide, refused: [refused('place', 2, 3)] })
    assert.deepEqual(shown(requests), ['holding 0+2', 'holding 3+2', 'holding 2+1'])
    assert.deepEqual(
      requests.map(({ role }) => role),
      ['values', 'values', 'refused'],
    )
  })

  it('several refused places are one request: one of them in turn', () => {
    const requests = plan(five, { ...wide, refused: [refused('place', 1, 2), refused('place', 4, 5)] })
    assert.deepEqual(shown(requests), ['holding 0+1', 'holding 2+2', 'holding 1+1'])
    assert.equal(requests[2]?.points.length, 2)
  })

  it('no request crosses a seam, be it a hole or a border', () => {
    assert.deepEqual(shown(plan(five, { ...wide, refused: [refused('seam', 3, 3)] })), ['holding 0+3', 'holding 3+2'])
    const holey = [at(0), at(1), at(4), at(5)]
    assert.deepEqual(shown(plan(holey, { ...wide, refused: [refused('seam', 2, 4)] })), ['holding 0+2', 'holding 4+2'])
  })

  it('what is refused in one table is of no interest in another', () => {
    const inputs = five.map((point) => ({ ...point, register: 'input' as const }))
    assert.deepEqual(shown(plan(inputs, { ...wide, refused: [refused('place', 2, 3)] })), ['input 0+5'])
  })

  it('a point over a seam is read alone', () => {
    const points = [at(0), at(1, 'float32'), at(3)]
    const requests = plan(points, { ...wide, refused: [refused('seam', 2, 2)] })
    assert.deepEqual(shown(requests), ['holding 0+1', 'holding 1+2', 'holding 3+1'])
  })

  it('the plan says in words what was learnt', () => {
    const limits = { ...wide, refused: [refused('place', 2, 3), refused('place', 4, 5)] }
    const [first, second, third] = plannedReads(five, limits)
    assert.equal(first?.range, 'holding 0..1')
    assert.equal(first?.learnt, 'not in one request with its neighbours (exception 2)')
    assert.equal(second?.range, 'holding 3')
    assert.equal(third?.range, 'holding 2, 4')
    assert.equal(third?.learnt, 'refused (exception 2), one of 2 is asked in turn')
    assert.deepEqual(third?.points, ['holding-2-uint16', 'holding-4-uint16'])
    assert.equal(plannedReads(five, wide)[0]?.learnt, undefined)
    assert.equal(plannedReads(five, wide)[0]?.wireMs, requestMs(rtuCost, { register: 'holding', count: 5 }))
  })
})

describe('planning points that take their scale from another', () => {
  const value = at(10, 'int16', { name: 'w', scaleFrom: 'w_sf' })

  function planned(source: PointSettings, limits: Partial<PlanLimits> = {}) {
    return plan([value], { ...wide, points: [value, source], ...limits })
  }

  it('the power of ten is in the same request wherever one can hold both and the hole is not too large', () => {
    assert.deepEqual(shown(planned(at(11, 'int16', { name: 'w_sf' }))), ['holding 10+2'])
    const tooFar = ['holding 110+1', 'holding 10+1', 'holding 110+1']
    assert.deepEqual(shown(planned(at(110, 'int16', { name: 'w_sf' }))), tooFar)
    assert.deepEqual(shown(planned(at(2, 'int16', { name: 'w_sf' }))), ['holding 2+9'])
    assert.deepEqual(
      plannedReads([value], { ...wide, points: [value, at(11, 'int16', { name: 'w_sf' })] })[0]?.points,
      ['w', 'w_sf'],
    )
  })

  it('else it is read before and again after the value', () => {
    const apart = ['powers', 'values', 'powers_again']
    const far = planned(at(200, 'int16', { name: 'w_sf' }))
    assert.deepEqual(shown(far), ['holding 200+1', 'holding 10+1', 'holding 200+1'])
    const near = at(11, 'int16', { name: 'w_sf' })
    const ways = [
      planned(at(11, 'int16', { name: 'w_sf', register: 'input' })),
      planned(near, { refused: [refused('seam', 11, 11)] }),
      planned(near, { refused: [refused('place', 11, 12)] }),
      planned(near, { onePointPerRequest: true }),
    ]
    for (const requests of [far, ...ways]) {
      assert.deepEqual(
        requests.map(({ role }) => role),
        apart,
      )
    }
  })
})

const anyPoint = fc.record({
  register: fc.constantFrom<RegisterTable>('holding', 'input', 'coil', 'discrete'),
  address: fc.integer({ min: 0, max: 60 }),
  type: fc.constantFrom<PointType>('int16', 'uint32', 'float64', 'bit', 'bool', 'string'),
  length: fc.integer({ min: 1, max: 6 }),
  access: fc.constantFrom<PointSettings['access']>('ro', 'rw', 'wo'),
})

const anyRefused = fc
  .record({
    kind: fc.constantFrom<RefusedRange['kind']>('place', 'seam'),
    register: fc.constantFrom<RegisterTable>('holding', 'coil'),
    from: fc.integer({ min: 0, max: 60 }),
    length: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ kind, register, from, length }) => {
    return { kind, register, from, to: from + (kind === 'place' ? Math.max(1, length) : length), exception: 2 }
  })

const anyPlan = fc.record({
  points: fc
    .array(anyPoint, { maxLength: 12 })
    .map((all) => all.map((given, index) => pointWith({ name: `p${index}`, ...given }))),
  registersMax: fc.integer({ min: 6, max: 20 }),
  holeMax: fc.integer({ min: 0, max: 6 }),
  refused: fc.array(anyRefused, { maxLength: 4 }),
  cost: fc.record({ exchangeMs: fc.integer({ min: 1, max: 40 }), dataByteMs: fc.constantFrom(0.001, 0.5, 1, 2) }),
})

describe('every plan', () => {
  it('has each readable point in exactly one request, whole, and no request over the limits', () => {
    fc.assert(
      fc.property(anyPlan, ({ points, ...limits }) => {
        const requests = plan(points, { ...limits, points })
        const planned = requests.flatMap((request) => request.points.map((point) => point.name)).toSorted()
        const readable = points.filter((point) => point.access !== 'wo').map((point) => point.name)
        assert.deepEqual(planned, readable.toSorted())
        for (const request of requests) {
          assert.ok(request.count <= (isBitTable(request.register) ? BITS_READ_MAX : limits.registersMax))
          for (const point of request.points) {
            assert.equal(point.register, request.register)
            if (request.role === 'refused') continue
            assert.ok(point.address >= request.address)
            assert.ok(point.address + widthOf(point) <= request.address + request.count)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('reads over no hole beyond the limit, and asks for nothing refused together with anything else', () => {
    fc.assert(
      fc.property(anyPlan, ({ points, ...limits }) => {
        for (const request of plan(points, { ...limits, points })) {
          if (request.role === 'refused') continue
          const places = new Set(request.points.map((point) => `${point.address} ${widthOf(point)}`))
          if (places.size === 1) continue // alone, anything may be asked for
          const span = { from: request.address, to: request.address + request.count }
          const here = limits.refused.filter(({ register }) => register === request.register)
          assert.ok(!here.some((range) => holds(span, range)), `${span.from}..${span.to} holds what is refused`)
          const asked = points.filter((point) => point.access !== 'wo' && point.register === request.register)
          const holeMax = isBitTable(request.register) ? limits.holeMax * 16 : limits.holeMax
          assert.ok(longestHole(span, asked) <= holeMax)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes as little time as the best of all ways of grouping', () => {
    const few = anyPlan.map((given) => ({ ...given, points: given.points.slice(0, 6) }))
    let better = 0
    fc.assert(
      fc.property(few, ({ points, ...given }) => {
        const all = points
          .filter((point) => point.access !== 'wo')
          .map((point) => ({ ...point, register: 'holding' as const }))
        const limits = { ...given, points: all, refused: given.refused.filter(({ kind }) => kind === 'seam') }
        const ms = plan(all, limits).reduce((sum, request) => sum + requestMs(limits.cost, request), 0)
        const least = leastMs(all, all, limits)
        assert.ok(Math.abs(ms - least) < 1e-6, `the plan takes ${ms} ms, the best is ${least} ms`)
        if (least < all.length * limits.cost.exchangeMs) better += 1
      }),
      { numRuns: 1_000 },
    )
    assert.ok(better > 100, 'hardly any case had something to gain')
  })

  it('is the same however the points are ordered', () => {
    fc.assert(
      fc.property(anyPlan, ({ points, ...limits }) => {
        assert.deepEqual(
          shown(plan([...points].reverse(), { ...limits, points })),
          shown(plan(points, { ...limits, points })),
        )
      }),
    )
  })
})

function longestHole(span: { from: number; to: number }, asked: readonly PointSettings[]): number {
  let hole = 0
  let longest = 0
  for (let address = span.from; address < span.to; address++) {
    const wanted = asked.some((point) => point.address <= address && address < point.address + widthOf(point))
    hole = wanted ? 0 : hole + 1
    longest = Math.max(longest, hole)
  }
  return longest
}

/** By brute force: the first point goes together with every subset of the others that one request may hold. */
function leastMs(left: readonly PointSettings[], all: readonly PointSettings[], limits: PlanLimits): number {
  const [first, ...others] = left
  if (!first) return 0
  let best = Number.POSITIVE_INFINITY
  for (let subset = 0; subset < 2 ** others.length; subset++) {
    const group = [first, ...others.filter((_, index) => subset & (1 << index))]
    const from = Math.min(...group.map((point) => point.address))
    const to = Math.max(...group.map((point) => point.address + widthOf(point)))
    if (!mayShare(group, { from, to }, { all, limits })) continue
    const rest = others.filter((_, index) => !(subset & (1 << index)))
    const ms = limits.cost.exchangeMs + (to - from) * 2 * limits.cost.dataByteMs
    best = Math.min(best, ms + leastMs(rest, all, limits))
  }
  return best
}

function mayShare(
  group: readonly PointSettings[],
  span: { readonly from: number; readonly to: number },
  { all, limits }: { readonly all: readonly PointSettings[]; readonly limits: PlanLimits },
): boolean {
  const isOnePlace = new Set(group.map((point) => `${point.address} ${widthOf(point)}`)).size === 1
  if (isOnePlace) return true
  const here = limits.refused.filter(({ register }) => register === 'holding')
  if (span.to - span.from > limits.registersMax || here.some((range) => holds(span, range))) return false
  // A hole is what no point has that may be read with others at all.
  const lone = (point: PointSettings) =>
    here.some((range) => holds({ from: point.address, to: point.address + widthOf(point) }, range))
  return (
    longestHole(
      span,
      all.filter((point) => !lone(point)),
    ) <= limits.holeMax
  )
}

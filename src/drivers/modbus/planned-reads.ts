/** The poll plan of a device for people. Pure. */
import type { PointSettings } from '../../settings.ts'
import type { PlannedRead } from '../driver.ts'
import { requestMs } from './cost.ts'
import { type PlanLimits, placeOf, plan, type ReadRequest, sourceOf } from './plan.ts'
import { holds, type RefusedRange } from './refusals.ts'
import { isWithin } from './samples.ts'

export function plannedReads(points: readonly PointSettings[], limits: PlanLimits): readonly PlannedRead[] {
  return plan(points, limits).map((request) => {
    const learnt = learntOf(request, limits.refused)
    return {
      range: rangeText(request),
      count: request.count,
      points: [...new Set(request.points.flatMap((point) => namesRead(request, point, limits)))],
      wireMs: requestMs(limits.cost, request),
      ...(learnt === undefined ? {} : { learnt }),
    }
  })
}

/** A point, and its power of ten where the same reply holds it. */
function namesRead(request: ReadRequest, point: PointSettings, limits: PlanLimits): readonly string[] {
  const source = request.role === 'values' ? sourceOf(point, limits.points) : undefined
  return source && isWithin(request, source) ? [point.name, source.name] : [point.name]
}

function rangeText({ register, address, count, points, role }: ReadRequest): string {
  const places = role === 'refused' ? points.map(placeOf) : [{ from: address, to: address + count }]
  const texts = places.map(({ from, to }) => (to - from === 1 ? `${from}` : `${from}..${to - 1}`))
  return `${register} ${[...new Set(texts)].join(', ')}`
}

function learntOf(request: ReadRequest, refused: readonly RefusedRange[]): string | undefined {
  const { register, address, count, points, role } = request
  const here = refused.filter((range) => range.register === register)
  const span = { from: address, to: address + count }
  if (role === 'refused') {
    const exceptions = points.map((point) => here.find((range) => isPlaceOf(range, point))?.exception)
    const code = `refused (exception ${[...new Set(exceptions)].join(', ')})`
    return points.length === 1 ? code : `${code}, one of ${points.length} is asked in turn`
  }
  const cause = here.find((range) => holds(span, range) || isBeside(span, range))
  return cause && `not in one request with its neighbours (exception ${cause.exception})`
}

function isPlaceOf(range: RefusedRange, point: PointSettings): boolean {
  const { from, to } = placeOf(point)
  return range.kind === 'place' && range.from === from && range.to === to
}

function isBeside(span: { readonly from: number; readonly to: number }, range: RefusedRange): boolean {
  return range.to === span.from || range.from === span.to
}

/**
 * From points to the read requests that take the least time. Pure and the same for the same points; `tidegate check` prints
 * the plan that the driver runs.
 */
import { readMaxOf } from '../../modbus-limits.ts'
import { isBitTable, widthOf } from '../../point-types.ts'
import type { DeviceSettings, ModbusSettings, PointSettings, RegisterTable } from '../../settings.ts'
import { type WireCost, wireCostOf } from './cost.ts'
import { partition, sameTogether, spanOf } from './partition.ts'
import { holds, type Range, type RefusedRange } from './refusals.ts'

/** One read request and the points its reply holds. */
export interface ReadRequest {
  readonly register: RegisterTable
  readonly address: number
  /** Registers, or bits for coils and discrete inputs. */
  readonly count: number
  readonly points: readonly PointSettings[]
  /**
   * values: the points are decoded from it; the powers of ten of some may be in it too. powers: its points are the powers of
   * ten of points in other requests, read before and again after those, so that a change in between is noticed. refused:
   * its points were refused each by itself, so one of them is asked in turn.
   */
  readonly role: 'values' | 'powers' | 'powers_again' | 'refused'
}

export interface PlanLimits extends Pick<DeviceSettings, 'registersMax' | 'holeMax' | 'onePointPerRequest'> {
  /** All points of the device: some of those asked for take their scale from others. */
  readonly points: readonly PointSettings[]
  readonly cost: WireCost
  readonly refused: readonly RefusedRange[]
}

const tables: readonly RegisterTable[] = ['holding', 'input', 'coil', 'discrete']

/** Where a point is, its power of ten included where both fit one request. */
interface Place extends Range {
  readonly point: PointSettings
}

/** `refused`: what the device was found to refuse; nothing, as long as it was not asked. */
export function limitsOf(
  connection: ModbusSettings,
  device: DeviceSettings,
  refused: readonly RefusedRange[] = [],
): PlanLimits {
  return { ...device, cost: wireCostOf(connection), refused }
}

/**
 * Points to requests: every readable point in exactly one request, none split over two, none over the limits. Write-only
 * points are left out.
 */
export function plan(points: readonly PointSettings[], limits: PlanLimits): readonly ReadRequest[] {
  const readable = points.filter((point) => point.access !== 'wo')
  const apart = new Set<PointSettings>()
  const places = readable.map((point) => {
    const source = sourceOf(point, limits.points)
    const together = source && placeWith(point, source, limits)
    if (source && !together) apart.add(source)
    return together ?? placeOf(point)
  })
  const powers = planPlaces([...apart].map(placeOf), limits, 'powers')
  const again = powers.map((request) => ({ ...request, role: 'powers_again' as const }))
  return [...powers, ...planPlaces(places, limits, 'values'), ...again]
}

/** The point that holds the power of ten for another. */
export function sourceOf(point: PointSettings, all: readonly PointSettings[]): PointSettings | undefined {
  return point.scaleFrom === undefined ? undefined : all.find(({ name }) => name === point.scaleFrom)
}

/**
 * Point and power of ten in one request, so that both are of one moment: a device may change the power, and the value with
 * it, at any time. Undefined where no request can hold both.
 */
function placeWith(point: PointSettings, source: PointSettings, limits: PlanLimits): Place | undefined {
  const place = spanOf([placeOf(point), placeOf(source)])
  const hole = place.to - place.from - widthOf(point) - widthOf(source)
  const isShort = place.to - place.from <= countMaxOf(point.register, limits) && hole <= limits.holeMax
  const fits = source.register === point.register && isShort
  const isRefused = limits.refused.some((range) => range.register === point.register && holds(place, range))
  return fits && !isRefused && !limits.onePointPerRequest ? { point, ...place } : undefined
}

export function placeOf(point: PointSettings): Place {
  return { point, from: point.address, to: point.address + widthOf(point) }
}

type Role = 'values' | 'powers'

function planPlaces(places: readonly Place[], limits: PlanLimits, role: Role): readonly ReadRequest[] {
  return tables.flatMap((register) => {
    const here = places.filter(({ point }) => point.register === register)
    return here.length === 0 ? [] : planTable(here, limits, { register, role })
  })
}

function planTable(
  places: readonly Place[],
  limits: PlanLimits,
  { register, role }: { readonly register: RegisterTable; readonly role: Role },
): ReadRequest[] {
  const refused = limits.refused.filter((range) => range.register === register)
  const isRefused = ({ from, to }: Place) =>
    refused.some((range) => range.kind === 'place' && range.from === from && range.to === to)
  const open = places.filter((place) => !isRefused(place))
  const groups = limits.onePointPerRequest
    ? sameTogether(open)
    : partition(open, { ...partitionLimitsOf(register, limits), refused })
  const requests = groups.map((group) => requestOf(group, role))
  const shut = places.filter(isRefused)
  if (shut.length === 0) return requests
  if (role === 'values') return [...requests, requestOf(shut, 'refused')]
  return [...requests, ...sameTogether(shut).map((group) => requestOf(group, role))]
}

function partitionLimitsOf(register: RegisterTable, limits: PlanLimits) {
  const { cost, holeMax } = limits
  const isBits = isBitTable(register)
  return {
    countMax: countMaxOf(register, limits),
    holeMax: isBits ? holeMax * 16 : holeMax, // as many bits as so many registers have
    exchangeMs: cost.exchangeMs,
    addressMs: isBits ? cost.dataByteMs / 8 : cost.dataByteMs * 2,
  }
}

function countMaxOf(register: RegisterTable, { registersMax }: PlanLimits): number {
  const most = readMaxOf(register)
  return isBitTable(register) ? most : Math.min(registersMax, most)
}

function requestOf(places: readonly Place[], role: Role | 'refused'): ReadRequest {
  const points = places.map(({ point }) => point)
  const register = points[0]?.register ?? 'holding'
  const widest = places.reduce((most, { from, to }) => Math.max(most, to - from), 0)
  const { from, to } = spanOf(places)
  return { register, address: from, count: role === 'refused' ? widest : to - from, points, role }
}

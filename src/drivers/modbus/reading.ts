/** Points of one device to samples: plan, read, decode, and take apart what the device refuses as a whole. */
import type { Sample } from '../../model.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import type { Outcome } from './client.ts'
import { decode } from './codec.ts'
import { type PlannedRequest, plan } from './plan.ts'
import { isBitTable, widthOf } from './registers.ts'
import type { Unit } from './unit.ts'

/** Requests of one read that may go unanswered, after others were answered, before the rest of it is given up. */
const LOST_REPLIES_MAX = 2

/** MODBUS Application Protocol V1.1b3, section 7. */
const ILLEGAL_ADDRESS = 2
const ILLEGAL_VALUE = 3

/**
 * One sample per point. When the first request goes unanswered no other is tried, and all samples carry its code: a dead
 * unit costs one timeout. `mayGoOn` is asked before each further request.
 */
export async function readPoints(
  unit: Unit,
  device: DeviceSettings,
  options: { readonly points: readonly PointSettings[]; readonly mayGoOn: () => boolean },
): Promise<readonly Sample[]> {
  const { points, mayGoOn } = options
  const requests = plan(points, {
    registersMax: device.registersMax,
    holeMax: unit.packed ? 0 : device.holeMax,
    alone: unit.alone,
  })
  const samples = points.filter((point) => point.access === 'wo').map((point) => failed(point, 'write_only'))
  let answered = false
  let lost = 0
  let givenUp: string | undefined
  for (const request of requests) {
    if (givenUp !== undefined) {
      samples.push(...allFailed(request.points, givenUp))
      continue
    }
    const outcome = await unit.read(request)
    samples.push(...(await samplesOf(unit, request, outcome)))
    if (outcome.ok || outcome.exception !== undefined) answered = true
    else if (!answered || ++lost >= LOST_REPLIES_MAX || !mayGoOn()) givenUp = codeOf(outcome)
  }
  return samples
}

/** The short code of a failure. */
export function codeOf(outcome: Outcome<unknown> & { ok: false }): string {
  return outcome.exception === undefined ? outcome.code : `exception_${outcome.exception}`
}

async function samplesOf(
  unit: Unit,
  request: PlannedRequest,
  outcome: Outcome<Uint8Array>,
): Promise<readonly Sample[]> {
  if (outcome.ok) return request.points.map((point) => sampleOf(point, request, outcome.value))
  const refused = outcome.exception === ILLEGAL_ADDRESS || outcome.exception === ILLEGAL_VALUE
  if (refused && request.points.length > 1) return takeApart(unit, request)
  return allFailed(request.points, codeOf(outcome))
}

/** A refused request is read point by point, and what was learnt is kept: one bad point never blinds its neighbours. */
async function takeApart(unit: Unit, request: PlannedRequest): Promise<readonly Sample[]> {
  const mayLearn = !unit.isDoubtful // else the exception may have been a late one
  const samples: Sample[] = []
  const refused: string[] = []
  for (const point of request.points) {
    const single = { register: request.register, address: point.address, count: widthOf(point), points: [point] }
    const outcome = await unit.read(single)
    if (outcome.ok) {
      samples.push(sampleOf(point, single, outcome.value))
      continue
    }
    if (outcome.exception === undefined)
      return [...samples, ...allFailed(request.points.slice(samples.length), codeOf(outcome))]
    samples.push(failed(point, codeOf(outcome)))
    refused.push(point.name)
  }
  if (mayLearn) learn(unit, request, refused)
  return samples
}

function learn(unit: Unit, request: PlannedRequest, refused: readonly string[]): void {
  if (refused.length > 0) {
    for (const name of refused) unit.alone.add(name)
  } else if (unit.packed) {
    // No point is refused and no hole was read: the device does not like the range as such.
    for (const point of request.points) unit.alone.add(point.name)
  } else {
    unit.packed = true // one of the holes was refused
  }
}

function sampleOf(point: PointSettings, request: PlannedRequest, bytes: Uint8Array): Sample {
  const place = point.address - request.address
  if (isBitTable(point.register)) {
    // Bits are packed from the least significant one on (section 6.1).
    return { point: point.name, value: (((bytes[place >> 3] ?? 0) >> (place & 7)) & 1) === 1 }
  }
  const decoded = decode(point, bytes.subarray(place * 2, (place + widthOf(point)) * 2))
  if (decoded.error !== undefined) return failed(point, decoded.error)
  return { point: point.name, value: decoded.value }
}

function allFailed(points: readonly PointSettings[], code: string): Sample[] {
  return points.map((point) => failed(point, code))
}

function failed(point: PointSettings, error: string): Sample {
  return { point: point.name, error }
}

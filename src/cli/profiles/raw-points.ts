/**
 * Points of a unit that no configuration has, read by raw questions. The cores are pure: which questions, and what the
 * answers mean.
 */
import type { RawOrder, RawQuestion, RawReply } from '../../device-api.ts'
import { type Decoded, decode, decodeBit, decodePower } from '../../drivers/modbus/codec.ts'
import { type PlanLimits, type PlannedRequest, plan } from '../../drivers/modbus/plan.ts'
import { isBitTable, widthOf } from '../../drivers/modbus/registers.ts'
import type { PointSettings } from '../../settings.ts'

/** What a point said: a value, or the code that stands in its place. */
export type PointAnswer = Decoded & { readonly point: PointSettings }

/** Where the questions go. */
export interface Unit {
  ask(order: RawOrder): Promise<readonly RawReply[]>
  readonly unitId: number
}

/** What a request may be. */
export type RequestLimits = Pick<PlanLimits, 'registersMax' | 'holeMax' | 'onePointPerRequest'>

/** For one reading the fewest requests are good enough, whatever the line. */
const anyLine = { exchangeMs: 1, dataByteMs: 0 }

/** Together with others a range may be refused for one of them: illegal address, illegal value. */
const refusals = ['exception_2', 'exception_3']

/**
 * One answer per readable point, in the order of the points. A unit that does not answer the first question is not asked
 * the others. What is refused as a whole is asked point by point.
 */
export async function readPoints(
  unit: Unit,
  points: readonly PointSettings[],
  limits: RequestLimits,
): Promise<readonly PointAnswer[]> {
  const requests = plan(points, { ...limits, points, cost: anyLine, refused: [] })
  const [first, ...others] = requests.filter(({ role }) => role !== 'powers_again')
  if (first === undefined) return []
  const bytes = new Map<string, Uint8Array | string>()
  const note = (requests: readonly PlannedRequest[], replies: readonly RawReply[]) => {
    requests.forEach((request, index) => {
      for (const [name, part] of partsOf(request, replies[index])) bytes.set(name, part)
    })
  }
  const replies = [...(await askFor(unit, [first]))]
  const isThere = replies[0]?.ok || replies[0]?.code.startsWith('exception_')
  if (isThere) replies.push(...(await askFor(unit, others)))
  note([first, ...others], replies)
  const refused = [first, ...others].filter((request, index) => isRefused(request, replies[index]))
  const singles = refused.flatMap(alone)
  note(singles, await askFor(unit, singles))
  return answersOf(points, bytes)
}

async function askFor({ ask, unitId }: Unit, requests: readonly PlannedRequest[]): Promise<readonly RawReply[]> {
  if (requests.length === 0) return []
  const questions = requests.map(({ register, address, count }): RawQuestion => ({ unitId, register, address, count }))
  return ask({ questions })
}

function isRefused({ points }: PlannedRequest, reply: RawReply | undefined): boolean {
  return points.length > 1 && reply !== undefined && !reply.ok && refusals.includes(reply.code)
}

function alone(request: PlannedRequest): PlannedRequest[] {
  return request.points.map((point) => ({ ...request, address: point.address, count: widthOf(point), points: [point] }))
}

/** The bytes of each point, or the code why there are none. */
function partsOf(
  { register, address, points }: PlannedRequest,
  reply: RawReply | undefined,
): (readonly [string, Uint8Array | string])[] {
  if (reply === undefined || !reply.ok) return points.map(({ name }) => [name, reply?.code ?? 'timeout'])
  const all = Buffer.from('hex' in reply ? reply.hex : '', 'hex')
  return points.map((point) => {
    const at = point.address - address
    if (isBitTable(register)) return [point.name, Uint8Array.of(((all[at >> 3] ?? 0) >> (at & 7)) & 1)]
    const part = all.subarray(at * 2, (at + widthOf(point)) * 2)
    return [point.name, part.length === widthOf(point) * 2 ? part : 'short_reply']
  })
}

/** Pure: the bytes of points, by name, to what they mean. */
function answersOf(
  points: readonly PointSettings[],
  bytes: ReadonlyMap<string, Uint8Array | string>,
): readonly PointAnswer[] {
  return points
    .filter(({ access }) => access !== 'wo')
    .map((point) => {
      const part = bytes.get(point.name) ?? 'timeout'
      if (typeof part === 'string') return { point, error: part }
      if (isBitTable(point.register)) return { point, value: decodeBit(point, part[0] === 1) }
      const scale = points.find(({ name }) => name === point.scaleFrom)
      const power = scale && bytes.get(scale.name)
      const known = scale && power !== undefined && typeof power !== 'string' ? decodePower(scale, power) : undefined
      return { point, ...decode(point, part, known === undefined ? {} : { power: known }) }
    })
}

/**
 * Points read by raw questions, where nothing is remembered of the device: of a unit that no configuration has, or with
 * the bytes they were made of. They mean what they mean in a poll (`reading.ts`): a power of ten is read with the value,
 * or before and after it.
 */
import { widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import type { RawRange } from '../driver.ts'
import type { Decoded } from './codec.ts'
import { isRefusalCode } from './division.ts'
import { type PlanLimits, plan, type ReadRequest } from './plan.ts'
import { doubtAbout, type Power, powerFrom, samplesFrom } from './samples.ts'

/** What a point said: a value, or the code that stands in its place. `raw`: the bytes, where there were any. */
export type PointAnswer = Decoded & { readonly point: PointSettings; readonly raw?: Uint8Array }

export type RangeAnswer =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: string }

/** One answer for each range, in their order. */
export type AskRanges = (ranges: readonly RawRange[]) => Promise<readonly RangeAnswer[]>

/** What a request may be. `points`: all of the device, some of which hold the powers of ten of others. */
export type RequestLimits = Pick<PlanLimits, 'registersMax' | 'holeMax' | 'onePointPerRequest' | 'points'>

/** For one reading the fewest requests are good enough, whatever the line. */
const anyLine = { exchangeMs: 1, dataByteMs: 0 }

interface Asked {
  readonly request: ReadRequest
  readonly answer: RangeAnswer
}

/**
 * One answer per readable point, in the order of the points. A unit that does not answer the first question is not asked
 * the others. What is refused as a whole is asked point by point.
 */
export async function readByRanges(
  ask: AskRanges,
  points: readonly PointSettings[],
  limits: RequestLimits,
): Promise<readonly PointAnswer[]> {
  const readable = points.filter(({ access }) => access !== 'wo')
  const asked = await askFor(ask, plan(readable, { ...limits, cost: anyLine, refused: [] }))
  const answers = answersOf(asked, limits)
  const apart = refusedTogether(readable, asked)
  if (apart.length > 0) {
    const alone = plan(apart, { ...limits, onePointPerRequest: true, cost: anyLine, refused: [] })
    for (const [name, answer] of answersOf(await askFor(ask, alone), limits)) answers.set(name, answer)
  }
  return readable.map((point) => answers.get(point.name) ?? { point, error: 'invalid' })
}

async function askFor(ask: AskRanges, requests: readonly ReadRequest[]): Promise<readonly Asked[]> {
  const [first, ...others] = requests
  if (!first) return []
  const [answer] = await ask([first])
  const isThere = answer !== undefined && (answer.ok || answer.code.startsWith('exception_'))
  const further = isThere && others.length > 0 ? await ask(others) : others.map(() => answer)
  const nothing: RangeAnswer = { ok: false, code: 'timeout' }
  return requests.map((request, index) => ({ request, answer: [answer, ...further][index] ?? nothing }))
}

/** Pure: by the names of the points. */
function answersOf(asked: readonly Asked[], { points: all }: RequestLimits): Map<string, PointAnswer> {
  const [powers, after] = [powersOf(asked, 'powers'), powersOf(asked, 'powers_again')]
  const answers = new Map<string, PointAnswer>()
  for (const { request, answer } of asked.filter(({ request }) => request.role === 'values')) {
    if (!answer.ok) for (const point of request.points) answers.set(point.name, { point, error: answer.code })
    const taken = answer.ok ? samplesFrom(request, answer.bytes, { points: request.points, all, powers }) : []
    for (const { point, decoded, raw, borrowed } of taken) {
      const { scaleFrom = '' } = point
      const isValue = decoded.error === undefined
      const doubt = borrowed && isValue ? doubtAbout(powers.get(scaleFrom), after.get(scaleFrom)) : undefined
      answers.set(point.name, { point, raw, ...(doubt === undefined ? decoded : { error: doubt }) })
    }
  }
  return answers
}

function powersOf(asked: readonly Asked[], role: ReadRequest['role']): Map<string, Power> {
  const powers = new Map<string, Power>()
  for (const { request, answer } of asked.filter(({ request }) => request.role === role)) {
    for (const source of request.points) {
      powers.set(source.name, answer.ok ? powerFrom(request, answer.bytes, source) : { code: answer.code })
    }
  }
  return powers
}

/** Points that were refused, or their powers of ten, in a range that held more than one of them. */
function refusedTogether(points: readonly PointSettings[], asked: readonly Asked[]): readonly PointSettings[] {
  const refused = asked
    .filter(
      ({ request, answer }) => request.points.some((point) => widthOf(point) < request.count) && isRefused(answer),
    )
    .flatMap(({ request }) => request.points.map(({ name }) => name))
  return points.filter(({ name, scaleFrom }) => refused.includes(name) || refused.includes(scaleFrom ?? ''))
}

function isRefused(answer: RangeAnswer): boolean {
  return !answer.ok && isRefusalCode(answer.code)
}

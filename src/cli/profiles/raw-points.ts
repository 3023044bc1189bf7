/** Points of a unit that no configuration has, read by raw questions. */
import type { RawOrder, RawQuestion, RawReply } from '../../device-api.ts'
import type { RawRange } from '../../drivers/driver.ts'
import {
  type PointAnswer,
  type RangeAnswer,
  type RequestLimits,
  readByRanges,
} from '../../drivers/modbus/raw-points.ts'
import type { PointSettings } from '../../settings.ts'

/** Where the questions go. */
export interface Unit {
  ask(order: RawOrder): Promise<readonly RawReply[]>
  readonly unitId: number
}

/** One order has so many questions at most; the agent takes twice as many. */
const QUESTIONS_AT_ONCE = 32

/** One answer per readable point, in the order of the points. */
export function readPoints(
  unit: Unit,
  points: readonly PointSettings[],
  limits: Omit<RequestLimits, 'points'>,
): Promise<readonly PointAnswer[]> {
  return readByRanges((ranges) => askFor(unit, ranges), points, { ...limits, points })
}

async function askFor({ ask, unitId }: Unit, ranges: readonly RawRange[]): Promise<readonly RangeAnswer[]> {
  const questions = ranges.map(({ register, address, count }): RawQuestion => ({ unitId, register, address, count }))
  const answers: RangeAnswer[] = []
  for (let from = 0; from < questions.length; from += QUESTIONS_AT_ONCE) {
    const replies = await ask({ questions: questions.slice(from, from + QUESTIONS_AT_ONCE) })
    answers.push(...replies.map(answerOf))
  }
  return answers
}

function answerOf(reply: RawReply): RangeAnswer {
  if (!reply.ok) return { ok: false, code: reply.code }
  return { ok: true, bytes: Buffer.from('hex' in reply ? reply.hex : '', 'hex') }
}

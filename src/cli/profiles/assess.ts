/** Does a device fit a profile? Pure. */
import type { IdentifyRule, ProfilePoint } from '../../config/profile-file.ts'
import type { PointAnswer } from '../../drivers/modbus/raw-points.ts'
import type { Value } from '../../model.ts'
import { isPlausible } from '../devices/plausible.ts'

/** unjudged: the profile gives no range for it. */
export type Verdict = 'plausible' | 'implausible' | 'failed' | 'unjudged'

export interface Judged {
  readonly answer: PointAnswer
  readonly essential: boolean
  readonly verdict: Verdict
}

export interface Assessment {
  readonly judged: readonly Judged[]
  /** Of those with a range, how many are in it. */
  readonly plausible: number
  readonly of: number
  /** same: the model code is one of the profile. other: it is not. unknown: the profile names none, or the device does not tell. */
  readonly model: 'same' | 'other' | 'unknown'
  /** It is no other model, and all essential points are plausible. */
  readonly fits: boolean
}

export interface IdentifyAnswer {
  readonly rule: IdentifyRule
  readonly answer: PointAnswer
}

/** `answers` are those of the points of the profile, `identified` those of its rules. */
export function assess(
  points: readonly ProfilePoint[],
  { answers, identified }: { readonly answers: readonly PointAnswer[]; readonly identified: readonly IdentifyAnswer[] },
): Assessment {
  const judged = answers.map((answer): Judged => {
    const essential = points.find(({ name }) => name === answer.point.name)?.essential ?? false
    return { answer, essential, verdict: verdictOf(answer) }
  })
  const ranged = judged.filter(({ answer }) => answer.point.plausible !== undefined)
  const model = modelOf(identified)
  const essentials = judged.filter(({ essential }) => essential)
  // A profile without essential points is judged by all that have a range.
  const deciding = essentials.length > 0 ? essentials : ranged
  return {
    judged,
    plausible: ranged.filter(({ verdict }) => verdict === 'plausible').length,
    of: ranged.length,
    model,
    fits: model !== 'other' && deciding.every(({ verdict }) => verdict === 'plausible'),
  }
}

function verdictOf({ point, value }: PointAnswer): Verdict {
  if (value === undefined) return 'failed'
  if (point.plausible === undefined) return 'unjudged'
  return isPlausible(point, value) ? 'plausible' : 'implausible'
}

function modelOf(identified: readonly IdentifyAnswer[]): Assessment['model'] {
  const told = identified.filter(({ answer }) => answer.value !== undefined)
  if (told.length === 0) return 'unknown'
  return told.some(({ rule, answer }) => rule.equals.some((one) => isSame(one, answer.value))) ? 'same' : 'other'
}

/** Whole numbers may come as number or as bigint. */
function isSame(a: Value, b: Value | undefined): boolean {
  return String(a) === String(b)
}

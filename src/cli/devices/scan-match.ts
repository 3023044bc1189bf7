/** Does what a unit answers look like a device of a known kind? */
import type { Profile } from '../../config/profile-file.ts'
import type { PointAnswer } from '../../drivers/modbus/raw-points.ts'
import { type Assessment, assess, type IdentifyAnswer } from '../profiles/assess.ts'
import { readPoints, type Unit } from '../profiles/raw-points.ts'

export interface Match {
  readonly profile: Profile
  /** Its model code was found. */
  readonly identified: boolean
  /** Of so many points with an expected range, so many are in it. */
  readonly plausible: number
  readonly of: number
}

/** Of all points with a range: below this share a kind is not named. */
const SHARE_LEAST = 0.8

/**
 * The kinds that fit, the best first. Model codes decide where there are some, then the essential points, and only who
 * passes is read in full.
 */
export async function matches(unit: Unit, profiles: readonly Profile[]): Promise<Match[]> {
  const found: Match[] = []
  for (const profile of profiles) {
    const match = await matchOf(unit, profile)
    if (match && match.plausible >= match.of * SHARE_LEAST) found.push(match)
  }
  return found.sort(byLikelihood)
}

async function matchOf(unit: Unit, profile: Profile): Promise<Match | undefined> {
  const essential = profile.points.filter((point) => point.essential)
  const identified = await identityOf(unit, profile)
  // One question is enough for most kinds that it is not: a bus is slow, and some devices on it even more so.
  for (const points of [essential.slice(0, 1), essential]) {
    const answers = await readPoints(unit, withScales(points, profile), profile.defaults)
    if (!assess(profile.points, { answers: isOnly(answers, points), identified }).fits) return undefined
  }
  const answers = await readPoints(unit, profile.points, profile.defaults)
  const all = assess(profile.points, { answers, identified })
  return { profile, identified: isSameModel(all), plausible: all.plausible, of: all.of }
}

async function identityOf(unit: Unit, { identify, defaults }: Profile): Promise<IdentifyAnswer[]> {
  const answers: IdentifyAnswer[] = []
  for (const rule of identify) {
    const [answer] = await readPoints(unit, [rule.point], defaults)
    if (answer) answers.push({ rule, answer })
  }
  return answers
}

/** With the points that hold their powers of ten. */
function withScales(points: Profile['points'], profile: Profile): Profile['points'] {
  const scales = points.flatMap(({ scaleFrom }) => profile.points.filter(({ name }) => name === scaleFrom))
  return [...new Set([...points, ...scales])]
}

function isOnly(answers: readonly PointAnswer[], points: Profile['points']): PointAnswer[] {
  return answers.filter(({ point }) => points.some(({ name }) => name === point.name))
}

function isSameModel({ model }: Assessment): boolean {
  return model === 'same'
}

/** Identified before not; then who explains more of what is there. Pure. */
function byLikelihood(a: Match, b: Match): number {
  if (a.identified !== b.identified) return a.identified ? -1 : 1
  const shares = b.plausible / Math.max(1, b.of) - a.plausible / Math.max(1, a.of)
  // A share that differs by a point or two (a phase that is not wired) says less than the number of points.
  return Math.abs(shares) > 0.1 ? shares : b.plausible - a.plausible
}

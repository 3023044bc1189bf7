import type { Profile } from '../../config/profile-file.ts'
import { explained } from '../devices/codes.ts'
import { table } from '../table.ts'
import type { Assessment, Judged } from './assess.ts'

export interface TrialFacts {
  readonly profile: Profile
  readonly unitId: number
  readonly connection: string
  /** Words that name the connection on the command line. */
  readonly words: string
  readonly assessment: Assessment
}

/** What `tidegate profiles test` prints. Pure. */
export function trialText({ profile, unitId, connection, words, assessment }: TrialFacts): string[] {
  const { judged, plausible, of, fits } = assessment
  const head = `${profile.name}   ${profile.title}   ${connection}, unit ${unitId}`
  const silent = silence(judged)
  if (silent !== undefined) {
    return [head, `! ${explained(silent)}`, `\nnext:  tidegate scan ${words}`]
  }
  const rows = judged.map((one) => [`${one.essential ? '*' : ' '} ${one.answer.point.name}`, ...cellsOf(one)])
  return [
    head,
    ...table([['  POINT', 'value', 'expected', ''], ...rows]),
    '',
    ...modelLines(assessment),
    `${plausible} of ${of} points plausible${fits ? '' : '; it does not fit'}`,
    ...(fits ? [] : [`\nnext:  tidegate probe ${words} -a ${unitId} -r REF`]),
  ]
}

/** The code that all points have, when nothing at all was answered. */
function silence(judged: readonly Judged[]): string | undefined {
  const [first] = judged
  const code = first?.answer.error
  const isAlike = judged.every(({ answer }) => answer.error === code)
  return code !== undefined && isAlike && !code.startsWith('exception_') && code !== 'invalid' ? code : undefined
}

function cellsOf({ answer, verdict }: Judged): string[] {
  const { point, value, error } = answer
  const unit = point.unit === undefined ? '' : ` ${point.unit}`
  const range = point.plausible === undefined ? '' : `${point.plausible.min}..${point.plausible.max}`
  if (value === undefined) return ['-', range, `! ${explained(error ?? 'io')}`]
  return [`${String(value)}${unit}`, range, verdict === 'implausible' ? '! not plausible' : '']
}

function modelLines({ model }: Assessment): string[] {
  if (model === 'same') return ['the device says that it is this model']
  return model === 'other' ? ['! the device says that it is another model'] : []
}

/** The same for programs. */
export function trialDocument({ profile, unitId, connection, assessment }: TrialFacts): object {
  const { judged, plausible, of, model, fits } = assessment
  return {
    profile: profile.name,
    connection,
    unitId,
    fits,
    model,
    plausible,
    of,
    points: judged.map(({ answer: { point, value, error }, essential, verdict }) => ({
      point: point.name,
      ...(value === undefined ? { error } : { value: typeof value === 'bigint' ? String(value) : value }),
      ...(point.unit === undefined ? {} : { unit: point.unit }),
      ...(point.plausible === undefined ? {} : { expected: point.plausible }),
      essential,
      verdict,
    })),
  }
}

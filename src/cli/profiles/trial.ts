import type { Profile } from '../../config/profile-file.ts'
import { loadProfile } from '../../config/profiles.ts'
import { GatewayError } from '../../errors.ts'
import { type DeviceFlags, type TargetFlags, withTarget } from '../devices/source.ts'
import { type Assessment, assess, type IdentifyAnswer } from './assess.ts'
import { foldersFor } from './list.ts'
import { readPoints, type Unit } from './raw-points.ts'
import { trialDocument, trialText } from './trial-text.ts'

export interface TrialFlags extends DeviceFlags, TargetFlags {
  readonly unit?: number
  readonly timeout?: number
}

/** `tidegate profiles test`: does the device fit the profile? Status 0 or 1; 1 as well when it does not answer. */
export async function trial(
  name: string,
  flags: TrialFlags & { readonly connection: string | undefined },
): Promise<number> {
  const profile = loadProfile(name, { folders: foldersFor(flags.config) })
  const unitId = flags.unit ?? profile.unitId
  if (unitId === undefined) {
    throw new GatewayError('usage', `the profile ${name} names no unit`, { hint: 'add --unit N' })
  }
  return withTarget({ ...flags, name: flags.connection }, async ({ tools, connection, words }) => {
    const limit = flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }
    const unit: Unit = { unitId, ask: (order) => tools.ask(connection.name, { ...order, ...limit }) }
    const assessment = await tryOn(profile, unit)
    const facts = { profile, unitId, connection: connection.name, words, assessment }
    if (flags.json) console.log(JSON.stringify(trialDocument(facts), null, 2))
    else console.log(trialText(facts).join('\n'))
    return assessment.fits ? 0 : 1
  })
}

/** Reads the points and the model code. */
async function tryOn(profile: Profile, unit: Unit): Promise<Assessment> {
  const answers = await readPoints(unit, profile.points, profile.defaults)
  const isThere = answers.some(({ value, error }) => value !== undefined || error?.startsWith('exception_'))
  const identified: IdentifyAnswer[] = []
  for (const rule of isThere ? profile.identify : []) {
    const [answer] = await readPoints(unit, [rule.point], profile.defaults)
    if (answer) identified.push({ rule, answer })
  }
  return assess(profile.points, { answers, identified })
}

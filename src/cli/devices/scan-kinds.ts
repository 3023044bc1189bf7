import { ConfigInvalid } from '../../config/problem.ts'
import type { Profile } from '../../config/profile-file.ts'
import { listProfiles, loadProfile } from '../../config/profiles.ts'
import { foldersFor } from '../profiles/list.ts'

/** The kinds of devices to look for; a profile that is wrong is left out, with a remark. */
export function knownKinds(configFile: string): Profile[] {
  const folders = foldersFor(configFile)
  return listProfiles({ folders }).flatMap(({ name, file }) => {
    try {
      return [loadProfile(name, { folders })]
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      console.error(`The profile ${name} is left out, because ${file} is wrong: tidegate profiles show ${name}`)
      return []
    }
  })
}

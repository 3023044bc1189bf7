import { dirname } from 'node:path'
import { ConfigInvalid } from '../../config/problem.ts'
import type { Profile } from '../../config/profile-file.ts'
import { listProfiles, loadProfile, profileFolders } from '../../config/profiles.ts'

/** The kinds of devices to look for; a profile that is wrong is left out, with a remark. */
export function knownKinds(configFile: string): Profile[] {
  const folders = profileFolders(dirname(configFile))
  return listProfiles({ folders }).flatMap(({ name, file }) => {
    try {
      return [loadProfile(name, { folders })]
    } catch (error) {
      if (!(error instanceof ConfigInvalid)) throw error
      console.error(`The profile ${name} is left out, because ${file} is wrong: tidegate profiles`)
      return []
    }
  })
}

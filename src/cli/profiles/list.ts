import { dirname, resolve } from 'node:path'
import { ConfigInvalid } from '../../config/problem.ts'
import { listProfiles, loadProfile, profileFolders } from '../../config/profiles.ts'
import { formatNumberOf } from '../format.ts'
import { table } from '../table.ts'

export interface ListFlags {
  readonly config: string
  readonly json: boolean
}

/** Where profiles are looked for with this configuration; where one is being written there may be none yet. */
export function foldersFor(config: string): string[] {
  return [...new Set([...profileFolders(dirname(config)).slice(0, 1), resolve('profiles'), ...profileFolders()])]
}

/** `tidegate profiles`: what there is. Status 0, or 1 when one of them is wrong. */
export async function list({ config, json }: ListFlags): Promise<number> {
  const folders = foldersFor(config)
  const known = listProfiles({ folders }).map((one) => ({ ...one, problems: problemsOf(one.name, folders) }))
  const broken = known.filter(({ problems }) => problems > 0)
  if (json) {
    console.log(JSON.stringify(known, null, 2))
    return broken.length > 0 ? 1 : 0
  }
  const bundled = folders.at(-1) ?? ''
  const rows = known.map(({ name, title, file, problems }) => [
    name,
    problems > 0 ? `! ${formatNumberOf(problems, 'problem')}: tidegate profiles show ${name}` : title,
    file.startsWith(bundled) ? '' : file,
  ])
  for (const line of table([['PROFILE', 'device', ''], ...rows])) console.log(line)
  console.log('\nnext:  tidegate profiles show NAME      tidegate profiles test NAME CONNECTION --unit N')
  return broken.length > 0 ? 1 : 0
}

/** How many things are wrong in its file. */
function problemsOf(name: string, folders: readonly string[]): number {
  try {
    loadProfile(name, { folders })
    return 0
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.problems.length
    throw error
  }
}

import { dirname } from 'node:path'
import { listProfiles, profileFolders } from '../../config/profiles.ts'
import { table } from '../table.ts'

export interface ListFlags {
  readonly config: string
  readonly json: boolean
}

/** Where profiles are looked for with this configuration. */
export function foldersFor(config: string): string[] {
  return profileFolders(dirname(config))
}

/** `tidegate profiles`: what there is. Status 0. */
export async function list({ config, json }: ListFlags): Promise<number> {
  const folders = foldersFor(config)
  const known = listProfiles({ folders })
  if (json) {
    console.log(JSON.stringify(known, null, 2))
    return 0
  }
  const bundled = folders.at(-1) ?? ''
  const rows = known.map(({ name, title, file }) => [
    name,
    title === '' ? '! cannot be read' : title,
    file.startsWith(bundled) ? '' : file,
  ])
  for (const line of table([['PROFILE', 'device', ''], ...rows])) console.log(line)
  console.log('\nnext:  tidegate profiles show NAME      tidegate profiles test NAME CONNECTION --unit N')
  return 0
}

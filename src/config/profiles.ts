import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GatewayError } from '../errors.ts'
import { parseText } from './document.ts'
import { valueAt } from './explain.ts'
import { ConfigInvalid } from './problem.ts'
import { type Profile, type ReadProfile, readProfile } from './profile-file.ts'
import { readSource } from './source.ts'
import { nearest } from './suggest.ts'

/** Profiles of this machine, for all its configurations. */
const machineFolder = '/etc/tidegate/profiles'

/** Vendor and model, or just a model for one's own. */
const nameForm = /^[\p{L}\p{N}][\p{L}\p{N}_.-]*(?:\/[\p{L}\p{N}][\p{L}\p{N}_.-]*)?$/u
const ending = '.yaml'

export interface ProfileOptions {
  /** Where profiles are looked for, first ones first. Default: `profileFolders()`. */
  readonly folders?: readonly string[]
}

/** A profile that can be named, whether its content is right or not. */
export interface KnownProfile {
  readonly name: string
  /** '' when the file cannot be read that far. */
  readonly title: string
  readonly source: string
  readonly file: string
}

/** Where profiles are looked for: beside the configuration, on this machine, in the program. */
export function profileFolders(configurationFolder?: string): string[] {
  const beside = configurationFolder === undefined ? [] : [join(configurationFolder, 'profiles')]
  return [...beside, machineFolder, bundledFolder()]
}

/**
 * A profile by its name, such as `eastron/sdm630`. Throws GatewayError('unknown_profile') when there is none of this name,
 * ConfigInvalid when its file is wrong.
 */
export function loadProfile(name: string, options: ProfileOptions = {}): Profile {
  const { folders = profileFolders() } = options
  const read = findProfile(name, folders)
  if (read !== undefined) return read.profile
  const { message, hint } = unknownProfile(name, folders)
  throw new GatewayError('unknown_profile', message, { hint })
}

/** All that can be named, in the order of their names. */
export function listProfiles(options: ProfileOptions = {}): readonly KnownProfile[] {
  return [...places(options.folders ?? profileFolders())].map(([name, file]) => ({ name, file, ...headOf(file) }))
}

/** Undefined when there is no profile of this name. Throws ConfigInvalid when its file is wrong. */
export function findProfile(name: string, folders: readonly string[]): ReadProfile | undefined {
  if (!nameForm.test(name)) return undefined
  const file = folders.map((folder) => join(folder, `${name}${ending}`)).find(isFile)
  return file === undefined ? undefined : readProfile({ name, file })
}

/** What to say about a name that leads nowhere. */
export function unknownProfile(name: string, folders: readonly string[]): { message: string; hint: string } {
  const known = [...places(folders).keys()]
  // A model is often known by its own name.
  const near = nearest(name, known) ?? known.find((one) => one.endsWith(`/${name.toLowerCase()}`))
  const meant = near === undefined ? '' : `; did you mean "${near}"?`
  return { message: `there is no profile "${name}"${meant}`, hint: 'tidegate profiles lists all' }
}

/** Where the program's own ones are: beside src in a checkout, beside lib in a package. */
function bundledFolder(): string {
  const root = import.meta.url.endsWith('.ts') ? '../../profiles' : '../profiles'
  return fileURLToPath(new URL(root, import.meta.url))
}

/** Name -> file. The first folder with a name has it. */
function places(folders: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const folder of folders) {
    for (const name of namesIn(folder)) {
      if (!found.has(name)) found.set(name, join(folder, `${name}${ending}`))
    }
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function namesIn(folder: string): string[] {
  const files = (below: string) =>
    entries(below)
      .filter((name) => name.endsWith(ending))
      .map((name) => name.slice(0, -ending.length))
  const vendors = entries(folder).filter((name) => !name.endsWith(ending))
  const names = [
    ...files(folder),
    ...vendors.flatMap((one) => files(join(folder, one)).map((model) => `${one}/${model}`)),
  ]
  return names.filter((name) => nameForm.test(name))
}

function headOf(file: string): Pick<KnownProfile, 'title' | 'source'> {
  try {
    const value = parseText(readSource(file)).tree?.value
    const head: object = valueAt(value, []) ?? {}
    const text = (key: string): string => {
      const said: unknown = Reflect.get(head, key)
      return typeof said === 'string' ? said : ''
    }
    return { title: text('title'), source: text('source') }
  } catch (error) {
    if (error instanceof ConfigInvalid) return { title: '', source: '' }
    throw error
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // not there, no folder, or not readable for this user
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

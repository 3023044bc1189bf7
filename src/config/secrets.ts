import { readFileSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import type { Parsed } from './units.ts'

/** A certificate chain is 10 kB; more is a wrong path. */
const secretBytesMax = 256 * 1024

export interface SecretPlaces {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Folder of the configuration file: credentials/ is looked for in it, and paths are relative to it. */
  readonly folder: string
}

/** Does the text refer to a secret kept elsewhere? */
export function isReference(text: string): boolean {
  return /^(secret|env|file):/.test(text)
}

/**
 * The secret a text refers to: `secret:NAME` from systemd's credentials folder or `credentials/NAME` beside the
 * configuration, `env:NAME`, `file:/path`; any other text stands for itself. One line break at the end is not part of it.
 */
export function readSecret(text: string, places: SecretPlaces): Parsed<string> {
  const [, scheme, name = ''] = /^(secret|env|file):(.*)$/s.exec(text) ?? []
  switch (scheme) {
    case 'secret':
      return readNamed(name, places)
    case 'env':
      return readVariable(name, places)
    case 'file':
      return readFile(name, places)
    default:
      return { value: text }
  }
}

/** A PEM text by path or by reference. */
export function readPem(text: string, places: SecretPlaces): Parsed<string> {
  const read = isReference(text) ? readSecret(text, places) : readFile(text, places)
  if ('problem' in read || read.value.includes('-----BEGIN ')) return read
  return {
    problem: `${text} holds no PEM text`,
    hint: 'it begins with -----BEGIN; convert with openssl x509 or openssl pkey',
  }
}

function readNamed(name: string, places: SecretPlaces): Parsed<string> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    return {
      problem: `"${name}" is no name of a secret`,
      hint: 'write secret:NAME with letters, digits, dots, _ and -',
    }
  }
  const systemd = places.env['CREDENTIALS_DIRECTORY']
  const beside = join(places.folder, 'credentials', name)
  const candidates = [...(systemd === undefined ? [] : [join(systemd, name)]), beside]
  for (const path of candidates) {
    const read = tryRead(path)
    if (read !== undefined) return read
  }
  const looked = systemd === undefined ? `${beside} ($CREDENTIALS_DIRECTORY is not set)` : candidates.join(' and ')
  return { problem: `secret "${name}" not found; looked for ${looked}`, hint: `write it to ${beside} with mode 0600` }
}

function readVariable(name: string, places: SecretPlaces): Parsed<string> {
  const value = places.env[name]
  if (value === undefined)
    return { problem: `environment variable "${name}" is not set`, hint: 'set it in the unit or the shell' }
  return value === '' ? { problem: `environment variable "${name}" is empty` } : { value }
}

function readFile(name: string, places: SecretPlaces): Parsed<string> {
  if (name === '') return { problem: 'the path is missing', hint: 'write file:/path' }
  const path = isAbsolute(name) ? name : resolve(places.folder, name)
  return tryRead(path) ?? { problem: `there is no file ${path}` }
}

/** Undefined when there is no such file. */
function tryRead(path: string): Parsed<string> | undefined {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > secretBytesMax)
      return { problem: `${path} has ${bytes.length} bytes, at most ${secretBytesMax} are allowed` }
    const value = bytes.toString('utf8').replace(/\r?\n$/, '')
    return value === '' ? { problem: `${path} is empty` } : { value }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EACCES') return { problem: `${path} may not be read by this user`, hint: 'change its owner or mode' }
    return { problem: `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` }
  }
}

import type { z } from 'zod'
import { soundsSecret } from './frame.ts'
import { isLaterKey } from './later.ts'
import type { Finding, Path } from './problem.ts'
import { nearest } from './suggest.ts'

type Issue = z.core.$ZodIssue

/**
 * zod's issues as findings. Unknown keys point at the key, everything else at the value; "missing X" beside "unknown
 * near-X" becomes the one message that helps.
 */
export function explain(issues: readonly Issue[], root: unknown): Finding[] {
  const unknown = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? unknownKeys(issue, root) : []))
  const others = issues.filter((issue) => issue.code !== 'unrecognized_keys')
  const missing = others.filter((issue) => isMissing(issue, root))
  const findings = missing.flatMap((issue) => {
    const path = keysOf(issue.path)
    const key = String(path.at(-1))
    const misspelt = unknown.find(
      (one) => one.meant === key && samePath(one.finding.path.slice(0, -1), path.slice(0, -1)),
    )
    if (misspelt) return []
    const near = misspeltNeighbour(path, root)
    return [near?.finding ?? missingKey(path, issue)]
  })
  const wrong = others.filter((issue) => !missing.includes(issue)).map(wrongValue)
  return [...unknown.map((one) => one.finding), ...findings, ...wrong]
}

interface UnknownKey {
  readonly finding: Finding
  /** The key that was probably meant. */
  readonly meant: string | undefined
}

function unknownKeys(issue: Extract<Issue, { code: 'unrecognized_keys' }>, root: unknown): UnknownKey[] {
  const allowed = issue.message.split(',')
  const path = keysOf(issue.path)
  const written = Object.keys(valueAt(root, path) ?? {})
  // A key that is already there cannot be what another one was meant to be, unless nothing else comes near.
  const free = allowed.filter((key) => !written.includes(key))
  return issue.keys.map((key) => {
    const meant = isLaterKey(key) ? undefined : (nearest(key, free) ?? nearest(key, allowed))
    return unknownKey([...path, key], { allowed, meant })
  })
}

function unknownKey(path: Path, options: { allowed: readonly string[]; meant: string | undefined }): UnknownKey {
  const key = String(path.at(-1))
  const common = { path, about: path.slice(0, -1), at: 'key' } as const
  if (isLaterKey(key)) {
    return {
      finding: { ...common, message: `"${key}" is not in this version yet`, hint: 'remove it' },
      meant: undefined,
    }
  }
  if (key === '<<') {
    const message = 'YAML merge keys are not supported'
    return { finding: { ...common, message, hint: 'write the keys out here' }, meant: undefined }
  }
  const { allowed, meant } = options
  const message = meant === undefined ? `unknown key "${key}"` : `unknown key "${key}"; did you mean "${meant}"?`
  const hint = meant === undefined ? { hint: `allowed: ${allowed.join(', ')}` } : {}
  const place = meant === undefined ? {} : { meant: [...common.about, meant] }
  return { finding: { ...common, ...place, message, ...hint }, meant }
}

/** When a union cannot be told apart for want of its key, zod reports no unknown keys; look for the misspelt one. */
function misspeltNeighbour(path: Path, root: unknown): UnknownKey | undefined {
  const key = String(path.at(-1))
  if (key !== 'type') return undefined
  const parent = path.slice(0, -1)
  const near = Object.keys(valueAt(root, parent) ?? {}).find((written) => nearest(written, [key]) === key)
  return near === undefined ? undefined : unknownKey([...parent, near], { allowed: [key], meant: key })
}

function missingKey(path: Path, issue: Issue): Finding {
  const key = String(path.at(-1))
  const expected = /^expected (.*?), got nothing/.exec(issue.message)?.[1]
  const words = expected !== undefined && issue.code !== 'invalid_type' ? `: ${expected}` : ''
  return { path: path.slice(0, -1), at: 'key', message: `missing "${key}"${words}` }
}

function wrongValue(issue: Issue): Finding {
  const inner = issue.code === 'invalid_key' ? issue.issues[0] : undefined
  const [message = '', hint] = (inner ?? issue).message.split('\n')
  const path = keysOf(issue.path)
  if (soundsSecret(String(path.at(-1))) || path.includes('psk')) {
    return {
      path,
      at: 'value',
      message: message.replace(/, got .*/, ''),
      ...(hint === undefined ? {} : { hint: 'put it in quotes' }),
    }
  }
  return { path, at: inner ? 'key' : 'value', message, ...(hint === undefined ? {} : { hint }) }
}

/** Is nothing written where the issue points? */
function isMissing(issue: Issue, root: unknown): boolean {
  const path = keysOf(issue.path)
  if (path.length === 0) return false
  const parent = valueAt(root, path.slice(0, -1))
  return parent !== undefined && !Object.hasOwn(parent, String(path.at(-1)))
}

/** The object or list at a path of a plain value, undefined when there is none. */
export function valueAt(root: unknown, path: Path): object | undefined {
  let value: unknown = root
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, step)
  }
  return typeof value === 'object' && value !== null ? value : undefined
}

function keysOf(path: readonly PropertyKey[]): Path {
  return path.map((step) => (typeof step === 'number' ? step : String(step)))
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((step, index) => step === b[index])
}

import type { z } from 'zod'
import { ofTheirBranch } from './branches.ts'
import { valueAt } from './explain.ts'
import type { Path } from './problem.ts'
import { type File, file } from './schema/file.ts'
import { wording } from './wording.ts'

/** Each round removes what the one before uncovered: a bad value, then the entry that cannot be without it. */
const roundsMax = 4

const requiredSections = ['connections', 'devices', 'uplinks']

export interface SchemaResult {
  readonly issues: readonly z.core.$ZodIssue[]
  /** What the schema made of the file, without the parts that have issues. Undefined when too little is left. */
  readonly usable: File | undefined
}

/**
 * Checks the whole file against the schema. Where that finds issues, the bad parts are left out and the rest is used
 * further, so that one wrong number does not hide a dangling reference elsewhere.
 */
export function applySchema(value: unknown): SchemaResult {
  const first = file.safeParse(value, { error: wording })
  if (first.success) return { issues: [], usable: first.data }
  let rest = value
  const found = ofTheirBranch(first.error.issues)
  let issues: readonly z.core.$ZodIssue[] = found
  for (let round = 0; round < roundsMax; round++) {
    rest = without(rest, issues)
    const again = file.safeParse(rest, { error: wording })
    if (again.success) return { issues: found, usable: again.data }
    issues = ofTheirBranch(again.error.issues)
  }
  return { issues: found, usable: undefined }
}

function without(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const rest: unknown = structuredClone(value)
  if (typeof rest !== 'object' || rest === null || Array.isArray(rest)) return rest
  for (const issue of issues) {
    const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) remove(rest, [...path, key])
    else remove(rest, isThere(rest, path) ? path : path.slice(0, -1))
  }
  Reflect.set(rest, 'version', 1)
  for (const section of requiredSections) {
    if (!Object.hasOwn(rest, section)) Reflect.set(rest, section, {})
  }
  return rest
}

function remove(root: object, path: Path): void {
  const key = path.at(-1)
  const parent = valueAt(root, path.slice(0, -1))
  if (key === undefined || parent === undefined) return
  if (Array.isArray(parent)) remove(root, path.slice(0, -1))
  else Reflect.deleteProperty(parent, key)
}

function isThere(root: unknown, path: Path): boolean {
  const parent = valueAt(root, path.slice(0, -1))
  return parent !== undefined && Object.hasOwn(parent, path.at(-1) ?? '')
}

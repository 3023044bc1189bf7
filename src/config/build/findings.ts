import { valueAt } from '../explain.ts'
import type { Finding, Path } from '../problem.ts'
import { anyOf, nearest } from '../suggest.ts'

interface Remark {
  readonly hint?: string | undefined
  /** Default: value. */
  readonly at?: Finding['at']
}

/** The tree that is checked, and what there is to say about it. */
export class Findings {
  /** The tree as written. */
  readonly raw: unknown
  readonly errors: Finding[] = []
  readonly warnings: Finding[] = []
  readonly #source: (path: Path) => string | undefined
  readonly #misspelt: ReadonlySet<string>

  constructor(raw: unknown, options: { source: (path: Path) => string | undefined; misspelt: readonly Path[] }) {
    this.raw = raw
    this.#source = options.source
    this.#misspelt = new Set(options.misspelt.map((path) => JSON.stringify(path)))
  }

  error(path: Path, message: string, remark: Remark = {}): void {
    this.errors.push(finding(path, message, remark))
  }

  warning(path: Path, message: string, remark: Remark = {}): void {
    this.warnings.push(finding(path, message, remark))
  }

  /** Is the key in the file, whatever stands behind it? */
  written(path: Path): boolean {
    const parent = valueAt(this.raw, path.slice(0, -1))
    return parent !== undefined && Object.hasOwn(parent, path.at(-1) ?? '')
  }

  /** Did the author want this key, under whatever name? Then its absence is told already. */
  attempted(path: Path): boolean {
    return this.written(path) || this.#misspelt.has(JSON.stringify(path))
  }

  /** All names of a block, also of entries that are wrong. */
  names(path: Path): string[] {
    return Object.keys(valueAt(this.raw, path) ?? {})
  }

  /** The scalar as written in the file. */
  source(path: Path): string | undefined {
    return this.#source(path)
  }

  /** Refuses those of the keys that are written; `why` completes "interval ...". */
  refuse(path: Path, keys: readonly string[], why: string): void {
    for (const key of keys) {
      if (this.written([...path, key])) this.error([...path, key], `${key} ${why}`, { hint: 'remove it', at: 'key' })
    }
  }

  /** A name that leads nowhere. */
  dangling(
    path: Path,
    options: { kind: string; name: string; known: readonly string[]; hint?: string; at?: Finding['at'] },
  ): void {
    const { kind, name, known } = options
    const near = nearest(name, known)
    const meant = near === undefined ? '' : `; did you mean "${near}"?`
    const listed = near === undefined && known.length > 0 && known.length <= 12 ? `there is ${anyOf(known)}` : undefined
    this.error(path, `there is no ${kind} "${name}"${meant}`, {
      hint: options.hint ?? listed,
      at: options.at ?? 'value',
    })
  }
}

function finding(path: Path, message: string, remark: Remark): Finding {
  const hint = remark.hint === undefined ? {} : { hint: remark.hint }
  return { path, at: remark.at ?? 'value', message, ...hint }
}

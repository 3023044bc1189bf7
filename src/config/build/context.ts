import { valueAt } from '../explain.ts'
import type { Finding, Path } from '../problem.ts'
import type { File } from '../schema/file.ts'
import type { SecretPlaces } from '../secrets.ts'
import { anyOf, nearest } from '../suggest.ts'

/** The machine the configuration is for, as far as it matters. */
export interface Host extends SecretPlaces {
  readonly hostname: string
  /** Folder with by-id and by-path links of serial ports. */
  readonly serialFolder: string
}

interface Remark {
  readonly hint?: string | undefined
  /** Default: value. */
  readonly at?: Finding['at']
}

/** What building settings needs at hand, and where it leaves what it has to say. */
export class Context {
  /** What the schema made of the file, without the parts that were wrong. */
  readonly file: File
  /** The file as written. */
  readonly raw: unknown
  readonly host: Host
  readonly gatewayId: string
  readonly errors: Finding[] = []
  readonly warnings: Finding[] = []
  readonly #source: (path: Path) => string | undefined
  readonly #misspelt: ReadonlySet<string>

  constructor(
    file: File,
    options: { raw: unknown; host: Host; source: (path: Path) => string | undefined; misspelt: readonly Path[] },
  ) {
    this.file = file
    this.raw = options.raw
    this.host = options.host
    this.gatewayId = file.gateway.id ?? options.host.hostname
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
  dangling(path: Path, options: { kind: string; name: string; known: readonly string[] }): void {
    const { kind, name, known } = options
    const near = nearest(name, known)
    const meant = near === undefined ? '' : `; did you mean "${near}"?`
    const hint = near === undefined && known.length > 0 && known.length <= 12 ? `there is ${anyOf(known)}` : undefined
    this.error(path, `there is no ${kind} "${name}"${meant}`, { hint })
  }
}

function finding(path: Path, message: string, remark: Remark): Finding {
  const hint = remark.hint === undefined ? {} : { hint: remark.hint }
  return { path, at: remark.at ?? 'value', message, ...hint }
}

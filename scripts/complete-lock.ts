/**
 * Adds to package-lock.json the optional packages of other platforms that the registry used for locking did not have (a
 * mirror, an offline cache). Without their names `npm ci` refuses the lock on every machine; with them it skips what is
 * not for the platform. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs'

export interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  packages: Record<string, LockEntry & Record<string, unknown>>
}

const FILE = new URL('../package-lock.json', import.meta.url)
const systems = ['android', 'darwin', 'freebsd', 'win32', 'openharmony', 'linux']
const processors = ['arm64', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x']

/** Optional packages that are asked for and have no entry: place of the entry and what it should say. */
export function missingEntries(packages: Readonly<Record<string, LockEntry>>): Map<string, Record<string, unknown>> {
  const missing = new Map<string, Record<string, unknown>>()
  for (const [place, entry] of Object.entries(packages)) {
    if (place === '') continue
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`
      if (!(key in packages) && !(`${place}/${key}` in packages))
        missing.set(key, describe(name, { ...entry, version }))
    }
  }
  return missing
}

/** What the package's name tells of its platform. */
function describe(name: string, entry: LockEntry): Record<string, unknown> {
  const words = name.split(/[-/]/)
  const cpu = processors.filter((processor) => words.includes(processor))
  const libc = words.some((word) => word.startsWith('musl'))
    ? { libc: ['musl'] }
    : words.some((word) => word.startsWith('gnu'))
      ? { libc: ['glibc'] }
      : {}
  return {
    version: entry.version,
    cpu: cpu.length > 0 ? cpu : ['arm'],
    ...(entry.dev ? { dev: true } : {}),
    ...libc,
    optional: true,
    os: systems.filter((system) => words.includes(system)),
  }
}

export function readLock(): Lock {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Lock
}

function complete(): void {
  const lock = readLock()
  const missing = missingEntries(lock.packages)
  const entries = { ...lock.packages, ...Object.fromEntries(missing) } as Lock['packages']
  lock.packages = Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
  console.log(`${missing.size} entries added`)
}

if (import.meta.main) complete()

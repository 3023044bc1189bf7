import { cpSync, existsSync, globSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { nativePackages } from './bundle.ts'
import type { Target } from './targets.ts'

/** Headers for compiling; nothing of it is needed once the binary is there. */
const onlyForCompiling = new Set(['node-addon-api'])

const neededFiles = ['package.json', '**/*.js', '{LICENSE,license,LICENCE,licence}*']
/** Packages inside the package are visited by themselves; deps holds the source of SQLite. */
const unneededFiles = ['node_modules/**', 'deps/**', '**/*.test.js', '**/{test,benchmark}/**']

/** Where each package keeps its binaries, by target. */
const binaries: Readonly<Record<string, (target: Target) => string>> = {
  'better-sqlite3': (target) => `prebuilds/linux-${target.nodeArch}.node`,
  '@serialport/bindings-cpp': (target) => `prebuilds/linux-${target.nodeArch}/*.glibc.node`,
}

/**
 * Copies the packages with a native part and what they need into `folder`/node_modules, with the binaries of the target
 * and no others. Returns the folders of the packages, relative to the root.
 */
export function copyNative(root: string, folder: string, target: Target): string[] {
  const packages = closure(root, nativePackages)
  for (const [name, source] of packages) {
    const binary = binaries[name]?.(target)
    const patterns = [...neededFiles, ...(binary === undefined ? [] : [binary])]
    const files = globSync(patterns, { cwd: source, exclude: unneededFiles })
    if (binary !== undefined && !files.some((file) => file.endsWith('.node'))) {
      throw new Error(`${name} has no binary for ${target.name}: ${join(source, binary)} is not there`)
    }
    for (const file of files) {
      const copy = join(folder, relative(root, source), file)
      mkdirSync(dirname(copy), { recursive: true })
      cpSync(join(source, file), copy)
    }
  }
  return [...packages.values()].map((source) => relative(root, source)).sort()
}

/** The packages and everything they need at run time: name (or name and place) to folder. */
function closure(root: string, names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (name: string, from: string) => {
    if (onlyForCompiling.has(name)) return
    const folder = findPackage(name, from)
    if ([...found.values()].includes(folder)) return
    found.set(found.has(name) ? folder : name, folder)
    const text = readFileSync(join(folder, 'package.json'), 'utf8')
    const { dependencies = {} } = JSON.parse(text) as { dependencies?: Record<string, string> }
    for (const dependency of Object.keys(dependencies)) visit(dependency, folder)
  }
  for (const name of names) visit(name, root)
  return found
}

/** As Node looks for a package: in node_modules here, then above. */
function findPackage(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return candidate
    if (dirname(folder) === folder) throw new Error(`package ${name}, needed by ${from}, is not installed: run npm ci`)
  }
}

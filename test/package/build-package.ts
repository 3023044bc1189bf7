import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repository } from '../support/program.ts'

export interface BuiltPackage {
  /** What the archive unpacked to. */
  readonly folder: string
  readonly archive: string
  remove(): void
}

/** Builds the package for a target with the real script, quickly instead of small, and unpacks it. */
export function buildPackage(target: string, env: NodeJS.ProcessEnv = {}): BuiltPackage {
  const work = mkdtempSync(join(tmpdir(), 'tg-package-'))
  const remove = () => rmSync(work, { recursive: true, force: true })
  try {
    const script = join(repository, 'scripts', 'cross-build', 'build.ts')
    const words = [script, '--target', target, '--level', '1', '--out', work]
    execFileSync(process.execPath, words, { cwd: repository, env: { ...process.env, ...env }, stdio: 'pipe' })
    const archive = onlyEntry(work, (name) => name.endsWith('.tar.gz'))
    execFileSync('tar', ['-xzf', archive, '-C', work])
    return { folder: onlyEntry(work, (name) => !name.includes('.tar.gz')), archive, remove }
  } catch (error) {
    remove()
    throw error
  }
}

function onlyEntry(folder: string, wanted: (name: string) => boolean): string {
  const [name, ...others] = readdirSync(folder).filter(wanted)
  if (name === undefined || others.length > 0)
    throw new Error(`expected one entry in ${folder}, found ${[name, ...others]}`)
  return join(folder, name)
}

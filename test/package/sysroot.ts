import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { skip } from '../support/needs.ts'
import { repository } from '../support/program.ts'

/** What Node and the native parts link to. */
const libraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1']

/**
 * The libraries of another architecture, from the archive that this machine uses, in .cache. apt gets a state of its own,
 * so nothing of the machine changes. Undefined, after skipping the test, when the archive cannot be reached.
 */
export function sysroot(test: TestContext, architecture: string): string | undefined {
  const cache = join(repository, '.cache')
  const folder = join(cache, `sysroot-${architecture}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'sysroot-work-'))
  try {
    const debs = download(work, architecture)
    const root = join(work, 'root')
    for (const deb of debs) execFileSync('dpkg-deb', ['--extract', deb, root])
    renameSync(root, folder)
    return folder
  } catch (error) {
    skip(test, `needs the Debian archive for ${architecture}: ${String(error).split('\n')[0]}`)
    return undefined
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function download(work: string, architecture: string): string[] {
  for (const name of ['lists/partial', 'cache/archives/partial', 'debs'])
    mkdirSync(join(work, name), { recursive: true })
  writeFileSync(join(work, 'status'), '')
  const settings = [
    `Dir::State=${work}`,
    `Dir::State::status=${work}/status`,
    `Dir::State::Lists=${work}/lists`,
    `Dir::Cache=${work}/cache`,
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    'Acquire::Languages=none',
    'Acquire::Retries=0',
    'Acquire::http::Timeout=20',
    // Else apt changes to a user that may not write here.
    'APT::Sandbox::User=root',
  ].flatMap((setting) => ['-o', setting])
  const options = { cwd: join(work, 'debs'), stdio: 'pipe', timeout: 120_000 } as const
  execFileSync('apt-get', [...settings, 'update', '-qq'], options)
  execFileSync('apt-get', [...settings, 'download', '-qq', ...libraries], options)
  return globSync('debs/*.deb', { cwd: work }).map((file) => join(work, file))
}

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Target } from './targets.ts'

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>
}

/**
 * Puts the target's Node (bin/node, LICENSE) into `folder`: from node_modules when the machine is of that kind, else from
 * the npm registry, checked against the lock file and kept in .cache. Returns its version.
 */
export function copyNode(root: string, folder: string, target: Target): string {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as LockFile
  const locked = lock.packages[`node_modules/${target.nodePackage}`]
  if (locked === undefined) throw new Error(`package-lock.json does not name ${target.nodePackage}`)
  const installed = join(root, 'node_modules', target.nodePackage)
  mkdirSync(join(folder, 'bin'), { recursive: true })
  if (existsSync(join(installed, 'bin', 'node'))) {
    for (const file of ['bin/node', 'LICENSE']) cpSync(join(installed, file), join(folder, file))
  } else {
    const archive = fetchArchive(root, target.nodePackage, locked)
    const wanted = ['package/bin/node', 'package/LICENSE']
    execFileSync('tar', ['-xzf', archive, '-C', folder, '--strip-components=1', ...wanted])
  }
  return locked.version
}

/** The package's archive as the registry has it, from .cache or through npm. */
function fetchArchive(root: string, name: string, locked: { version: string; integrity: string }): string {
  const cache = join(root, '.cache', 'node')
  const archive = join(cache, `${name}-${locked.version}.tgz`)
  if (!existsSync(archive)) {
    mkdirSync(cache, { recursive: true })
    const fresh = join(cache, `fetching-${process.pid}`)
    mkdirSync(fresh)
    execFileSync('npm', ['pack', `${name}@${locked.version}`, '--silent', '--pack-destination', fresh], {
      stdio: 'pipe',
    })
    renameSync(join(fresh, `${name}-${locked.version}.tgz`), archive)
    rmdirSync(fresh)
  }
  const [algorithm = '', digest] = locked.integrity.split('-', 2)
  const actual = createHash(algorithm).update(readFileSync(archive)).digest('base64')
  if (actual !== digest)
    throw new Error(`${archive} is not what package-lock.json names: ${algorithm} ${actual}, expected ${digest}`)
  return archive
}

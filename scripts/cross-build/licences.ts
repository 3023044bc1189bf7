import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The licences of all packages (folders relative to the root), one after the other, as most of them demand. */
export function licenceList(root: string, folders: readonly string[], nodeVersion: string): string {
  const sections = [...new Set(folders)].sort().map((folder) => {
    const text = readFileSync(join(root, folder, 'package.json'), 'utf8')
    const { name, version, license } = JSON.parse(text) as { name: string; version: string; license?: string }
    const files = globSync('{LICEN[SC]E,licen[sc]e,COPYING}*', { cwd: join(root, folder) }).sort()
    const texts = files.map((file) => readFileSync(join(root, folder, file), 'utf8').trim())
    return [`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n')
  })
  const head = [
    'Tidegate itself is under the MIT License, see LICENSE. It contains:',
    `Node.js ${nodeVersion} (MIT and others): see node/LICENSE, which also lists what Node contains.`,
    'SQLite, inside better-sqlite3: in the public domain.',
  ].join('\n')
  return `${[head, ...sections].join(`\n\n${'-'.repeat(78)}\n\n`)}\n`
}

import { readFileSync } from 'node:fs'
import { messageOf } from '../errors.ts'

export interface VersionOptions {
  readonly json: boolean
}

/** What a report of trouble must name. Loading SQLite proves that the native part fits this machine. */
export async function version(options: VersionOptions): Promise<number> {
  const sqlite = await sqliteVersion()
  const facts = {
    version: programVersion(),
    node: process.versions.node,
    sqlite: sqlite.version ?? `not usable: ${sqlite.problem}`,
    platform: `${process.platform}-${process.arch}`,
  }
  if (options.json) console.log(JSON.stringify(facts, null, 2))
  else {
    console.log(`tidegate ${facts.version}`)
    for (const name of ['node', 'sqlite', 'platform'] as const) console.log(`${name.padEnd(8)} ${facts[name]}`)
  }
  return sqlite.version === undefined ? 1 : 0
}

/** The version in package.json, which lies beside src/ as well as beside the bundle's lib/. */
export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', packageFolder()), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** src/ or lib/: this module is one folder deeper in a checkout than in the bundle. */
function packageFolder(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? '../' : './', import.meta.url)
}

async function sqliteVersion(): Promise<{ version?: string; problem?: string }> {
  try {
    const { default: Database } = await import('better-sqlite3')
    const database = new Database(':memory:')
    const row = database.prepare('SELECT sqlite_version() AS version').get() as { version: string }
    database.close()
    return { version: row.version }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

/** The outbox in SQLite, storage thread only: who wants a row (see Audiences). */
import type { Database } from 'better-sqlite3'
import type { AudienceRow } from './operations.ts'

export const audienceSchema: readonly string[] = [
  // `without`: a JSON list of the numbers of the uplinks that do not want the rows with the target -audience.
  'CREATE TABLE audience (audience INTEGER PRIMARY KEY, without TEXT NOT NULL) STRICT',
]

/** All that can be read; who is in one that cannot is not known. */
export function readAudiences(database: Database): AudienceRow[] {
  const rows = database.prepare('SELECT audience, without FROM audience ORDER BY audience').all() as {
    audience: number
    without: string
  }[]
  return rows.map(({ audience, without }) => ({ audience, without: parsed(without) ?? [] }))
}

/** For an uplink: does it want the rows with a target? Audiences are looked up when they come up, once. */
export function prepareWants(database: Database) {
  const select = database.prepare('SELECT without FROM audience WHERE audience = ?').pluck()
  return (uplink: number) => {
    const looked = new Map<number, boolean>()
    return (target: number): boolean => {
      if (target >= 0) return target === 0 || target === uplink
      const known = looked.get(target)
      if (known !== undefined) return known
      const text = select.get(-target) as string | undefined
      const wants = !(text === undefined ? undefined : parsed(text))?.includes(uplink)
      looked.set(target, wants)
      return wants
    }
  }
}

export function prepareSaveAudiences(database: Database) {
  const clear = database.prepare('DELETE FROM audience')
  const save = database.prepare('INSERT OR IGNORE INTO audience VALUES (?, ?)')
  return (args: { readonly forgetAudiences?: boolean; readonly audiences?: readonly AudienceRow[] }): void => {
    if (args.forgetAudiences) clear.run()
    for (const { audience, without } of args.audiences ?? []) save.run(audience, JSON.stringify(without))
  }
}

/** Undefined: not what was stored. */
function parsed(text: string): number[] | undefined {
  try {
    const without: unknown = JSON.parse(text)
    return Array.isArray(without) && without.every(Number.isSafeInteger) ? without : undefined
  } catch {
    return undefined
  }
}

/**
 * For a new database in the place of a damaged one: an audience that was lost must not come again with other members, or
 * what it stood for would be lost for somebody. Numbers go on far above any that was ever given.
 */
export function repairAudiences(database: Database, isComplete: boolean): void {
  const rows = database.prepare('SELECT audience, without FROM audience').all() as {
    audience: number
    without: string
  }[]
  const unreadable = rows.filter(({ without }) => parsed(without) === undefined)
  const remove = database.prepare('DELETE FROM audience WHERE audience = ?')
  for (const { audience } of unreadable) remove.run(audience)
  if (isComplete && unreadable.length === 0) return
  const distant = Math.floor((1 + Math.random()) * 2 ** 40)
  database.prepare("INSERT OR IGNORE INTO audience VALUES (?, '[]')").run(distant)
}

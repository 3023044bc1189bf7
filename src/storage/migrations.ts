/**
 * Numbered steps of the database's shape; the number is kept in `user_version`. A step is never changed once released:
 * gateways in the field carry databases of every version.
 */
export interface Migration {
  readonly version: number
  readonly statements: readonly string[]
}

/** "TGat": what the file is, for tools that look at the SQLite header. */
export const APPLICATION_ID = 0x54476174

/** The steps still to take from `version`; throws when the file was written by a newer program. */
export function pendingMigrations(all: readonly Migration[], version: number): readonly Migration[] {
  const newest = all.at(-1)?.version ?? 0
  if (version > newest) {
    throw new NewerDatabaseError(`the database has version ${version}, this program knows versions up to ${newest}`)
  }
  return all.filter((migration) => migration.version > version)
}

class NewerDatabaseError extends Error {
  readonly code = 'newer_database'
}

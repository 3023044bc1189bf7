/** What the inbox knows of its tables when a damaged database is salvaged. Runs in the storage thread only. */
import type { Database } from 'better-sqlite3'
import { DAMAGED } from './operations.ts'

/**
 * Where commands are missing, one that waits may be older than one that was applied and is not known any more (P8): what is
 * under way is marked, and the next start ends it with the outcome `unknown`.
 */
export function repairInbox(database: Database, found: { readonly isComplete: (table: string) => boolean }): void {
  if (found.isComplete('command') && found.isComplete('command_key')) return
  database.prepare("UPDATE command SET reason = ? WHERE state IN ('waiting', 'applying')").run(DAMAGED)
}

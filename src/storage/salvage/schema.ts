/**
 * Version 1. WARNING: gateways in the field carry this shape; change it by a new migration only. One row per damaged
 * database whose rows are not all taken out yet. `file` is the name without its folder: a state directory may move.
 */
export const salvageSchema: readonly string[] = [
  `CREATE TABLE salvage (
     file TEXT PRIMARY KEY, reason TEXT NOT NULL, note TEXT NOT NULL, next_page INTEGER NOT NULL, pages INTEGER NOT NULL,
     salvaged INTEGER NOT NULL, unreadable INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID`,
]

/**
 * Loaded before the writer (node --import, also in its threads): SQLite no longer waits for the disk. The control that
 * shows that the power cut test can fail.
 */
import Database from 'better-sqlite3'

const pragma = Database.prototype.pragma
Database.prototype.pragma = function (this: Database.Database, source, options) {
  return pragma.call(this, source.replace(/^synchronous\s*=.*$/i, 'synchronous = OFF'), options)
}

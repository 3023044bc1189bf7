/**
 * Loaded before the writer (node --import, also in its threads): SQLite waits for the disk as little as the environment
 * says (OFF, NORMAL). The control that shows that the power cut test can fail.
 */
import Database from 'better-sqlite3'

const pragma = Database.prototype.pragma
const level = process.env['CRASHDISK_SYNCHRONOUS']
Database.prototype.pragma = function (this: Database.Database, source, options) {
  return pragma.call(this, source.replace(/^synchronous\s*=.*$/i, `synchronous = ${level}`), options)
}

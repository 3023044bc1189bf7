/** fault-shim-writer.ts FILE: commits six rows, each synced; prints `ok` or the code for each, then how many are there. */
import { writeSync } from 'node:fs'
import Database from 'better-sqlite3'

const database = new Database(process.argv[2] ?? '')
database.pragma('locking_mode = EXCLUSIVE')
database.pragma('journal_mode = WAL')
database.pragma('synchronous = FULL')
database.exec('CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT)')
const insert = database.prepare('INSERT INTO row VALUES (?, ?)')
for (let n = 1; n <= 6; n += 1) {
  writeSync(1, `${attempt(n)} `)
}
writeSync(1, `${database.prepare('SELECT count(*) FROM row').pluck().get()}\n`)

function attempt(n: number): string {
  try {
    insert.run(n, 'x'.repeat(100))
    return 'ok'
  } catch (error) {
    return (error as { code: string }).code
  }
}

import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { outboxSalvage } from '../../src/outbox/salvage-rows.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { finishSetAside, setAside } from '../../src/storage/recovery.ts'
import { destroyPage, migrations } from '../support/damaged-database.ts'
import { temporaryFolder } from '../support/outbox-site.ts'

/** A damaged database with an epoch in it, and a log that is not written back. */
function damaged(t: TestContext): string {
  const file = join(temporaryFolder(t), 'original.db')
  const database = openDatabase(file, migrations)
  database.exec(`INSERT INTO epoch VALUES (1, '1-aa', 'gw', 1, 1, 5)`)
  const copy = join(dirname(file), 'tidegate.db')
  copyFileSync(file, copy)
  copyFileSync(`${file}-wal`, `${copy}-wal`)
  database.close()
  destroyPage(copy, 1)
  return copy
}

const options = { migrations, rule: outboxSalvage, reason: 'torn' }

function assertTakenOver(file: string): void {
  const database = new Database(file, { readonly: true })
  assert.equal(database.prepare('SELECT tag FROM epoch').pluck().get(), '1-aa')
  assert.equal(database.prepare('SELECT reason FROM salvage').pluck().get(), 'torn')
  database.close()
}

function others(file: string): string[] {
  return readdirSync(dirname(file)).filter((name) => name.startsWith('tidegate.db.'))
}

describe('P11: a kill while a damaged database is set aside', () => {
  test('none: the old one keeps its log, the new one has the small tables', (t) => {
    const file = damaged(t)
    const aside = setAside(file, options)
    assert.ok(existsSync(aside) && existsSync(`${aside}-wal`) && !existsSync(`${file}-wal`))
    finishSetAside(file)
    assertTakenOver(file)
  })

  // The finished new database waits for its place; these parts of the old one have been renamed already.
  for (const moved of [[], ['-wal'], ['-wal', '']]) {
    test(`after the new one was finished, ${moved.length} parts of the old one renamed`, (t) => {
      const file = damaged(t)
      const aside = setAside(file, options)
      renameSync(file, `${aside}.successor`)
      for (const part of ['', '-wal']) if (!moved.includes(part)) renameSync(aside + part, file + part)
      finishSetAside(file)
      assert.ok(existsSync(aside) && existsSync(`${aside}-wal`) && !existsSync(`${file}-wal`))
      assertTakenOver(file)
      assert.equal(others(file).filter((name) => name.endsWith('.successor')).length, 0)
    })
  }

  test('before the new one was finished: it is thrown away, the old one stays where it is', (t) => {
    const file = damaged(t)
    writeFileSync(`${file}.damaged-2026-11-21T00-00-00-000Z.unfinished`, 'half')
    finishSetAside(file)
    assert.deepEqual(others(file), [])
    setAside(file, options)
    assertTakenOver(file)
  })
})

import assert from 'node:assert/strict'
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { outboxSalvage } from '../../src/outbox/salvage-rows.ts'
import { openDatabase } from '../../src/storage/database.ts'
import { finishSetAside, replaceDatabase, setAside } from '../../src/storage/recovery.ts'
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
    assert.ok(existsSync(aside) && statSync(`${aside}-wal`).size > 0)
    assert.equal(statSync(`${file}-wal`).size, 0)
    finishSetAside(file)
    assertTakenOver(file)
  })

  // The finished new database waits for its place; these parts of the old one have been renamed already.
  for (const moved of [[], ['-wal'], ['-wal', '']]) {
    test(`after the new one was finished, ${moved.length} parts of the old one renamed`, (t) => {
      const file = damaged(t)
      const aside = setAside(file, options)
      renameSync(file, `${aside}.successor`)
      rmSync(`${file}-wal`)
      for (const part of ['', '-wal']) if (!moved.includes(part)) renameSync(aside + part, file + part)
      finishSetAside(file)
      assert.ok(existsSync(aside) && statSync(`${aside}-wal`).size > 0)
      assert.equal(statSync(`${file}-wal`).size, 0)
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

describe('a power cut while a backup takes the place of the database', () => {
  /** A database with a log, and a backup that is ready. */
  function ready(t: TestContext): { file: string; copy: string; log: Buffer } {
    const file = damaged(t)
    const copy = `${file}.restoring`
    const database = openDatabase(copy, migrations)
    database.exec(`INSERT INTO epoch VALUES (7, '7-bb', 'gw', 1, 1, 5)`)
    database.close()
    return { file, copy, log: readFileSync(`${file}-wal`) }
  }

  function assertRestored(file: string, log: Buffer): void {
    assert.equal(statSync(`${file}-wal`).size, 0, 'no log is missed')
    const database = new Database(file, { readonly: true })
    assert.equal(database.prepare('SELECT tag FROM epoch').pluck().get(), '7-bb')
    database.close()
    const kept = others(file).filter((name) => name.endsWith('-wal') && name.includes('.replaced-'))
    assert.equal(kept.length, 1)
    assert.deepEqual(readFileSync(join(dirname(file), kept[0] ?? '')), log, 'what was there is kept with its log')
    assert.equal(others(file).filter((name) => /successor|restoring/.test(name)).length, 0)
  }

  // What has been done when the power goes; the copy was promised the place.
  for (const [step, moved] of [[], ['-wal'], ['-wal', ''], ['-wal', '', 'empty log']].entries()) {
    test(`it is completed at the next start, after step ${step}`, (t) => {
      const { file, copy, log } = ready(t)
      const aside = `${file}.replaced-2026-11-21T00-00-00-000Z`
      renameSync(copy, `${aside}.successor`)
      for (const part of ['-wal', '']) if (moved.includes(part)) renameSync(file + part, aside + part)
      if (moved.includes('empty log')) writeFileSync(`${file}-wal`, '')
      finishSetAside(file)
      assertRestored(file, log)
      finishSetAside(file)
      assertRestored(file, log)
    })
  }

  test('it was not promised yet: the copy is thrown away, and everything is as before', (t) => {
    const { file, copy, log } = ready(t)
    const before = readFileSync(file)
    finishSetAside(file)
    assert.ok(!existsSync(copy))
    assert.deepEqual([readFileSync(file), readFileSync(`${file}-wal`), others(file)], [before, log, []])
  })

  test('no power cut', (t) => {
    const { file, copy, log } = ready(t)
    replaceDatabase(file, copy, () => assert.ok(others(file).some((name) => name.endsWith('.successor'))))
    assertRestored(file, log)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Database from 'better-sqlite3'
import { Audiences, NOBODY } from '../../src/outbox/audiences.ts'
import { outboxSalvage } from '../../src/outbox/salvage-rows.ts'
import { newOutboxDisk } from '../support/outbox-storage.ts'

describe('audiences', () => {
  test('say for every target who wants it', () => {
    const audiences = new Audiences()
    const notFirst = audiences.targetOf([1])
    const onlyThird = audiences.targetOf([2, 1])
    const wanting = (target: number) => [1, 2, 3].filter((uplink) => audiences.includes(uplink, target))
    assert.deepEqual(wanting(0), [1, 2, 3])
    assert.deepEqual(wanting(2), [2])
    assert.deepEqual(wanting(notFirst), [2, 3])
    assert.deepEqual(wanting(onlyThird), [3])
    assert.deepEqual(wanting(NOBODY), [])
    assert.deepEqual(wanting(-999), [1, 2, 3], 'one that nobody knows')
  })

  test('have one number for one set, whatever its order, also after a restart', () => {
    const audiences = new Audiences()
    const target = audiences.targetOf([7, 3])
    assert.equal(audiences.targetOf([3, 7]), target)
    assert.equal(audiences.targetOf([]), 0)
    assert.deepEqual(audiences.takeUnstored(), [{ audience: -target, without: [3, 7] }])
    assert.deepEqual(audiences.takeUnstored(), [])
    const next = new Audiences(audiences.all)
    assert.equal(next.targetOf([3, 7]), target)
    assert.notEqual(next.targetOf([3]), target)
  })

  test('that no row refers to are forgotten, their numbers are not', () => {
    const next = new Audiences([{ audience: 5, without: [1] }], false)
    assert.deepEqual(next.all, [])
    assert.equal(next.targetOf([1]), -6)
  })
})

describe('of a damaged database', () => {
  function damaged(audiences: readonly (readonly [number, string])[]): Database.Database {
    const database = newOutboxDisk()
    const insert = database.prepare('INSERT INTO audience VALUES (?, ?)')
    for (const [audience, without] of audiences) insert.run(audience, without)
    database.exec("INSERT INTO epoch VALUES (1, '1-aa', 'gw', 1, 1, 10)")
    database.exec("INSERT INTO uplink VALUES (1, 'north', '[[0,2]]', '[]', NULL, 0, '[]', '')")
    return database
  }

  function repair(database: Database.Database, missing: string): ReturnType<typeof outboxSalvage.judge> {
    const note = outboxSalvage.repair(database, {
      isComplete: (table) => table !== missing,
      last: { key: 10, isCertain: true },
      rowsMissingMax: 0,
    })
    return outboxSalvage.judge(database, note)
  }

  const row = (target: number) => ({ seq: 5, kind: 0, boot: 1, target, body: '"n":1', sum: null })

  test('audiences that were read are kept, and rows that nobody wants stay behind', () => {
    const database = damaged([[1, '[1]']])
    database.exec("INSERT INTO boot VALUES (1, 'b', 0, 1)")
    const judge = repair(database, 'none')
    assert.equal(judge(row(-1)), 'settled')
    assert.equal(judge(row(0)), 'wanted')
    assert.equal(judge(row(-7)), 'wanted', 'an audience that is lost stands for everybody')
    assert.equal(judge(row(0.5)), 'implausible')
    assert.equal(database.prepare('SELECT count(*) FROM audience').pluck().get(), 1)
  })

  for (const [what, audiences, missing] of [
    ['were lost', [[3, '[1]']], 'audience'],
    ['cannot be read', [[3, '{"no list']], 'none'],
  ] as const) {
    test(`audiences that ${what}: new ones get numbers that were never given`, () => {
      const database = damaged(audiences)
      repair(database, missing)
      const rows = database.prepare('SELECT audience, without FROM audience').all() as {
        audience: number
        without: string
      }[]
      const stored = rows.map(({ audience, without }) => ({ audience, without: JSON.parse(without) as number[] }))
      const target = new Audiences(stored).targetOf([2])
      assert.ok(target < -(2 ** 40), String(target))
    })
  }
})

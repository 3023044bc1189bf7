import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type Database from 'better-sqlite3'
import { replyText } from '../../src/outbox/reply.ts'
import { rowSum } from '../../src/outbox/row-sum.ts'
import { outboxSalvage } from '../../src/outbox/salvage-rows.ts'
import { Carver } from '../../src/storage/salvage/carver.ts'
import { DamagedFile } from '../../src/storage/salvage/damaged-file.ts'
import { shapesOf } from '../../src/storage/salvage/takeover.ts'
import type { Value } from '../../src/storage/salvage/values.ts'
import {
  destroyPage,
  emptyDatabase,
  migrations,
  PAGE_BYTES,
  pagesInLog,
  type Sample,
  sample,
} from '../support/damaged-database.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'

const RUNS = 15
/** No uplink is known, so each may want everything. */
const NOTE = JSON.stringify({ through: 1e9, bootsKnown: false, positionsKnown: false })

/** Appends with rows of all sizes, rows removed from the front and here and there, some of it only in the log. */
function lived(chance: Chance): (database: Database.Database) => void {
  return (database) => {
    const insert = database.prepare('INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    const remove = database.prepare('DELETE FROM record WHERE seq BETWEEN ? AND ?')
    database.pragma('wal_autocheckpoint = 0')
    let seq = 0
    const commits = chance.between(1, 60)
    const sizes = chance.oneOf([50, 200, 3000])
    for (let commit = 0; commit < commits; commit += 1) {
      database.exec('BEGIN IMMEDIATE')
      for (let count = chance.between(1, 150); count > 0; count -= 1) {
        seq += chance.hits(0.9) ? 1 : chance.between(1, 1_000)
        const note = 'ü'.repeat(chance.hits(0.02) ? chance.between(0, 9_000) : chance.between(0, sizes))
        const row = { seq, kind: chance.between(0, 2), boot: 1, mono: chance.between(0, 1e12), target: 0, expires: 0 }
        const body = `"seq":${seq},"note":"${note}"`
        const reply = chance.hits(0.1) ? replyText({ topic: `asker/${seq}`, correlation: 'AAEC' }) : null
        const sum = rowSum({ ...row, source: 'meter', reply }, body)
        insert.run(seq, row.kind, 1, row.mono, 0, 0, 'meter', body, sum, reply)
      }
      if (chance.hits(0.3)) remove.run(1, chance.between(0, Math.floor(seq / 2)))
      if (chance.hits(0.2)) remove.run(seq - chance.between(20, 40), seq - chance.between(0, 19))
      database.exec('COMMIT')
      if (chance.hits(0.2)) database.pragma('wal_checkpoint(PASSIVE)')
    }
    if (chance.hits(0.5)) database.pragma('wal_checkpoint(TRUNCATE)')
  }
}

/** Everything that is carved, by seq; a seq that comes with two contents fails. */
function carve(file: string): Map<number, Record<string, unknown>> {
  const damaged = new DamagedFile(file)
  const empty = emptyDatabase()
  try {
    const judge = outboxSalvage.judge(empty, NOTE)
    const shape = shapesOf(damaged, migrations).find(({ name }) => name === 'record')
    assert.ok(shape)
    const carver = new Carver(damaged, shape)
    while (!carver.survey());
    const found = new Map<number, Record<string, unknown>>()
    for (let page = 1; page <= damaged.pages; page += 1) {
      for (const values of carver.rowsOn(page).rows) {
        const row: Record<string, Value | undefined> = Object.fromEntries(
          shape.columns.map(({ name }, index) => [name, values[index]]),
        )
        const seq = Number(row['seq'])
        if (judge(row as Record<string, Value>) === 'implausible') continue
        if (found.has(seq)) assert.deepEqual(found.get(seq), row, `${seq} is found twice`)
        found.set(seq, row)
      }
    }
    return found
  } finally {
    damaged.close()
    empty.close()
  }
}

/** Every row whose own pages are intact comes back as it was, and nothing else does. */
function assertCarved(made: Sample, destroyed: ReadonlySet<number>): void {
  const found = carve(made.file)
  const saved = pagesInLog(made.file)
  const whole = made.places.filter(({ pages }) => !pages.some((page) => destroyed.has(page) && !saved.has(page)))
  for (const { seq } of whole) assert.deepEqual(found.get(seq), made.rows.get(seq), `row ${seq}`)
  const wanted = new Set(whole.map(({ seq }) => seq))
  assert.deepEqual(
    [...found.keys()].filter((seq) => !wanted.has(seq)),
    [],
    'rows that are gone came back',
  )
}

/** One page of the pointer map stands before as many pages as it has places for, at five bytes each. */
function isMapPage(page: number): boolean {
  return (page - 2) % (Math.floor(PAGE_BYTES / 5) + 1) === 0
}

function seeded(name: string, check: (t: TestContext, chance: Chance) => void): void {
  test(name, (t) => {
    const first = newSeed()
    for (let run = 0; run < RUNS; run += 1) {
      const chance = chanceOf(first + run)
      try {
        check(t, chance)
      } catch (error) {
        t.diagnostic(`TIDEGATE_SEED=${chance.seed}`)
        throw error
      }
    }
  })
}

describe('P11: every row whose own pages are intact is taken out, and nothing else', () => {
  seeded('nothing is damaged', (t, chance) => assertCarved(sample(t, lived(chance)), new Set()))

  seeded('the header, the root and every inner page are destroyed', (t, chance) => {
    const made = sample(t, lived(chance))
    for (const page of [1, ...made.inner]) destroyPage(made.file, page)
    assertCarved(made, new Set())
  })

  seeded('the pointer map is destroyed', (t, chance) => {
    const made = sample(t, lived(chance))
    const pages = Array.from({ length: 5_000 }, (_, index) => index + 1).filter(isMapPage)
    for (const page of pages) if (page <= made.pages) destroyPage(made.file, page)
    assertCarved(made, new Set())
  })

  seeded('some pages are destroyed, whichever they are', (t, chance) => {
    const made = sample(t, lived(chance))
    const last = Math.max(...made.places.flatMap(({ pages }) => pages), 3)
    const chosen = Array.from({ length: chance.between(1, 20) }, () => chance.between(3, last))
    // Not the pointer map: with it and the way from the root gone, nobody can tell a live page from a free one.
    const destroyed = new Set(chosen.filter((page) => !isMapPage(page)))
    for (const page of destroyed) {
      const fill = Buffer.from(Array.from({ length: PAGE_BYTES }, () => chance.between(0, 255)))
      destroyPage(made.file, page, { fill: chance.oneOf([fill, Buffer.alloc(PAGE_BYTES)]) })
    }
    assertCarved(made, destroyed)
  })
})

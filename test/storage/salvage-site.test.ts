import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import type { StoredRecord } from '../../src/model.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import { destroyPage, PAGE_BYTES } from '../support/damaged-database.ts'
import { Site } from '../support/outbox-site.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'
import { until } from '../support/until.ts'

const RUNS = 12
const UPLINKS: readonly UplinkIdentity[] = [
  { name: 'north', startAt: 'head' },
  { name: 'south', startAt: 'head', order: 'live_first' },
  { name: 'west', startAt: 'head', filter: { devices: ['pump'] } },
]

/** What each id stood for. */
type Issued = Map<string, string>

function note(issued: Issued, records: readonly StoredRecord[]): void {
  for (const { idPrefix, seq, kind, source, body } of records) {
    const content = `${kind} ${source} ${body}`
    const id = `${idPrefix}${seq}`
    assert.equal(issued.get(id) ?? content, content, `${id} came with other content`)
    issued.set(id, content)
  }
}

/** Some starts with records of all sizes, of which each uplink gets some, in order or not. */
async function live(t: TestContext, chance: Chance, issued: Issued): Promise<string> {
  let folder: string | undefined
  for (let start = chance.between(1, 3); start > 0; start -= 1) {
    const site = await Site.open(t, { uplinks: UPLINKS, ...(folder === undefined ? {} : { folder }) })
    folder = dirname(site.file)
    for (let batch = chance.between(1, 8); batch > 0; batch -= 1) {
      const body = `"note":"${'x'.repeat(chance.oneOf([10, 300, 3_000]))}","batch":"${start}/${batch}"`
      const source = chance.oneOf(['meter', 'pump'])
      await site.durable(chance.between(1, 60), chance.hits(0.2) ? { body, source, to: 'south' } : { body, source })
      for (const { name } of UPLINKS) {
        const records = [...site.cursor(name).nextLive(10), ...(await site.cursor(name).next(chance.between(1, 40)))]
        note(issued, records)
        for (const record of records) {
          if (chance.hits(0.05)) site.cursor(name).rejected(record, 'too large')
          else if (chance.hits(0.9)) site.cursor(name).delivered([record])
        }
        site.cursor(name).rewind()
      }
    }
    if (chance.hits(0.5)) await site.close()
    else await site.abandon()
  }
  return folder ?? ''
}

/**
 * Whole pages anywhere, and pieces of the pages with records, which have checksums: what is overwritten within a small
 * table need not show.
 */
function destroySome(file: string, chance: Chance): void {
  const database = new Database(file, { readonly: true })
  const records = database.prepare("SELECT pageno FROM dbstat WHERE name = 'record'").pluck().all() as number[]
  database.close()
  const pages = Math.ceil(statSync(file).size / PAGE_BYTES)
  for (let count = chance.between(1, 8); count > 0; count -= 1) {
    const isPiece = chance.hits(0.5)
    const length = isPiece ? chance.oneOf([512, 100, 1]) : PAGE_BYTES
    const fill = Buffer.from(Array.from({ length }, () => chance.between(0, 255)))
    const anywhere = chance.oneOf([1, 2, chance.between(1, Math.min(30, pages)), chance.between(1, pages)])
    destroyPage(file, isPiece ? chance.oneOf(records) : anywhere, {
      from: chance.between(0, PAGE_BYTES - length),
      fill: chance.oneOf([fill, Buffer.alloc(length)]),
    })
  }
}

/** Everything is delivered, also what damage found on the way holds up. */
async function drain(site: Site, issued: Issued): Promise<void> {
  for (const { name } of UPLINKS) {
    for (;;) {
      const records = await site.cursor(name).next(100)
      if (records.length === 0) break
      note(issued, records)
      site.cursor(name).delivered(records)
    }
  }
}

test('P11: whatever is destroyed, the agent starts, no id returns and the books balance', async (t) => {
  const first = newSeed()
  for (let run = 0; run < RUNS; run += 1) {
    const chance = chanceOf(first + run)
    try {
      const issued: Issued = new Map()
      const folder = await live(t, chance, issued)
      const file = `${folder}/tidegate.db`
      destroySome(file, chance)
      const site = await Site.open(t, { folder, uplinks: UPLINKS })
      await drain(site, issued)
      await until(() => site.salvage.progress() === undefined, { what: 'the end of the salvage' })
      await site.durable(1)
      await drain(site, issued)
      for (const { name } of UPLINKS) {
        const { account } = site.cursor(name)
        assert.equal(account.issued(site.outbox.head()) - account.settled, 0, `pending of ${name}`)
      }
      await site.abandon()
    } catch (error) {
      t.diagnostic(`TIDEGATE_SEED=${chance.seed}`)
      throw error
    }
  }
})

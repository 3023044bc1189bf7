/**
 * A database with destroyed pages (P3, P4, P11): set aside, the agent reads and delivers at once, every readable record
 * follows with its own id, and what is missing is named.
 */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type FaultSite, faultSite } from '../support/fault-agent.ts'
import { type Backlog, destroy, type PageKind, pagesOf, seedBacklog } from '../support/fault-agent-seed.ts'

const ROWS = 6_000

interface Damage {
  readonly what: (file: string) => void
  /** Records that cannot be there any more; without it, all must arrive. */
  readonly lostMax?: number
  /** Nobody can tell the ids any more: the same records arrive under new ones. */
  readonly idsLost?: boolean
}

const damages: Readonly<Record<string, Damage>> = {
  'header destroyed': { what: (file) => destroy(file, 1, { length: 100 }) },
  'first page destroyed': { what: (file) => destroy(file, 1) },
  'record leaf torn': { what: (file) => destroy(file, middle(file, 'leaf'), { from: 512 }), lostMax: 12 },
  'three record leaves destroyed': {
    what(file) {
      const leaves = pagesOf(file, 'record', 'leaf')
      for (const part of [0.2, 0.5, 0.8]) destroy(file, leaves[Math.floor(leaves.length * part)] ?? 0)
    },
    lostMax: 36,
  },
  'interior page destroyed': { what: (file) => destroy(file, middle(file, 'internal')) },
  'root page of the records destroyed': { what: (file) => destroy(file, rootOf(file, 'record')) },
  'positions destroyed': { what: (file) => destroy(file, rootOf(file, 'uplink')) },
  'epochs destroyed': { what: (file) => destroy(file, rootOf(file, 'epoch')), idsLost: true },
  'books destroyed': { what: (file) => destroy(file, rootOf(file, 'account')) },
}

describe('everything readable comes back, the rest is named', { concurrency: 2 }, () => {
  for (const [name, damage] of Object.entries(damages)) {
    test(name, (t) => recovers(t, damage))
  }
})

async function recovers(t: TestContext, damage: Damage): Promise<void> {
  const site = await faultSite(t)
  const backlog = await seedBacklog(site, ROWS)
  damage.what(site.databaseFile)

  await site.start()
  site.network.restore()
  await site.goesOn()
  const { storage } = await site.reaches('the damage to be noticed', ({ storage: now }) => now.recovered !== undefined)
  assert.match(String(storage.recovered), /damaged/)
  assert.equal(setAside(site).length, 1, `set aside: ${setAside(site)}`)
  site.command('c1', 5)
  await site.applies(5)
  const { content } = await site.event('database_salvaged')
  assert.ok(content['reason'])
  assert.match(String(content['file']), /tidegate\.db\.damaged-/)

  const { books } = await site.settle({
    restart: damage.lostMax !== undefined,
    withHoles: damage.idsLost === true,
  })
  const missing = damage.idsLost
    ? missingBodies(site, backlog)
    : [...backlog.records.keys()].filter((id) => !books.has(id))
  assert.ok(missing.length <= (damage.lostMax ?? 0), `${missing.length} records are missing: ${missing.slice(0, 5)}`)
  assert.deepEqual(
    missing.filter((id) => !books.isNamed(Number(id.split('/').at(-1)))),
    [],
    'records are missing that no event names',
  )
  assert.equal(books.droppedCount('damage'), missing.length)
  assert.equal(content['lost'], missing.length)
  assert.deepEqual(altered(site, backlog).slice(0, 3), [])
}

/** Bodies of the backlog that are in no record that arrived. */
function missingBodies(site: FaultSite, { records }: Backlog): string[] {
  const arrived = new Set<string>()
  for (const content of site.books().contents.values()) {
    // The id is the first of the fixed part.
    arrived.add(content.slice(content.indexOf(',') + 1, -1))
  }
  return [...records.values()].filter((body) => !arrived.has(body))
}

/** Records that arrived with other content than they had. */
function altered(site: FaultSite, { records }: Backlog): string[] {
  return [...records].flatMap(([id, body]) => {
    const arrived = site.books().contents.get(id)
    return arrived === undefined || arrived.includes(body) ? [] : [`${id}: ${arrived}`]
  })
}

function setAside(site: FaultSite): string[] {
  return readdirSync(site.agent.stateDir).filter((name) => /^tidegate\.db\.damaged-[^/]*Z$/.test(name))
}

function middle(file: string, kind: PageKind): number {
  const pages = pagesOf(file, 'record', kind)
  const page = pages[Math.floor(pages.length / 2)]
  assert.ok(page, `the table has no ${kind} page`)
  return page
}

function rootOf(file: string, table: string): number {
  return pagesOf(file, table, 'root')[0] ?? 0
}

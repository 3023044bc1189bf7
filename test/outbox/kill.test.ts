/**
 * P1 to P4: the process is killed (SIGKILL) at random moments, again and again on one database, in the middle of whatever
 * it does: commits, removals, a limit, rejected records, new sessions, and its own start. Every id that was confirmed
 * reaches every uplink that wants it, no id stands for two things, what will never come is exactly what the next epoch
 * names, and the books add up for every uplink and epoch.
 *
 * TIDEGATE_KILLS=1000 kills more often, TIDEGATE_SEED repeats the moments (not the exact interleaving).
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/clock.ts'
import { bundleProgram } from '../support/outbox-bundle.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { readAll, Site, temporaryFolder } from '../support/outbox-site.ts'
import { type Hits, IDENTITIES, Testimony, UPLINKS } from '../support/outbox-testimony.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'

const KILLS = Number(process.env['TIDEGATE_KILLS'] ?? 200)
/** Of hundred kills so many must interrupt each of these, and so many records be confirmed, or the run says nothing. */
const HITS_MIN: Readonly<Record<keyof Hits, number>> = {
  transaction: 15,
  removal: 3,
  limit: 2,
  rejection: 1,
  rewind: 1,
  opening: 2,
}
const CONFIRMED_MIN = 500
const LIFE_MS_MAX = 80
/** This part of the victims is killed while it starts. */
const EARLY = 0.25
/** The books are counted again after every so many kills, not only in the end. */
const RECOUNT_EVERY = 10

test(`${KILLS} kills at random moments lose nothing that was confirmed`, { timeout: 600_000 }, async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const program = await bundleProgram(new URL('../support/outbox-victim.ts', import.meta.url), temporaryFolder(t))
  // Two databases side by side, for two cores.
  const lanes = [0, 1].map((lane) =>
    killOften(t, { program, kills: Math.ceil((KILLS - lane) / 2), chance: chanceOf(seed + lane) }),
  )
  // Neither may go on in a folder that is gone.
  await Promise.allSettled(lanes)
  const [left, right] = await Promise.all(lanes)
  assert.ok(left && right)
  const confirmed = left.confirmed.size + right.confirmed.size
  t.diagnostic(`${confirmed} records confirmed, ${left.duplicates + right.duplicates} handed out twice`)
  const live = left.live + right.live
  t.diagnostic(`${live} live records, ${left.ofPump.size + right.ofPump.size} not for all`)
  assert.ok(live >= (CONFIRMED_MIN * KILLS) / 100, `only ${live} records were live`)
  assert.ok(confirmed >= (CONFIRMED_MIN * KILLS) / 100, `only ${confirmed} records were confirmed`)
  for (const what of Object.keys(HITS_MIN) as (keyof Hits)[]) {
    const hits = left.hits[what] + right.hits[what]
    t.diagnostic(`${hits} of ${KILLS} kills hit: ${what}`)
    assert.ok(hits >= Math.floor((HITS_MIN[what] * KILLS) / 100), `only ${hits} kills hit: ${what}`)
  }
})

interface Lane {
  readonly program: string
  readonly kills: number
  readonly chance: Chance
}

/** Kills victims on one database, lets a last one live, and compares what all of them said. */
async function killOften(t: TestContext, { program, kills, chance }: Lane): Promise<Testimony> {
  const folder = temporaryFolder(t)
  /** How long a start takes here, as far as seen: early kills are spread over it. */
  let startMs = 100
  for (let life = 1; life <= kills; life += 1) {
    const isEarly = life > 1 && chance.hits(EARLY)
    const victim = { program, folder, seed: chance.between(0, 1e9) }
    if (isEarly) await killSoon(victim, chance.next() * startMs)
    else startMs = 0.8 * startMs + 0.2 * (await killLater(victim, chance.between(0, LIFE_MS_MAX)))
    if (life % RECOUNT_EVERY === 0) assert.deepEqual(booksAfterKill(folder), [], `the books after kill ${life}`)
  }
  const testimony = new Testimony(readFileSync(join(folder, 'testimony'), 'utf8'))
  await survive(t, folder, testimony)
  return testimony
}

/** The last process lives: everything that is left is handed out, and all that was ever said must fit. */
async function survive(t: TestContext, folder: string, testimony: Testimony): Promise<void> {
  const site = await Site.open(t, { folder, uplinks: IDENTITIES })
  assert.ok(!testimony.tags.has(site.outbox.epoch), 'the epoch came again')
  for (const name of UPLINKS) {
    const records = await readAll(site.cursor(name))
    for (const { idPrefix, seq, body } of records) testimony.delivered(name, idPrefix + seq, { body, isLive: false })
  }
  await site.close()
  const givenUp = testimony.checkEpochs()
  assert.deepEqual(testimony.broken.slice(0, 5), [])
  assert.deepEqual(testimony.lost().slice(0, 5), [])
  const database = new Database(site.file, { readonly: true })
  try {
    const counts = recount(database)
    assert.deepEqual(brokenBooks(counts), [])
    assert.deepEqual(
      counts.map(({ name }) => name),
      [...UPLINKS],
    )
    const told = testimony.toldDropped()
    for (const { name, dropped } of counts) {
      const uplink = name as (typeof UPLINKS)[number]
      // What east spent and a kill took may be such a record.
      const isTold = uplink === 'east' ? Number(told.get(uplink)) <= dropped : told.get(uplink) === dropped
      assert.ok(isTold, `${name}: the records of the loss ledger tell ${told.get(uplink)} of ${dropped} given up`)
      // Given up and never seen; what was handed out before and given up after a kill is in the books only.
      assert.ok((givenUp.get(uplink) ?? 0) <= dropped, `${name}: more is missing than was given up`)
    }
  } finally {
    database.close()
  }
}

/** What the books of a copy of the files say that the kill left. */
function booksAfterKill(folder: string): string[] {
  const copy = join(folder, 'copy.db')
  for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, { force: true })
  for (const suffix of ['', '-wal']) {
    const file = join(folder, `tidegate.db${suffix}`)
    if (existsSync(file)) copyFileSync(file, copy + suffix)
  }
  const database = new Database(copy)
  try {
    return brokenBooks(recount(database))
  } finally {
    database.close()
  }
}

interface Victim {
  readonly program: string
  readonly folder: string
  readonly seed: number
}

/** Kills it so many ms after it was begun, wherever it is. */
async function killSoon(victim: Victim, afterMs: number): Promise<void> {
  const { child, closed } = begin(victim)
  await systemClock.wait(afterMs)
  child.kill('SIGKILL')
  await closed
}

/** Kills it so many ms after it was ready; gives how many ms it took to be ready. */
async function killLater(victim: Victim, afterMs: number): Promise<number> {
  const { child, closed } = begin(victim)
  const began = systemClock.mono()
  await Promise.race([once(child.stdout, 'data'), closed])
  const startMs = systemClock.mono() - began
  await systemClock.wait(afterMs)
  assert.equal(child.exitCode, null, 'the victim ended by itself')
  child.kill('SIGKILL')
  await closed
  return startMs
}

function begin({ program, folder, seed }: Victim) {
  const child = spawn(process.execPath, [program, folder, String(seed)], { stdio: ['ignore', 'pipe', 'inherit'] })
  return { child, closed: once(child, 'close') }
}

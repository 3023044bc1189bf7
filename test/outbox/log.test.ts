/**
 * The write-ahead log, cut off at any byte, damaged at any byte, or lost: what is left is a prefix of the commits, exactly
 * the ones that are whole; the outbox goes on from there, no id changes or returns, and the books add up.
 */
import assert from 'node:assert/strict'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { copyState, fingerprint, fingerprintOf, quickFolder } from '../support/outbox-copies.ts'
import { committedBytes, frameBytes, LOG_HEADER_BYTES } from '../support/outbox-log.ts'
import { brokenBooks, highestStored, recount } from '../support/outbox-recount.ts'
import { readAll, Site } from '../support/outbox-site.ts'
import { chanceOf, newSeed } from '../support/seeded.ts'

const COMMITS = 12
/** The log is cut at each byte of so many frames at the end of its commits. */
const FRAMES = 8
const uplinks = ['north', 'south'].map((name) => ({ name, startAt: 'tail' as const }))

/** A state directory whose log holds many commits, and what it looked like after each of them. */
interface Original {
  readonly folder: string
  readonly log: Buffer
  readonly epoch: string
  /** How far the log reaches after each commit, and what was stored then; 0: it was written back into the database since. */
  readonly states: readonly { readonly logBytes: number; readonly content: string }[]
  /** seq -> id and body, of every record ever issued. */
  readonly records: ReadonlyMap<number, string>
}

/** Two lives: the first is in the database file, the second in its log only. */
async function original(t: TestContext): Promise<Original> {
  const folder = quickFolder(t)
  const aside = join(folder, 'aside')
  const before = await Site.open(t, { folder, uplinks })
  await before.durable(20)
  before.cursor('south').delivered((await readAll(before.cursor('south'))).slice(0, 9))
  await before.close()
  const site = await Site.open(t, { folder, uplinks })
  const states: { logBytes: number; content: string }[] = []
  const note = () => {
    const logBytes = committedBytes(readFileSync(`${site.file}-wal`))
    if (logBytes < (states.at(-1)?.logBytes ?? 0)) for (const state of states) state.logBytes = 0
    states.push({ logBytes, content: fingerprintOf(folder, aside) })
  }
  note()
  const chance = chanceOf(7)
  const records = new Map<number, string>()
  for (let commit = 0; commit < COMMITS; commit += 1) {
    for (const name of ['north', 'south']) {
      const page = await site.cursor(name).next(chance.between(0, 30))
      for (const { seq, idPrefix, body } of page) records.set(seq, `${idPrefix}${seq} ${body}`)
      if (page[0] && chance.hits(0.2)) site.cursor(name).rejected(page[0], 'too large')
      if (chance.hits(0.6)) site.cursor(name).delivered(page)
    }
    await site.durable(chance.between(1, 12), chance.hits(0.3) ? { to: 'north' } : {})
    note()
  }
  for (const cursor of site.outbox.cursors) {
    cursor.rewind()
    for (const { seq, idPrefix, body } of await readAll(cursor)) records.set(seq, `${idPrefix}${seq} ${body}`)
  }
  const kept = join(folder, 'kept')
  copyState(folder, kept)
  const log = readFileSync(`${site.file}-wal`)
  await site.abandon()
  states.unshift({ logBytes: 0, content: lookAt(t, kept)(undefined) })
  assert.ok(states.filter(({ logBytes }) => logBytes > 0).length > COMMITS / 2, 'most commits are in the log only')
  return { folder: kept, log, epoch: site.outbox.epoch, states, records }
}

/** What must be there when this many bytes at the front of the log are whole. */
function expected({ states }: Original, logBytes: number): string {
  return states.findLast((state) => state.logBytes <= logBytes)?.content ?? ''
}

test('a log cut off at any byte gives the commits that are whole, in order', async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const chance = chanceOf(seed)
  const kept = await original(t)
  const { log } = kept
  const through = committedBytes(log)
  const ends = Array.from({ length: FRAMES * frameBytes(log) }, (_, index) => through - index)
  const elsewhere = Array.from({ length: 400 }, () => chance.between(0, through))
  const header = Array.from({ length: LOG_HEADER_BYTES + 1 }, (_, index) => index)
  const found = new Set<string>()
  const look = lookAt(t, kept.folder)
  for (const bytes of [...ends, ...elsewhere, ...header]) {
    const content = look(log.subarray(0, bytes))
    assert.equal(content, expected(kept, bytes), `cut off after ${bytes} of ${through} bytes`)
    found.add(content)
  }
  t.diagnostic(
    `${ends.length + elsewhere.length + header.length} places, ${found.size} of ${kept.states.length} states`,
  )
  assert.ok(found.size > kept.states.length / 2, `only ${found.size} states were seen`)
})

test('a damaged byte in the log takes the commits from there on, and no others', async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const chance = chanceOf(seed)
  const kept = await original(t)
  const look = lookAt(t, kept.folder)
  const through = committedBytes(kept.log)
  for (let damage = 0; damage < 400; damage += 1) {
    const at = chance.between(0, through - 1)
    const log = Buffer.from(kept.log)
    log[at] = (log[at] ?? 0) ^ (1 << chance.between(0, 7))
    assert.equal(look(log), expected(kept, at), `byte ${at} of ${through} was changed`)
  }
})

test('the outbox goes on from a log cut off anywhere: ids stay, none returns, the books add up', async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const chance = chanceOf(seed)
  const kept = await original(t)
  const { log } = kept
  const bounds = kept.states.flatMap(({ logBytes }) => [logBytes - 1, logBytes, logBytes + 1])
  const places = [
    ...Array.from({ length: 12 }, () => chance.oneOf(bounds)),
    0,
    31,
    chance.between(0, committedBytes(log)),
  ]
  for (const bytes of places) await goesOn(t, kept, log.subarray(0, bytes))
})

test('a lost log costs what was in it, and nothing else', async (t) => {
  const kept = await original(t)
  await goesOn(t, kept, undefined)
})

/** Puts the database beside another log (undefined: none) and gives what is in both. */
function lookAt(t: TestContext, folder: string): (log: Buffer | undefined) => string {
  const file = join(quickFolder(t), 'tidegate.db')
  const content = readFileSync(join(folder, 'tidegate.db'))
  return (log) => {
    writeFileSync(file, content)
    rmSync(`${file}-wal`, { force: true })
    if (log) writeFileSync(`${file}-wal`, log)
    const database = new Database(file)
    try {
      return fingerprint(database)
    } finally {
      database.close()
    }
  }
}

/** The product itself starts on it. */
async function goesOn(t: TestContext, kept: Original, log: Buffer | undefined): Promise<void> {
  const what = `with ${log?.length ?? 'no'} bytes of log`
  const folder = quickFolder(t)
  copyState(kept.folder, folder)
  rmSync(join(folder, 'tidegate.db-wal'), { force: true })
  if (log) writeFileSync(join(folder, 'tidegate.db-wal'), log)
  const stored = storedIn(folder, join(folder, 'aside'))
  const site = await Site.open(t, { folder, uplinks })
  assert.equal(site.storage.opened.setAside, undefined, what)
  assert.notEqual(site.outbox.epoch, kept.epoch, `${what}: a new epoch`)
  const got = new Set<number>()
  for (const cursor of site.outbox.cursors) {
    const records = await readAll(cursor)
    for (const { seq, idPrefix, body } of records) {
      if (seq > stored.highest) assert.equal(idPrefix, `gw/${site.outbox.epoch}/`, what)
      else assert.equal(`${idPrefix}${seq} ${body}`, kept.records.get(seq), what)
      got.add(seq)
    }
    assert.equal(records.find(({ idPrefix }) => idPrefix.includes(site.outbox.epoch))?.seq, stored.highest + 1, what)
  }
  for (const seq of stored.pending) assert.ok(got.has(seq), `${what}: ${seq} is stored and wanted`)
  await site.durable(3)
  await site.close()
  assert.deepEqual(storedIn(folder, join(folder, 'aside')).broken, [], what)
}

function storedIn(folder: string, aside: string) {
  copyState(folder, aside)
  const database = new Database(join(aside, 'tidegate.db'))
  try {
    const counts = recount(database)
    const pending = new Set(counts.flatMap((uplink) => [...uplink.pending]))
    return { highest: highestStored(database), pending, broken: brokenBooks(counts) }
  } finally {
    database.close()
  }
}

/** P3: an id never returns with other content, whatever happens to the card: cloned, restored from a backup, lost. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { StoredRecord } from '../../src/model.ts'
import { copyState } from '../support/outbox-copies.ts'
import { readAll, Site, temporaryFolder } from '../support/outbox-site.ts'

const uplinks = ['north', 'south'].map((name) => ({ name, startAt: 'tail' as const }))
let lives = 0

interface Lived {
  /** Everything that was handed out, as the cloud sees it: id -> body. */
  readonly seen: ReadonlyMap<string, string>
  /** Ids of this life's own epoch. */
  readonly issued: ReadonlySet<string>
  readonly epoch: string
  /** What is left for uplink south. */
  readonly left: readonly StoredRecord[]
}

const idOf = ({ idPrefix, seq }: StoredRecord) => idPrefix + seq

/** One life of the agent on a folder; north takes everything, south the first half. No two bodies are alike. */
async function live(t: TestContext, folder: string): Promise<Lived> {
  lives += 1
  const site = await Site.open(t, { folder, uplinks })
  const records = site.records(30).map((record, index) => ({ ...record, body: `"life":${lives},"n":${index}` }))
  await site.outbox.append(records, { durable: true })
  const seen = new Map<string, string>()
  const all = await Promise.all(uplinks.map(({ name }) => readAll(site.cursor(name))))
  for (const record of all.flat()) seen.set(idOf(record), record.body)
  const [north = [], south = []] = all
  const half = Math.floor(south.length / 2)
  site.cursor('north').delivered(north)
  site.cursor('south').delivered(south.slice(0, half))
  const { epoch } = site.outbox
  if (lives % 2 === 0) await site.close()
  else {
    await site.durable(0)
    await site.abandon()
  }
  const issued = new Set([...seen.keys()].filter((id) => id.includes(`/${epoch}/`)))
  assert.equal(issued.size, 31)
  return { seen, issued, epoch, left: south.slice(half) }
}

/** The cloud's own rule: what it saw under an id is what the id stands for. */
function assertOneMeaning(lives: readonly Lived[]): void {
  const cloud = new Map<string, string>()
  for (const { seen } of lives) {
    for (const [id, body] of seen) {
      assert.equal(cloud.get(id) ?? body, body, `${id} stands for two things`)
      cloud.set(id, body)
    }
  }
  const epochs = lives.map(({ epoch }) => epoch)
  assert.equal(new Set(epochs).size, epochs.length, `an epoch came again: ${epochs}`)
}

test('P3: a cloned card: both go on, and have no new id in common', async (t) => {
  const [one, other] = [temporaryFolder(t), temporaryFolder(t)]
  const before = [await live(t, one), await live(t, one)]
  copyState(one, other)
  const mine: Lived[] = []
  const theirs: Lived[] = []
  for (let life = 0; life < 3; life += 1) {
    mine.push(await live(t, one))
    theirs.push(await live(t, other))
  }
  assertOneMeaning([...before, ...mine, ...theirs])
  const issued = new Set(mine.flatMap((lived) => [...lived.issued]))
  assert.equal(issued.size, 93)
  assert.deepEqual(
    theirs.flatMap((lived) => [...lived.issued]).filter((id) => issued.has(id)),
    [],
  )
  // Both count on from the same number: only the epoch tells their records apart.
  assert.equal(mine[0]?.epoch.split('-')[0], theirs[0]?.epoch.split('-')[0])
  // What was waiting when the card was copied is sent by both, and is the same for the cloud.
  const waiting = before[1]?.left.map(idOf) ?? []
  assert.ok(waiting.length > 10)
  for (const id of waiting) assert.ok(mine[0]?.seen.has(id) && theirs[0]?.seen.has(id), id)
})

test('P3: a backup is put back: its records come again as they were, and no new id was ever used', async (t) => {
  const folder = temporaryFolder(t)
  const backup = temporaryFolder(t)
  const before = [await live(t, folder), await live(t, folder)]
  copyState(folder, backup)
  const since = [await live(t, folder), await live(t, folder), await live(t, folder)]
  copyState(backup, folder)
  const after = [await live(t, folder), await live(t, folder)]
  assertOneMeaning([...before, ...since, ...after])
  for (const record of before[1]?.left ?? []) assert.equal(after[0]?.seen.get(idOf(record)), record.body, 'comes again')
  const used = new Set([...before, ...since].flatMap(({ seen }) => [...seen.keys()]))
  for (const { issued } of after)
    assert.deepEqual(
      [...issued].filter((id) => used.has(id)),
      [],
    )
  // The numbers did return: it is the epoch that keeps the ids apart.
  const seqs = (lived: readonly Lived[]) => lived.flatMap(({ issued }) => [...issued].map((id) => id.split('/')[2]))
  assert.ok(seqs(after).some((seq) => seqs(since).includes(seq)))
})

test('P3: the database is lost, again and again: numbers begin at 1, and no id returns', async (t) => {
  const folder = temporaryFolder(t)
  const all: Lived[] = []
  for (let loss = 0; loss < 6; loss += 1) {
    for (const suffix of ['', '-wal']) rmSync(join(folder, `tidegate.db${suffix}`), { force: true })
    const lived = await live(t, folder)
    assert.ok(lived.issued.has(`gw/${lived.epoch}/1`))
    all.push(lived)
  }
  assertOneMeaning(all)
  assert.equal(new Set(all.flatMap(({ issued }) => [...issued])).size, 6 * 31)
})

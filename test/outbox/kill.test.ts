/**
 * P1, P2, P3: the process is killed (SIGKILL) at random moments, again and again on one database. Every id that was
 * confirmed reaches every uplink that wants it, no id stands for two things, and what will never come is exactly what the
 * next epoch names.
 *
 * TIDEGATE_KILLS=500 kills more often, TIDEGATE_SEED repeats the moments (not the exact interleaving).
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import { readAll, Site, temporaryFolder } from '../support/outbox-site.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'

const KILLS = Number(process.env['TIDEGATE_KILLS'] ?? 40)
/** Fewer kills into a commit under way, and the run says nothing. */
const HITS_MIN = Math.min(10, KILLS / 4)
const LIFE_MS_MAX = 120
const VICTIM = fileURLToPath(new URL('../support/outbox-victim.ts', import.meta.url))
const NAMES = ['north', 'south'] as const
const uplinks = NAMES.map((name) => ({ name, startAt: 'tail' as const }))

/** All that was ever said by all victims. */
class Testimony {
  readonly confirmed = new Set<string>()
  readonly onlyNorth = new Set<string>()
  readonly bodies = new Map<string, string>()
  readonly received = { north: new Set<string>(), south: new Set<string>() }
  readonly broken: string[] = []
  duplicates = 0
  readonly #last = { north: 0, south: 0 }

  /** A new process, a new session of every uplink. */
  begin(): void {
    this.#last.north = 0
    this.#last.south = 0
  }

  take(line: string): void {
    const [word, ...rest] = line.split(' ')
    if (word === 'A') this.confirmed.add(rest[0] ?? '')
    else if (word === 'T') this.onlyNorth.add(rest[0] ?? '')
    else if (word === 'R') this.#last[rest[0] as 'north'] = 0
    else if (word === 'D') this.delivered(rest[0] as 'north' | 'south', rest[1] ?? '', rest.slice(3).join(' '))
  }

  delivered(name: 'north' | 'south', id: string, body: string): void {
    const seq = Number(id.split('/')[2])
    if (seq <= this.#last[name]) this.broken.push(`${name} got ${id} behind ${this.#last[name]}`)
    this.#last[name] = seq
    if ((this.bodies.get(id) ?? body) !== body) this.broken.push(`${id} stands for two things`)
    this.bodies.set(id, body)
    if (this.received[name].has(id)) this.duplicates += 1
    this.received[name].add(id)
  }
}

test(`${KILLS} kills at random moments lose nothing that was confirmed`, { timeout: 120_000 }, async (t) => {
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const chance = chanceOf(seed)
  // Two databases side by side, for two cores.
  const hits = await Promise.all([
    killOften(t, Math.ceil(KILLS / 2), chance),
    killOften(t, Math.floor(KILLS / 2), chance),
  ])
  const sum = hits.reduce((left, right) => left + right)
  t.diagnostic(`${sum} of ${KILLS} kills hit a commit under way`)
  assert.ok(sum >= HITS_MIN, `only ${sum} kills hit a commit under way`)
})

/** Kills victims on one database and looks at what is left; gives how many kills hit a commit. */
async function killOften(t: TestContext, kills: number, chance: Chance): Promise<number> {
  const folder = temporaryFolder(t)
  let hits = 0
  for (let life = 0; life < kills; life += 1) {
    await liveAndDie(folder, { seed: chance.between(0, 1e9), afterMs: chance.between(0, LIFE_MS_MAX) })
  }
  const testimony = new Testimony()
  let isCommitting = false
  for (const line of readFileSync(join(folder, 'testimony'), 'utf8').split('\n')) {
    if (line === 'started') {
      if (isCommitting) hits += 1
      testimony.begin()
    }
    if (line === 'B') isCommitting = true
    else if (line === 'E' || line === 'started') isCommitting = false
    else testimony.take(line)
  }
  if (isCommitting) hits += 1
  testimony.begin()
  const site = await Site.open(t, { folder, uplinks })
  for (const name of NAMES) {
    for (const { idPrefix, seq, body } of await readAll(site.cursor(name)))
      testimony.delivered(name, idPrefix + seq, body)
  }
  const { confirmed, received, onlyNorth, duplicates } = testimony
  t.diagnostic(
    `${confirmed.size} confirmed, ${received.north.size} and ${received.south.size} received, ${duplicates} twice`,
  )
  assert.deepEqual(testimony.broken.slice(0, 5), [])
  const lacking = (name: 'north' | 'south') =>
    [...confirmed].filter((id) => !received[name].has(id) && !(name === 'south' && onlyNorth.has(id)))
  assert.deepEqual(
    { north: lacking('north').slice(0, 5), south: lacking('south').slice(0, 5) },
    { north: [], south: [] },
  )
  assertEpochsWhole(testimony, kills)
  return hits
}

/** P4: through `stored_through` every number of an epoch came, or was for the other uplink alone. */
function assertEpochsWhole(testimony: Testimony, kills: number): void {
  const starts = [...testimony.bodies.values()].filter((body) => body.startsWith('"event":"started"'))
  let epochs = 0
  for (const start of starts) {
    const { previous } = JSON.parse(`{${start}}`)
    if (!previous) continue
    epochs += 1
    for (let seq = previous.first; seq <= previous.stored_through; seq += 1) {
      const id = `gw/${previous.epoch}/${seq}`
      assert.ok(testimony.received.north.has(id), `north never got ${id}`)
      assert.ok(testimony.received.south.has(id) || testimony.onlyNorth.has(id), `south never got ${id}`)
    }
  }
  assert.equal(epochs, kills, 'every epoch is named by the next')
}

async function liveAndDie(folder: string, options: { readonly seed: number; readonly afterMs: number }): Promise<void> {
  const child = spawn(process.execPath, [VICTIM, folder, String(options.seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  await Promise.race([once(child.stdout, 'data'), closed])
  await systemClock.wait(options.afterMs)
  child.kill('SIGKILL')
  await closed
}

/**
 * The agent is killed at random moments, online and offline (P1 to P4): the cloud can tell what it has, what it misses,
 * and that nothing else is missing. TIDEGATE_SEED repeats the moments of a run, TIDEGATE_KILLS asks for more of them.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { AgentProcess } from '../support/agent-process.ts'
import type { Verdict } from '../support/checker.ts'
import {
  type Cloud,
  drainAndJudge,
  fieldFolder,
  hasField,
  numbersIn,
  startAgent,
  startCloud,
  startDevice,
} from '../support/field.ts'
import { countingConfig, modbusTcp } from '../support/field-config.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'

const KILLS = Number(process.env['TIDEGATE_KILLS'] ?? 20)
/** Of twenty kills at least ten must hit a moment that matters. */
const HITS_MIN = KILLS / 2
const WINDOW = 16
const ACKS_LATE_MS = 60
const COMMIT_INTERVAL_MS = 200
/** A sync on a busy machine, with the commit before it. */
const SYNC_MS = 500
/**
 * What may come twice after a kill: what was in flight, and what was acknowledged since the cursor was last stored, which
 * happens every commit interval. The window bounds how fast acknowledgements come.
 */
const DUPLICATES_MAX = WINDOW + Math.ceil((WINDOW / ACKS_LATE_MS) * (COMMIT_INTERVAL_MS + SYNC_MS))

test('the cloud misses only what the next epoch names, however often the agent is killed', async (t) => {
  if (!hasField(t)) return
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  cloud.network.delayMs = ACKS_LATE_MS
  const device = await startDevice(t, folder)
  const agent = startAgent(t, {
    folder,
    config: countingConfig({
      connection: modbusTcp(device.port, 3_000),
      cloudPort: cloud.network.port,
      interval: '10ms',
      window: WINDOW,
      commitInterval: `${COMMIT_INTERVAL_MS}ms`,
    }),
  })
  const interruptions = await killOften(agent, cloud, chanceOf(seed))
  await device.end()
  const { exitStatus, head, verdict } = await drainAndJudge(agent, cloud, interruptions.all)
  const hits = hitsOf(verdict, interruptions)
  report(t, verdict, { hits, served: device.served().length })

  assert.equal(exitStatus, 0)
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  assert.equal(verdict.epochs[0]?.first, 1)
  assert.equal(verdict.epochs.at(-1)?.arrivedThrough, head)
  assertReadings(verdict, device.served())
  for (const { duplicates } of verdict.bursts) assert.ok(duplicates <= DUPLICATES_MAX, `${duplicates} duplicates`)
  assert.ok(hits.all >= HITS_MIN, `only ${hits.all} of ${KILLS} kills hit records that were uncommitted or in flight`)
})

interface Interruptions {
  /** Arrivals seen at each. */
  readonly all: readonly number[]
  readonly kills: readonly Kill[]
}

interface Kill {
  /** Its place among all interruptions. */
  readonly index: number
  /** The agent's status, asked just before, named records that were uncommitted or in flight. */
  readonly busy: boolean
}

async function killOften(agent: AgentProcess, cloud: Cloud, chance: Chance): Promise<Interruptions> {
  const all: number[] = []
  const kills: Kill[] = []
  for (let kill = 0; kill < KILLS; kill += 1) {
    // Some die while they start.
    if (!chance.hits(0.15)) await agent.ready()
    const offline = chance.oneOf(['no', 'no', 'cut', 'broker dead'] as const)
    if (offline === 'no' && chance.hits(0.6)) await caughtUp(agent, cloud)
    await pause(chance.between(20, 400))
    if (offline !== 'no') {
      all.push(cloud.arrivals().length)
      if (offline === 'cut') cloud.network.cut()
      else await cloud.stop('SIGKILL')
      await pause(chance.between(50, 700))
    }
    kills.push({ index: all.length, busy: await isBusy(agent) })
    all.push(cloud.arrivals().length)
    await agent.kill()
    // Sometimes the link is still away when the next one starts, and dies.
    if (offline === 'broker dead') await cloud.start()
    else if (chance.hits(0.7)) cloud.network.restore()
    agent.start()
  }
  cloud.network.restore()
  await agent.ready()
  return { all, kills }
}

/** Fresh records go out before they are committed only when the backlog is gone. */
async function caughtUp(agent: AgentProcess, cloud: Cloud): Promise<void> {
  cloud.network.restore()
  await agent.ready()
  await agent.reaches(({ uplinks: [uplink] }) => uplink?.state === 'online' && uplink.pending <= WINDOW, {
    what: 'the backlog to be gone',
    timeoutMs: 20_000,
  })
}

async function isBusy(agent: AgentProcess): Promise<boolean> {
  const status = await agent.status().catch(() => undefined)
  return status !== undefined && (status.outbox.tail > 0 || (status.uplinks[0]?.inFlight ?? 0) > 0)
}

/**
 * Kills that hit a moment with records uncommitted or in flight. `proven` ones show from outside: something came twice
 * because of it, something came that was never stored, or readings that the device had answered are gone.
 */
function hitsOf(verdict: Verdict, { kills }: Interruptions): { readonly all: number; readonly proven: number } {
  const repeated = new Set(verdict.bursts.map(({ cause }) => cause))
  const lossy = verdict.epochs.slice(0, -1).filter((epoch, index) => {
    const next = verdict.epochs[index + 1]
    return epoch.arrivedUnstored > 0 || lostBetween(verdict, epoch.tag, next?.tag ?? '') > 1
  })
  const seen = kills.filter(({ index, busy }) => busy || repeated.has(index)).length
  const proven = kills.filter(({ index }) => repeated.has(index)).length
  return { all: Math.max(seen, lossy.length), proven: Math.max(proven, lossy.length) }
}

/** Numbers of the device between the last one of an epoch and the first one of the next; one may have been on the wire. */
function lostBetween(verdict: Verdict, tag: string, nextTag: string): number {
  const of = (epoch: string) => numbersIn(verdict.records.filter((record) => record.epoch === epoch))
  const last = of(tag).at(-1)
  const first = of(nextTag)[0]
  return last === undefined || first === undefined ? 0 : first - last - 1
}

/** Readings come in the order in which they were made, and none is made up. */
function assertReadings(verdict: Verdict, served: readonly number[]): void {
  const arrived = numbersIn(verdict.records)
  const known = new Set(served)
  assert.deepEqual(
    arrived.filter((number, index) => !known.has(number) || number <= (arrived[index - 1] ?? 0)),
    [],
  )
}

interface Run {
  readonly hits: { readonly all: number; readonly proven: number }
  readonly served: number
}

function report(t: TestContext, verdict: Verdict, run: Run): void {
  const unstored = verdict.epochs.map((epoch) => epoch.arrivedUnstored)
  const most = Math.max(0, ...verdict.bursts.map((burst) => burst.duplicates))
  const lost = run.served - numbersIn(verdict.records).length
  t.diagnostic(
    `${KILLS} kills, ${run.hits.all} hits, ${run.hits.proven} of them proven from outside; ${verdict.epochs.length} epochs, ${verdict.records.length} records`,
  )
  t.diagnostic(`duplicates: ${verdict.duplicates}, at most ${most} at once, allowed ${DUPLICATES_MAX}`)
  t.diagnostic(`arrived but never stored, per epoch: ${unstored}; readings lost with the memory: ${lost}`)
}

/**
 * Start with ten million records waiting, against a start with none: time from the start of the process until the first
 * request reaches a device, and resident memory some seconds later. Both take turns; also once with nothing of the file
 * in the page cache, where that can be arranged. Usage: node test/bench/start.ts [records] [turns]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { bigStateDir } from './big-file.ts'
import { LoadSite, MeasuredAgent, middle } from './load.ts'

const RECORDS = Number(process.argv[2] ?? 10_000_000)
const TURNS = Number(process.argv[3] ?? 5)
/** Nothing that a start does takes longer; what grows later is no matter of the start. */
const SETTLE_MS = 5_000
/** Nobody listens there: the backlog stays. */
const CLOSED_PORT = 1

interface Start {
  readonly milliseconds: number
  readonly residentMiB: number
  readonly pending: number
}

async function start(site: LoadSite, stateDir: string): Promise<Start> {
  const limits = 'max_size: 100GiB, max_age: 3650d'
  const agent = new MeasuredAgent(site.config({ mqttPort: CLOSED_PORT, outbox: limits }), stateDir)
  try {
    const request = site.firstRequest()
    const from = performance.now()
    agent.start()
    const milliseconds = (await request) - from
    await delay(SETTLE_MS)
    const { residentMiB } = agent
    const pending = (await agent.status()).uplinks[0]?.pending ?? 0
    await agent.stop()
    return { milliseconds, residentMiB, pending }
  } finally {
    agent.remove()
  }
}

function show(name: string, starts: readonly Start[]): void {
  const milliseconds = middle(starts.map((one) => one.milliseconds))
  const residentMiB = middle(starts.map((one) => one.residentMiB))
  const spread = starts.map((one) => one.residentMiB.toFixed(0)).join(' ')
  const pending = String(starts.at(-1)?.pending).padStart(9)
  console.log(
    `${name.padEnd(24)} ${pending} waiting  first poll after ${milliseconds.toFixed(0).padStart(5)} ms  ${residentMiB.toFixed(1)} MiB resident (${spread})`,
  )
}

/** True when the kernel forgot what it had cached. */
function forgetCache(): boolean {
  try {
    execFileSync('sync')
    writeFileSync('/proc/sys/vm/drop_caches', '1')
    return true
  } catch {
    return false
  }
}

const site = await LoadSite.start({ connections: 1, devicesEach: 1, pointsEach: 1 })
const empty = mkdtempSync(join(tmpdir(), 'tidegate-empty-'))
try {
  const full = await bigStateDir(RECORDS)
  const gigabytes = (statSync(join(full, 'tidegate.db')).size / 1e9).toFixed(1)
  console.log(`\nstart with ${RECORDS} records waiting (${gigabytes} GB), median of ${TURNS}, against an empty outbox`)
  const starts: { empty: Start[]; full: Start[] } = { empty: [], full: [] }
  for (let turn = 0; turn < TURNS; turn += 1) {
    starts.empty.push(await start(site, empty))
    starts.full.push(await start(site, full))
  }
  show('empty', starts.empty)
  show('full', starts.full)
  if (forgetCache()) {
    show('empty, cold page cache', [await start(site, empty)])
    forgetCache()
    show('full, cold page cache', [await start(site, full)])
  }
} finally {
  await site.close()
  rmSync(empty, { recursive: true, force: true })
}

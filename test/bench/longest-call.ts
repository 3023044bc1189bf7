/**
 * The longest single call into SQLite with ten million records waiting: start, commits small and large, pages read over
 * all of the file, rows given up at a limit, delivered rows removed, the log written back, the stop. Calls cannot be
 * interrupted, so the design bounds each to 50 ms. Usage: node test/bench/longest-call.ts [records] [records drained] [records of a large commit]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord } from '../../src/model.ts'
import { Keeper } from '../../src/outbox/keeper.ts'
import { bigStateDir, openOutbox, UPLINK } from './big-file.ts'

const RECORDS = Number(process.argv[2] ?? 10_000_000)
const DRAINED = Number(process.argv[3] ?? 300_000)
/** Records of the large commits: what gathered while the disk took nothing. */
const LARGE = Number(process.argv[4] ?? 20_000)
const PROBE = fileURLToPath(new URL('call-probe.ts', import.meta.url))
const BOUND_MS = 50
const SHOWN_MS = 2

function batch(count: number): NewRecord[] {
  const body = `"device":"d","values":{"note":"${'x'.repeat(120)}"}`
  return new Array<NewRecord>(count).fill({ kind: 'data', source: 'd', body, mono: systemClock.mono() })
}

/** What an agent does with a large file, one after the other. */
async function work(folder: string): Promise<void> {
  const { storage, outbox } = await openOutbox(folder)
  for (let commit = 0; commit < 200; commit += 1) await outbox.append(batch(50), { durable: true })
  for (let commit = 0; commit < 10; commit += 1) await outbox.append(batch(LARGE), { durable: true })
  const cursor = outbox.cursor(UPLINK)
  for (let drained = 0; drained < DRAINED; ) {
    const page = await cursor.next(1_000)
    drained += page.length
    cursor.delivered(page)
  }
  const usedBytes = () => storage.facts.usedBytes
  const limits = { maxAgeMs: 3.15e11, maxSizeBytes: Math.round(usedBytes() * 0.97), minFreeDiskBytes: 0 }
  const keeper = new Keeper(outbox, {
    ...{ storage, clock: systemClock, log: silentLogger, diskUse: () => storage.facts },
    ...{ ...limits, whenFull: 'drop_oldest', keepDeliveredMs: 0, expiriesMs: [] },
  })
  keeper.start()
  while (usedBytes() > limits.maxSizeBytes) await systemClock.wait(100)
  await keeper.stop()
  await outbox.close()
  await storage.close()
}

function show(file: string): void {
  const longest = new Map<string, number>()
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [label, milliseconds] = JSON.parse(line) as [string, number]
    longest.set(label, Math.max(longest.get(label) ?? 0, milliseconds))
  }
  for (const [label, milliseconds] of [...longest].sort((left, right) => right[1] - left[1])) {
    if (milliseconds < SHOWN_MS) continue
    const over = milliseconds > BOUND_MS ? '  over the bound' : ''
    console.log(`${milliseconds.toFixed(1).padStart(8)} ms  ${label.slice(0, 110)}${over}`)
  }
}

const folder = process.env['TIDEGATE_CALL_PROBE_FOLDER']
if (folder !== undefined) await work(folder)
else {
  const own = mkdtempSync(join(tmpdir(), 'tidegate-calls-'))
  try {
    const stateDir = join(own, 'state')
    cpSync(await bigStateDir(RECORDS), stateDir, { recursive: true })
    // Else the first sync of the agent would carry the copy to the disk.
    execFileSync('sync')
    const file = join(own, 'calls')
    const environment = { ...process.env, TIDEGATE_CALL_PROBE: file, TIDEGATE_CALL_PROBE_FOLDER: stateDir }
    const words = ['--import', PROBE, fileURLToPath(import.meta.url), String(RECORDS), String(DRAINED), String(LARGE)]
    console.log(`\nlongest call of each kind into SQLite, ${RECORDS} records waiting, bound ${BOUND_MS} ms`)
    const { status } = spawnSync(process.execPath, words, { stdio: 'inherit', env: environment })
    if (status === 0) show(file)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

/**
 * Power cuts at block level (P1 to P4, P8). The product's own storage thread, outbox and inbox work on a file system whose
 * disk remembers every write and flush; then the disk is rebuilt as a cut may leave it at many instants, the product is
 * started on it, and what it had confirmed must be there.
 *
 * TIDEGATE_POWER_CUTS=1000 looks at more instants, TIDEGATE_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { messageOf } from '../../src/errors.ts'
import { buildCrashDisk, canCrashDisk, onDisk, startCrashDisk } from '../support/crashdisk.ts'
import { promisedAt } from '../support/crashdisk-marks.ts'
import { DiskStates, planCuts } from '../support/crashdisk-states.ts'
import { survey } from '../support/crashdisk-survey.ts'
import { chanceOf, newSeed } from '../support/seeded.ts'

const CUTS = Number(process.env['TIDEGATE_POWER_CUTS'] ?? 60)
/** The control need not look as long: nearly every state is bad. */
const CONTROL_CUTS = 10
const STEPS = 600
const WRITER = fileURLToPath(new URL('../support/crashdisk-writer.ts', import.meta.url))
const UNSYNCED = new URL('../support/crashdisk-unsynced.ts', import.meta.url).href

test('a power cut at any instant loses nothing that was confirmed', async (t) => {
  if (!canCrashDisk(t)) return
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const broken = await cutPower(t, { seed, cuts: CUTS })
  assert.deepEqual(broken, [])
})

test('without waiting for the disk the same run loses what was confirmed: this test can fail', async (t) => {
  if (!canCrashDisk(t)) return
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const broken = await cutPower(t, { seed, cuts: CONTROL_CUTS, unsynced: true })
  assert.ok(broken.length > CONTROL_CUTS / 2, `only ${broken.length} of ${CONTROL_CUTS} states were found to be bad`)
})

interface BrokenState {
  readonly at: number
  readonly fate: string
  readonly faults: readonly string[]
}

async function cutPower(
  t: TestContext,
  options: { readonly seed: number; readonly cuts: number; readonly unsynced?: boolean },
): Promise<BrokenState[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-power-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const { base, events } = await record(folder, options)
  const chance = chanceOf(options.seed)
  const states = new DiskStates(base, events, chance)
  const broken: BrokenState[] = []
  for (const cut of planCuts(events, options.cuts, chance)) {
    const disk = states.after(cut)
    const look = (directory: string) => survey(directory, promisedAt(events, cut.at))
    const faults = await onDisk(disk, folder, look).catch((error: unknown) => [messageOf(error)])
    if (faults.length > 0) broken.push({ ...cut, faults })
  }
  const count = (kind: string) => events.filter((event) => event.kind === kind).length
  t.diagnostic(`${count('write')} writes, ${count('flush')} flushes, ${count('mark')} marks; ${options.cuts} cuts`)
  for (const { at, fate, faults } of broken.slice(0, 3)) {
    t.diagnostic(`event ${at}, ${fate}, ${faults.length} faults: ${faults.slice(0, 3).join('; ')}`)
  }
  return broken
}

/** Lets the writer work on a disk that remembers. */
async function record(folder: string, options: { readonly seed: number; readonly unsynced?: boolean }) {
  const disk = await startCrashDisk(buildCrashDisk(folder), folder)
  try {
    const preload = options.unsynced ? ['--import', UNSYNCED] : []
    const words = [...preload, WRITER, disk.directory, disk.markFile, String(options.seed), String(STEPS)]
    await promisify(execFile)(process.execPath, words)
  } finally {
    await disk.finish()
  }
  return disk.finish()
}

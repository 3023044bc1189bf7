/**
 * Power cuts at block level (P1 to P4, P8). The product's own storage thread, outbox and inbox work on a file system whose
 * disk remembers every write and flush; then the disk is rebuilt as a cut may leave it at many instants, the product is
 * started on it, and what it had confirmed must be there.
 *
 * TIDEGATE_POWER_CUTS=1000 looks at more instants, TIDEGATE_SEED repeats a run.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { messageOf } from '../../src/errors.ts'
import { buildCrashDisk, canCrashDisk, onDisk, startCrashDisk } from '../support/crashdisk.ts'
import { promisedAt } from '../support/crashdisk-marks.ts'
import { DiskStates, planCuts } from '../support/crashdisk-states.ts'
import { survey } from '../support/crashdisk-survey.ts'
import { quickFolder } from '../support/outbox-copies.ts'
import { chanceOf, newSeed } from '../support/seeded.ts'

const CUTS = Number(process.env['TIDEGATE_POWER_CUTS'] ?? 200)
const STEPS = 400
/** The controls need not look as long. */
const CONTROL_CUTS = 12
const CONTROL_STEPS = 150
/** Every so many states are opened through the storage thread, the others on this one. */
const IN_THREAD_EVERY = 8
const WRITER = fileURLToPath(new URL('../support/crashdisk-writer.ts', import.meta.url))
const UNSYNCED = new URL('../support/crashdisk-unsynced.ts', import.meta.url).href

test('a power cut at any instant loses nothing that was confirmed', async (t) => {
  if (!canCrashDisk(t)) return
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const broken = await cutPower(t, { seed, cuts: CUTS })
  assert.deepEqual(broken.slice(0, 3), [], `${broken.length} of ${CUTS} states break a promise`)
})

for (const level of ['OFF', 'NORMAL'] as const) {
  test(`with synchronous=${level} the same run loses what was confirmed: this test can fail`, async (t) => {
    if (!canCrashDisk(t)) return
    const seed = newSeed()
    t.diagnostic(`TIDEGATE_SEED=${seed}`)
    const broken = await cutPower(t, { seed, cuts: CONTROL_CUTS, level })
    assert.ok(broken.length >= CONTROL_CUTS / 4, `only ${broken.length} of ${CONTROL_CUTS} states were found to be bad`)
  })
}

interface BrokenState {
  readonly at: number
  readonly fate: string
  readonly faults: readonly string[]
}

async function cutPower(
  t: TestContext,
  options: { readonly seed: number; readonly cuts: number; readonly level?: 'OFF' | 'NORMAL' },
): Promise<BrokenState[]> {
  const folder = quickFolder(t)
  const { base, events } = await record(folder, options)
  const chance = chanceOf(options.seed)
  const states = new DiskStates(base, events, chance)
  const broken: BrokenState[] = []
  for (const [index, cut] of planCuts(events, options.cuts, chance).entries()) {
    const disk = states.after(cut)
    const inThread = index % IN_THREAD_EVERY === 0
    const look = (directory: string) => survey(directory, promisedAt(events, cut.at), { inThread })
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
async function record(folder: string, options: { readonly seed: number; readonly level?: 'OFF' | 'NORMAL' }) {
  const disk = await startCrashDisk(buildCrashDisk(folder), folder)
  try {
    const { seed, level } = options
    const preload = level ? ['--import', UNSYNCED] : []
    const steps = level ? CONTROL_STEPS : STEPS
    const words = [...preload, WRITER, disk.directory, disk.markFile, String(seed), String(steps)]
    await promisify(execFile)(process.execPath, words, { env: { ...process.env, CRASHDISK_SYNCHRONOUS: level } })
  } finally {
    await disk.finish()
  }
  return disk.finish()
}

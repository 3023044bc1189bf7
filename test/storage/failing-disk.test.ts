import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { type Logger, silentLogger } from '../../src/log.ts'
import type { Operation } from '../../src/storage/operation.ts'
import { lack } from '../support/needs.ts'
import { brokenBooks, recount } from '../support/outbox-recount.ts'
import { readAll, Site, threads } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

/** A file system of its own of a few megabytes; undefined (and the test skipped) where we may not mount one. */
function tinyDisk(t: TestContext): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    rmSync(folder, { recursive: true })
    lack(t, 'mount')
    return undefined
  }
  t.after(() => {
    // Lazily: it is busy until the last file is closed.
    execFileSync('umount', ['-l', folder], { stdio: 'ignore' })
    rmSync(folder, { recursive: true })
  })
  return folder
}

/** Takes all the room there is. */
function fill(folder: string): string {
  const file = join(folder, 'ballast')
  const descriptor = openSync(file, 'w')
  const block = Buffer.alloc(4096)
  try {
    for (;;) if (writeSync(descriptor, block) < block.length) break
  } catch {
    // Full, as it should be.
  } finally {
    closeSync(descriptor)
  }
  return file
}

/** Remembers the lines of each level. */
function listeningLog(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const log: Logger = {
    ...silentLogger,
    info: (message) => lines.push(`info ${message}`),
    warn: (message) => lines.push(`warn ${message}`),
    error: (message) => lines.push(`error ${message}`),
    child: () => log,
  }
  return { log, lines }
}

async function assertWhole(site: Site): Promise<void> {
  await site.close()
  const file = new Database(site.file)
  assert.deepEqual(brokenBooks(recount(file)), [])
  assert.equal(file.pragma('integrity_check', { simple: true }), 'ok')
  file.close()
}

test('a full disk is a state with a hint; delivery goes on from memory, and nothing is lost when there is room', async (t) => {
  const folder = tinyDisk(t)
  if (!folder) return
  const { log, lines } = listeningLog()
  const site = await Site.open(t, { folder, log, commitIntervalMs: 50 })
  const cursor = site.cursor()
  cursor.delivered(await readAll(cursor))
  await site.durable(10)
  cursor.delivered(await readAll(cursor))
  const ballast = fill(folder)
  let isDone = false
  const big = site.durable(2_000, { body: `"x":"${'x'.repeat(500)}"` }).then(() => {
    isDone = true
  })
  const problem = await until(() => site.storage.status().problem, { what: 'the disk to be full' })
  assert.equal(problem.code, 'SQLITE_FULL')
  assert.match(problem.hint ?? '', /full/)
  site.outbox.append(site.records(5))
  assert.equal(isDone, false)
  const fromMemory = await readAll(cursor)
  assert.equal(fromMemory.length, 2_005)
  cursor.delivered(fromMemory.slice(0, 1_000))
  rmSync(ballast)
  await big
  assert.equal(site.storage.status().state, 'ok')
  cursor.rewind()
  assert.equal((await readAll(cursor)).length, 1_005)
  assert.equal(lines.filter((line) => line.startsWith('error')).length, 1, lines.join('\n'))
  assert.equal(lines.filter((line) => line === 'info storage writes again').length, 1)
  await assertWhole(site)
})

test('closing while the disk is full comes to an end, and leaves the file whole', async (t) => {
  const folder = tinyDisk(t)
  if (!folder) return
  const site = await Site.open(t, { folder })
  await site.durable(10)
  const ballast = fill(folder)
  void site.durable(2_000, { body: `"x":"${'x'.repeat(500)}"` })
  await until(() => site.storage.status().problem, { what: 'the disk to be full' })
  await site.abandon()
  rmSync(ballast)
  const next = await Site.open(t, { folder })
  assert.equal((await readAll(next.cursor())).length, 12)
  await assertWhole(next)
})

test('a disk that fills up while closing does not hold the stop up', async (t) => {
  const folder = tinyDisk(t)
  if (!folder) return
  const site = await Site.open(t, { folder })
  fill(folder)
  void site.durable(2_000, { body: `"x":"${'x'.repeat(500)}"` })
  await site.abandon()
  assert.equal(site.storage.status().problem?.code, 'SQLITE_FULL')
})

test('a commit that is tried again is not packed again: the event loop would wait with each try', async (t) => {
  const folder = tinyDisk(t)
  if (!folder) return
  const site = await Site.open(t, { folder })
  const ballast = fill(folder)
  let packed = 0
  const operation: Operation<void> = {
    op: 'outbox.commit',
    get args() {
      packed += 1
      const text = `"x":"${'x'.repeat(500)}"`
      const seqs = Float64Array.from({ length: 2_000 }, (_, index) => index + 1_000)
      const [none, lengths] = [new Float64Array(2_000), new Uint32Array(2_000).fill(text.length)]
      const columns = { kinds: new Uint8Array(2_000), boots: none, monos: none, targets: none, expires: none }
      const texts = { sources: ['m'], sourceOf: new Uint32Array(2_000), text: text.repeat(2_000), lengths }
      return { rows: { seqs, ...columns, ...texts } }
    },
  }
  const thread = threads.at(-1)
  assert.ok(thread)
  let again = 0
  const post = thread.postMessage.bind(thread)
  thread.postMessage = (message: { readonly type?: string }) => {
    if (message.type === 'commit_again') again += 1
    post(message)
  }
  const stored = site.storage.transact([operation])
  await until(() => again >= 2, { what: 'two more tries', timeoutMs: 60_000 })
  rmSync(ballast)
  await stored
  assert.equal(packed, 1)
})

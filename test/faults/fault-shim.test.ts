/** The shim itself, under the storage engine of the product: a rig that does not bite would prove nothing. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FaultShim, faultShim } from '../support/fault-shim.ts'
import { start } from '../support/program.ts'

const WRITER = fileURLToPath(new URL('../support/fault-shim-writer.ts', import.meta.url))

/** Commits rows 1 to 6 one by one, and reads them back; gives one word for each, then the rows found. */
async function write(t: TestContext, shim: FaultShim) {
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const writer = start(t, [process.execPath, WRITER, join(folder, 'test.db')], { env: { ...process.env, ...shim.env } })
  const { stdout, stderr, signal } = await writer.ended
  return { words: stdout.trim().split(/\s+/), stderr, signal }
}

/** Rule, what one of the commits fails with, and the rows that must be there then. */
const cases: readonly (readonly [rule: string, code: string | undefined, rows: RegExp])[] = [
  ['pwrite other.db fail=EIO', undefined, /^6$/],
  ['pwrite test.db-wal short skip=6 times=1', undefined, /^6$/],
  ['sync test.db-wal delay=20', undefined, /^6$/],
  ['pwrite test.db-wal fail=ENOSPC skip=6 times=1', 'SQLITE_FULL', /^5$/],
  ['pwrite test.db-wal torn=EIO skip=6 times=1', 'SQLITE_IOERR_WRITE', /^5$/],
  // The frames of the failed commit stay in the log, and may count again once it is synced.
  ['sync test.db-wal fail=EIO skip=3 times=1', 'SQLITE_IOERR_FSYNC', /^[56]$/],
]

for (const [rule, code, rows] of cases) {
  test(rule, async (t) => {
    const shim = faultShim(t)
    if (!shim) return
    shim.set(rule)
    const { words, stderr } = await write(t, shim)
    const failures = words.slice(0, -1).filter((word) => word !== 'ok')
    assert.deepEqual(failures, code === undefined ? [] : [code], stderr)
    assert.match(words.at(-1) ?? '', rows)
  })
}

test('syncs are counted, good ones apart from lies', async (t) => {
  const shim = faultShim(t)
  if (!shim) return
  await write(t, shim)
  const honest = shim.count('sync', '/test.db-wal')
  assert.ok(honest.good >= 6 && honest.lied === 0 && honest.failed === 0 && honest.lastGoodMs > 0, `${honest.good}`)
  shim.set('sync test.db-wal lie')
  await write(t, shim)
  const after = shim.count('sync', '/test.db-wal')
  assert.ok(after.lied >= 6, `${after.lied} lies`)
  assert.equal(after.good, honest.good)
})

test('the process is killed before the call that the rule names', async (t) => {
  const shim = faultShim(t)
  if (!shim) return
  shim.set('sync test.db-wal kill skip=4')
  const { words, signal } = await write(t, shim)
  assert.equal(signal, 'SIGKILL')
  assert.ok(words.length < 6, words.join(' '))
})

test('a rule that cannot be read ends the process instead of doing nothing', async (t) => {
  const shim = faultShim(t)
  if (!shim) return
  shim.set('sync test.db-wal explode')
  const { signal, stderr } = await write(t, shim)
  assert.equal(signal, 'SIGABRT')
  assert.match(stderr, /not a rule: sync test.db-wal explode/)
})

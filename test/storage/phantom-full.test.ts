/** A page number far beyond the file: SQLite calls the disk full, for ever, while there is plenty of room (P11). */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import { commitOperation } from '../../src/outbox/operations.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { destroy, pagesOf } from '../support/fault-agent-seed.ts'
import { look, Site } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

test('a full disk that is none is damage: the file is set aside', async (t) => {
  const site = await Site.open(t)
  await site.durable(5_000, { body: `"x":"${'x'.repeat(330)}"` })
  await site.close()
  // In the middle: both ends are read at the start.
  const leaves = pagesOf(site.file, 'record', 'leaf')
  const middle = Math.floor(leaves.length / 2)
  destroy(site.file, leaves[middle] ?? 0, { from: 512 })

  // Rows are listed up to the destroyed one, whose number is nonsense.
  const below = look(
    site.file,
    'SELECT max(seq) FROM (SELECT seq FROM record WHERE seq BETWEEN 1 AND 5001 ORDER BY seq LIMIT 9000)',
  )

  const codes = new Set<string>()
  const storage = await StorageThread.open(site.file, {
    clock: systemClock,
    log: silentLogger,
    maxSizeBytes: 64 * 1024 * 1024,
  })
  t.after(() => storage.close())
  // Of its neighbour everything is removed: SQLite moves rows of the destroyed page there, and notes where they are.
  void storage.transact([
    commitOperation(
      () => ({ remove: [[1, below]] }),
      () => undefined,
    ),
  ])
  const recovered = await until(
    () => {
      const { problem, recovered: sentence } = storage.status()
      if (problem) codes.add(problem.code)
      return sentence
    },
    { what: 'the damage to be noticed', timeoutMs: 30_000 },
  )
  assert.ok(codes.has('SQLITE_FULL'), `SQLite said ${[...codes]}: this test proves nothing`)
  assert.match(recovered, /damaged/)
  assert.ok(recovered.includes(dirname(site.file)))
})

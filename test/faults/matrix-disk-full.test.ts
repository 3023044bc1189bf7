/**
 * A disk that is really full (P1, P2, P5): the agent gives its ballast back first, then goes on from memory, and writes
 * again by itself when there is room.
 */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { type FaultSite, faultSite } from '../support/fault-agent.ts'
import { type SmallDisk, smallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** Room for the ballast twice over, as the agent wants it, and for what fills it up. */
const DISK_BYTES = 40 * MIB
const OUTBOX = 'min_free_disk: 1MiB'

describe('a disk that is really full', { concurrency: true }, () => {
  test('full while running: the ballast is given back first, then all goes on from memory', async (t) => {
    const disk = smallDisk(t, { bytes: DISK_BYTES })
    if (!disk) return
    // Long readings without a link: what the log has room for is used up in seconds.
    const site = await faultSite(t, {
      stateDir: disk.directory,
      outbox: `${OUTBOX}, max_size: 16MiB`,
      interval: '10ms',
      extraPoints: 40,
    })
    await site.start()
    await site.goesOn()
    await site.alive(() => ballastBytes(disk) > 0, 'the ballast to be made')
    site.network.cut()
    disk.fill()
    await site.alive(() => ballastBytes(disk) === 0, 'the ballast to be given back')
    assert.equal((await site.agent.status()).storage.state, 'ok')

    disk.fill()
    await site.failing()
    site.network.restore()
    await failFromFull(site)
    disk.free()
    await site.applies(6)
    await site.writesAgain()
    await site.event('storage_recovered')
    await site.alive(() => ballastBytes(disk) > 0, 'the ballast to be made again')
    await site.goesOn()
    const { books } = await site.settle()
    assert.equal(books.eventsNamed('storage_recovered').length, 1)
  })

  test('full at the start, a new gateway: it reads and delivers, and stores when there is room', async (t) => {
    await startFull(t, async () => undefined)
  })

  test('full at the start with a backlog: the backlog is delivered too', async (t) => {
    await startFull(t, async (site) => {
      site.network.cut()
      await site.start()
      await site.reaches('a backlog', ({ outbox }) => outbox.writtenRecords >= 20)
      await site.agent.kill()
      // A log that has been written to has room of its own, which a full disk does not take away.
      const database = new Database(join(site.agent.stateDir, 'tidegate.db'))
      database.pragma('wal_checkpoint(TRUNCATE)')
      database.close()
      site.network.restore()
    })
  })

  test('a disk that is full for a moment only costs nothing', async (t) => {
    const disk = smallDisk(t, { bytes: DISK_BYTES })
    if (!disk) return
    const site = await faultSite(t, { stateDir: disk.directory, outbox: OUTBOX })
    await site.start()
    await site.goesOn()
    disk.fill()
    site.command('c1', 5)
    await until(() => site.agent.log.includes('full') || site.isConfirmed(), { what: 'the full disk to be met' })
    disk.free()
    await site.applies(5)
    await site.settle()
  })
})

async function startFull(t: TestContext, prepare: (site: FaultSite) => Promise<unknown>): Promise<void> {
  const disk = smallDisk(t, { bytes: DISK_BYTES })
  if (!disk) return
  // No ballast helps: there is never room for it.
  const site = await faultSite(t, { stateDir: disk.directory, outbox: `min_free_disk: ${DISK_BYTES / MIB}MiB` })
  await prepare(site)
  // The socket of the agent takes a place in the directory, and nothing else.
  disk.fill()
  await site.start()
  await failFromFull(site)
  disk.free()
  await site.applies(6)
  await site.writesAgain()
  await site.event('storage_recovered')
  await site.goesOn()
  await site.settle()
}

async function failFromFull(site: FaultSite): Promise<void> {
  await site.alive(() => site.broker.current?.session !== undefined, 'the agent to be connected')
  site.command('c2', 6)
  const problem = await site.failing()
  assert.match(problem.code, /^(SQLITE_FULL|ENOSPC)/)
  assert.match(problem.hint ?? '', /full/)
  await site.withholds('c2', 6)
  const { content } = await site.event('storage_failing')
  assert.match(String(content['code']), /^(SQLITE_FULL|ENOSPC)/)
}

function ballastBytes(disk: SmallDisk): number {
  return statSync(join(disk.directory, 'tidegate.ballast'), { throwIfNoEntry: false })?.size ?? 0
}

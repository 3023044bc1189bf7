/** A file system that takes nothing (P1, P5): read-only at the start, and by an error the kernel meets while running. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { faultSite } from '../support/fault-agent.ts'
import { smallDisk } from '../support/small-disk.ts'

const DISK_BYTES = 32 * 1024 * 1024
const CODE = /^(SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_IOERR|EROFS)/
const HINT = /dmesg/

describe('a file system that takes nothing', { concurrency: true }, () => {
  test('read-only at the start: it reads, delivers the backlog, and stores when it can', async (t) => {
    const disk = smallDisk(t, { bytes: DISK_BYTES })
    if (!disk) return
    const site = await faultSite(t, { stateDir: disk.directory })
    site.network.cut()
    await site.start()
    await site.reaches('a backlog', ({ outbox }) => outbox.writtenRecords >= 20)
    await site.agent.kill()
    await disk.makeReadOnly()
    site.network.restore()

    site.agent.start()
    await site.goesOn()
    site.command('c1', 5)
    const problem = await site.failing()
    assert.match(problem.code, /^(SQLITE_READONLY|EROFS)/)
    assert.match(problem.hint ?? '', HINT)
    await site.withholds('c1', 5)
    const { content } = await site.event('storage_failing')
    assert.match(String(content['code']), CODE)

    disk.makeWritable()
    await site.applies(5)
    await site.writesAgain()
    await site.event('storage_recovered')
    await site.settle()
  })

  test('the kernel makes it read-only while running: all goes on from memory, and nothing is missing after the repair', async (t) => {
    const disk = smallDisk(t, { bytes: DISK_BYTES })
    if (!disk) return
    const site = await faultSite(t, { stateDir: disk.directory })
    site.network.cut()
    await site.start()
    await site.reaches('a backlog', ({ outbox }) => outbox.writtenRecords >= 20)
    disk.meetError()
    site.network.restore()
    await site.goesOn()
    site.command('c1', 5)
    const problem = await site.failing()
    assert.match(problem.code, CODE)
    assert.match(problem.hint ?? '', HINT)
    await site.withholds('c1', 5)
    await site.event('storage_failing')
    assert.equal(await site.agent.stop(), 0)
    disk.repair()

    await site.start()
    await site.applies(5)
    await site.goesOn()
    const { status } = await site.settle()
    assert.equal(status.storage.state, 'ok')
  })
})

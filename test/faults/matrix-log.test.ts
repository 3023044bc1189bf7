/**
 * The write-ahead log after a kill, cut short or gone (P2, P3): the agent opens with what is there, and the next `started`
 * says up to where that was.
 */
import assert from 'node:assert/strict'
import { rmSync, statSync, truncateSync } from 'node:fs'
import { describe, type TestContext, test } from 'node:test'
import { type FaultSite, faultSite } from '../support/fault-agent.ts'
import { framesIn } from '../support/fault-agent-seed.ts'

/** Where the log ends. */
const cuts: Readonly<Record<string, (log: string) => number>> = {
  'one byte before the end of its last commit': (log) => framesIn(log).end - 1,
  'in the middle of a frame': (log) => {
    const { count, bytes, end } = framesIn(log)
    return end - Math.ceil(count / 2) * bytes + Math.floor(bytes / 3)
  },
  'in its header': () => 16,
}

describe('the write-ahead log after a kill', { concurrency: 2 }, () => {
  for (const [name, cut] of Object.entries(cuts)) {
    test(`the log ends ${name}, and what is left is a beginning of what was stored`, async (t) => {
      const site = await killedWithLog(t)
      const log = `${site.databaseFile}-wal`
      const size = cut(log)
      assert.ok(size < statSync(log).size)
      truncateSync(log, size)
      const previous = await restart(site)
      await site.event('log_lost')
      const { status } = await site.settle()
      assert.match(status.storage.recovered ?? '', /log/)
      assertPrefix(site, previous)
    })
  }

  test('the log is whole, also when the agent was killed once more: nothing is said', async (t) => {
    const site = await killedWithLog(t)
    await site.start()
    await site.reaches('readings in the log', ({ outbox }) => outbox.writtenRecords >= 20)
    await site.agent.kill()
    const previous = await restart(site)
    const { status, books } = await site.settle()
    assert.equal(status.storage.recovered, undefined)
    assert.equal(books.eventsNamed('log_lost').length, 0)
    assertPrefix(site, previous)
  })

  test('the log is gone: the agent opens with the database alone, and says so', async (t) => {
    const site = await killedWithLog(t)
    rmSync(`${site.databaseFile}-wal`)
    const previous = await restart(site)
    await site.event('log_lost')
    const { status } = await site.settle()
    assert.match(status.storage.recovered ?? '', /log/)
    assert.ok(status.attention.some((sentence) => sentence.includes('log')))
    assertPrefix(site, previous)
  })

  const ends: Readonly<Record<string, (log: string) => void>> = {
    gone: (log) => rmSync(log),
    'cut to 4 KiB': (log) => truncateSync(log, 4096),
  }
  for (const [name, end] of Object.entries(ends)) {
    test(`P8: the log is ${name}: an older command is not applied after a newer one that only the log knew`, async (t) => {
      const site = await faultSite(t)
      await site.start()
      await site.goesOn()
      site.unit.fault = { kind: 'dead' }
      site.command('c1', 10)
      await site.reaches('the older one to wait', ({ inbox }) => inbox.waiting.length === 1)
      // Writes the log back: from now on the older one is in the database file.
      assert.equal(await site.agent.stop(), 0)
      const connections = site.broker.connections.length
      await site.start()
      await site.alive(() => site.broker.connections.length > connections, 'the session')
      site.command('c2', 20)
      await site.reaches('the newer one to wait', ({ inbox }) => inbox.waiting[0]?.id === 'c2')
      site.unit.fault = { kind: 'none' }
      await site.applies(20)
      await site.agent.kill()
      end(`${site.databaseFile}-wal`)
      await site.start()
      await site.event('log_lost')
      await site.goesOn()
      const results = site.broker.stored.filter(({ topic }) => topic.endsWith('/result'))
      const states = results.map(({ payload }) => JSON.parse(payload)).filter(({ id }) => id === 'c1')
      assert.deepEqual(
        states.slice(-1).map(({ state, reason }) => [state, reason]),
        [['unknown', 'the write-ahead log of the gateway was lost']],
      )
      assert.equal(site.written(), 20)
    })
  }

  test('after a clean stop there is no log to miss', async (t) => {
    const site = await faultSite(t)
    await site.start()
    await site.goesOn()
    assert.equal(await site.agent.stop(), 0)
    rmSync(`${site.databaseFile}-wal`, { force: true })
    await restart(site)
    const { books, status } = await site.settle()
    assert.equal(status.storage.recovered, undefined)
    assert.equal(books.eventsNamed('log_lost').length, 0)
  })
})

/** An agent without a link that stored readings in several commits, dead. */
async function killedWithLog(t: TestContext): Promise<FaultSite> {
  const site = await faultSite(t)
  site.network.cut()
  await site.start()
  await site.reaches('readings in the log', ({ outbox }) => outbox.writtenRecords >= 20 && outbox.commits >= 6)
  await site.agent.kill()
  return site
}

interface Previous {
  readonly epoch: string
  readonly first: number
  readonly stored_through: number
}

async function restart(site: FaultSite): Promise<Previous | undefined> {
  site.network.restore()
  await site.start()
  await site.goesOn()
  site.command('c1', 5)
  await site.applies(5)
  return site.books().eventsNamed('started').at(-1)?.content['previous'] as Previous | undefined
}

/** Of the epoch that was killed came everything through what the next one names, and nothing above. */
function assertPrefix(site: FaultSite, previous: Previous | undefined): void {
  const books = site.books()
  assert.ok(previous, 'the next `started` names the epoch before')
  const came = [...books.contents.keys()].filter((id) => id.includes(`/${previous.epoch}/`))
  const seqs = came.map((id) => Number(id.split('/').at(-1))).sort((a, b) => a - b)
  const expected = Array.from({ length: seqs.length }, (_, index) => previous.first + index)
  assert.deepEqual(seqs, expected)
  assert.equal(previous.stored_through, previous.first + seqs.length - 1)
}

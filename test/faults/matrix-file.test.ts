/**
 * The database file itself: of a newer program, of another one, locked by another agent, deleted or replaced while in use
 * (P1, P3, P11).
 */
import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import Database from 'better-sqlite3'
import { AgentProcess } from '../support/agent-process.ts'
import { type FaultSite, faultSite } from '../support/fault-agent.ts'
import { emptyFolder } from '../support/program.ts'
import { until } from '../support/until.ts'

describe('a file that is not for this program is refused, and stays as it is', () => {
  const strangers: Readonly<Record<string, readonly [sql: string, message: RegExp]>> = {
    'of a newer version': ['PRAGMA user_version = 99', /version 99/],
    'of another program': ['PRAGMA application_id = 4711', /another program/],
  }
  for (const [name, [sql, message]] of Object.entries(strangers)) {
    test(name, async (t) => {
      const site = await faultSite(t)
      await site.start()
      await site.goesOn()
      await site.agent.stop()
      const database = new Database(site.databaseFile)
      database.exec(sql)
      database.close()
      const before = readFileSync(site.databaseFile)
      site.agent.start()
      assert.equal(await site.agent.ended(), 1)
      assert.match(site.agent.log, message)
      assert.deepEqual(readFileSync(site.databaseFile), before)
      assert.deepEqual(
        readdirSync(site.agent.stateDir).filter((file) => file.includes('damaged')),
        [],
      )
    })
  }
})

test('a second agent on the same state directory is refused, the first goes on', async (t) => {
  const site = await faultSite(t)
  await site.start()
  await site.goesOn()
  const second = secondAgent(t, site)
  second.start()
  assert.equal(await second.ended(), 1)
  assert.match(second.log, /another agent/)
  await site.goesOn()
  site.command('c1', 5)
  await site.applies(5)
  const { books } = await site.settle()
  assert.deepEqual(books.eventsNamed('storage_failing'), [])
})

/** With the socket of the first one gone, only the lock on the database is in its way. */
test('the lock on the database alone keeps a second agent out', async (t) => {
  const site = await faultSite(t)
  await site.start()
  rmSync(join(site.agent.stateDir, 'tidegate.sock'))
  const second = secondAgent(t, site)
  second.start()
  assert.equal(await second.ended(), 1)
  assert.match(second.log, /another agent/)
  await site.alive(() => site.unit.requests > 0, 'the first agent to run')
})

function secondAgent(t: TestContext, { agent }: FaultSite): AgentProcess {
  const second = new AgentProcess(emptyFolder(t), readFileSync(agent.configFile, 'utf8'), { stateDir: agent.stateDir })
  t.after(() => second.kill())
  return second
}

describe('the database loses its name while in use: everything known is written anew', { concurrency: true }, () => {
  const losses: Readonly<Record<string, (file: string) => void>> = {
    'database and log deleted': (file) => {
      for (const suffix of ['', '-wal']) rmSync(file + suffix, { force: true })
    },
    'database alone deleted': (file) => rmSync(file),
    'replaced by an older copy of itself': (file) => renameSync(`${file}.copy`, file),
    'replaced by something else': (file) => {
      writeFileSync(`${file}.new`, 'not a database')
      renameSync(`${file}.new`, file)
    },
  }
  for (const [name, lose] of Object.entries(losses)) {
    test(name, async (t) => {
      const site = await faultSite(t)
      site.network.cut()
      await site.start()
      copyFileSync(site.databaseFile, `${site.databaseFile}.copy`)
      await site.reaches('a backlog', ({ outbox }) => outbox.writtenRecords >= 20)
      lose(site.databaseFile)
      const { storage } = await site.reaches(
        'the loss to be noticed',
        (status) => status.storage.recovered !== undefined,
      )
      assert.match(storage.recovered ?? '', /deleted|replaced/)
      site.network.restore()
      await site.goesOn()
      await site.event('database_lost')
      site.command('c1', 5)
      await site.applies(5)
      const epoch = (await site.agent.status()).epoch
      await site.settle()
      await sameBooksAfterRestart(site, epoch)
    })
  }
})

/** What was written anew is a database like any other. */
async function sameBooksAfterRestart(site: FaultSite, epoch: string): Promise<void> {
  site.unit.fault = { kind: 'none' }
  await site.start()
  await until(() => site.books().eventsNamed('started').length === 2, { what: 'the next epoch', timeoutMs: 20_000 })
  const previous = site.books().eventsNamed('started').at(-1)?.content['previous']
  assert.equal((previous as { epoch: string }).epoch, epoch)
  await site.goesOn()
  await site.settle()
}

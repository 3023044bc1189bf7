import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createRoutes } from '../../src/console/routes.ts'
import { silentLogger } from '../../src/log.ts'
import type { OutboxDesk, OutboxDisk } from '../../src/outbox-api.ts'
import { emptyFolder } from '../support/program.ts'
import { statusOf } from '../support/status.ts'

function rig(t: TestContext, disk: Partial<OutboxDisk> = {}, backup?: OutboxDesk['backup']) {
  const stateDir = emptyFolder(t)
  const desk = {
    stateDir,
    report: async () => ({ disk: { file: 'x', usedBytes: 9, minFreeBytes: 0, ...disk } }),
    backup: backup ?? (async (file: string) => writeFileSync(file, 'a database')),
  } as unknown as OutboxDesk
  const routes = createRoutes({ status: () => statusOf(), healthy: async () => true, outbox: desk }, silentLogger)
  const ask = (method: string) => routes.request('/api/v1/backup', { method })
  const make = async () => JSON.parse((await (await ask('POST')).text()).trimEnd().split('\n').at(-1) ?? '')
  return { ask, make, file: join(stateDir, 'tidegate.db.backup') }
}

test('a copy is made, given and removed', async (t) => {
  const { ask, make, file } = rig(t)
  assert.equal((await ask('GET')).status, 404)
  assert.deepEqual(await make(), { result: { bytes: 10 } })
  const answer = await ask('GET')
  assert.deepEqual([answer.headers.get('content-length'), await answer.text()], ['10', 'a database'])
  assert.equal((await ask('DELETE')).status, 204)
  assert.equal(existsSync(file), false)
  assert.equal((await ask('GET')).status, 404)
})

test('a copy that nobody removes goes after a time, counted from when it was last asked for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { ask, make, file } = rig(t)
  assert.deepEqual(await make(), { result: { bytes: 10 } })
  t.mock.timers.tick(600_000)
  assert.equal(existsSync(file), false)
  assert.deepEqual(await make(), { result: { bytes: 10 } })
  t.mock.timers.tick(599_999)
  assert.equal(await (await ask('GET')).text(), 'a database')
  t.mock.timers.tick(599_999)
  assert.equal(existsSync(file), true)
  t.mock.timers.tick(1)
  assert.equal(existsSync(file), false)
})

test('what an agent left that was killed before or while it made a copy is removed at the next start', (t) => {
  const stateDir = emptyFolder(t)
  for (const suffix of ['', '.partial', '.partial-journal']) {
    writeFileSync(join(stateDir, `tidegate.db.backup${suffix}`), 'x')
  }
  writeFileSync(join(stateDir, 'tidegate.db'), 'x')
  const outbox = { stateDir } as unknown as OutboxDesk
  createRoutes({ status: () => statusOf(), healthy: async () => true, outbox }, silentLogger)
  assert.deepEqual(readdirSync(stateDir), ['tidegate.db'])
})

test('a copy that would leave too little room on the disk is not begun', async (t) => {
  const { make, file } = rig(t, { usedBytes: 2 ** 60 })
  const { error } = await make()
  assert.equal(error.code, 'conflict')
  assert.match(error.detail, /would leave too little room/)
  assert.match(error.hint, /stop the agent/)
  assert.equal(existsSync(file), false)
})

test('a copy that fails leaves nothing behind, and the next one may be made', async (t) => {
  let fails = true
  const { make, file } = rig(t, {}, async (target) => {
    writeFileSync(target, fails ? 'half' : 'a database')
    if (fails) throw new Error('disk I/O error')
  })
  assert.deepEqual(await make(), { error: { detail: 'disk I/O error' } })
  assert.equal(existsSync(file), false)
  fails = false
  assert.deepEqual(await make(), { result: { bytes: 10 } })
})

test('one copy at a time, and none is given before it is whole', async (t) => {
  const going = Promise.withResolvers<void>()
  const { ask } = rig(t, {}, async (target) => {
    writeFileSync(target, 'half')
    await going.promise
  })
  const first = await ask('POST')
  assert.deepEqual(
    [(await ask('POST')).status, (await ask('DELETE')).status, (await ask('GET')).status],
    [409, 409, 404],
  )
  going.resolve()
  assert.match(await first.text(), /"result"/)
})

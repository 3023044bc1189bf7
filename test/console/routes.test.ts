import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ApiSource, createRoutes } from '../../src/console/routes.ts'
import { type Logger, silentLogger } from '../../src/log.ts'
import { statusOf, uplinkOf } from '../support/status.ts'

function rig(changes: Partial<ApiSource> = {}, log: Logger = silentLogger) {
  const source: ApiSource = { status: () => statusOf(), healthy: () => Promise.resolve(true), ...changes }
  return createRoutes(source, log)
}

const failing = statusOf({
  storage: {
    state: 'failing',
    problem: { code: 'read_only', message: 'the disk is read-only', sinceMs: 0 },
    file: 'x',
  },
})

test('the status document is the snapshot, unchanged', async () => {
  const answer = await rig().request('/api/v1/status')
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  assert.deepEqual(await answer.json(), JSON.parse(JSON.stringify(statusOf())))
})

test('a gateway without its cloud is alive and ready', async () => {
  const routes = rig({
    status: () => statusOf({ uplinks: [uplinkOf({ state: 'offline', pending: 5 })], attention: ['cloud is offline'] }),
  })
  assert.equal((await routes.request('/livez')).status, 200)
  assert.equal((await routes.request('/readyz')).status, 200)
})

test('a disk that cannot be written makes it not ready, with the reason, but alive', async () => {
  const routes = rig({ status: () => failing })
  const answer = await routes.request('/readyz')
  assert.deepEqual([answer.status, await answer.text()], [503, 'storage: the disk is read-only\n'])
  assert.equal((await routes.request('/livez')).status, 200)
})

test('an agent that is not healthy is not ready', async () => {
  const answer = await rig({ healthy: () => Promise.resolve(false) }).request('/readyz')
  assert.deepEqual([answer.status, await answer.text()], [503, 'agent: storage or scheduler does not answer\n'])
})

test('a storage that never answers does not hang the probe', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const answer = rig({ healthy: () => new Promise(() => {}) }).request('/readyz')
  t.mock.timers.tick(2000)
  assert.equal((await answer).status, 503)
})

test('an unknown path is problem+json', async () => {
  const answer = await rig().request('/api/v1/nothing', { method: 'POST' })
  assert.equal(answer.headers.get('content-type'), 'application/problem+json')
  assert.deepEqual(await answer.json(), {
    type: 'about:blank',
    status: 404,
    detail: 'there is no POST /api/v1/nothing',
  })
})

test('a fault while answering is one error in the log and an answer, not the end of the gateway', async () => {
  const errors: string[] = []
  const log: Logger = { ...silentLogger, error: (message) => errors.push(message) }
  const status = () => {
    throw new TypeError('x is undefined')
  }
  const answer = await rig({ status }, log).request('/api/v1/status')
  assert.deepEqual(
    [answer.status, (await answer.json()) as unknown],
    [500, { type: 'about:blank', status: 500, detail: 'x is undefined' }],
  )
  assert.deepEqual(errors, ['the socket API could not answer'])
})

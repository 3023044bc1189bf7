import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRoutes } from '../../src/console/routes.ts'
import { GatewayError } from '../../src/errors.ts'
import { type Logger, silentLogger } from '../../src/log.ts'
import type { OutboxDesk } from '../../src/outbox-api.ts'
import { statusOf } from '../support/status.ts'

/** Answers every question and order with what it was asked. */
function rig(changes: Partial<OutboxDesk> = {}) {
  const asked: unknown[][] = []
  const told: [string, unknown][] = []
  const log: Logger = { ...silentLogger, info: (message, facts) => told.push([message, facts]) }
  const note =
    (name: string, answer: unknown = {}) =>
    async (...words: unknown[]) => {
      asked.push([name, ...words])
      return answer as never
    }
  const names = ['report', 'records', 'count', 'verify', 'rejected', 'pause', 'resume', 'backup'] as const
  const desk = {
    stateDir: '/nowhere',
    ...Object.fromEntries(names.map((name) => [name, note(name)])),
    ...Object.fromEntries(
      ['forget', 'replay', 'drop', 'retry', 'discard'].map((name) => [name, note(name, { records: 7 })]),
    ),
    ...changes,
  } as OutboxDesk
  const routes = createRoutes({ status: () => statusOf(), healthy: async () => true, outbox: desk }, log)
  const post = (path: string, body?: unknown) =>
    routes.request(`/api/v1/outbox${path}`, {
      method: 'POST',
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  return { asked, told, routes, post, get: (path: string) => routes.request(`/api/v1/outbox${path}`) }
}

test('a question reaches the outbox as numbers, flags and words', async () => {
  const { get, asked } = rig()
  const query = '/records?since=2h&after=12&limit=5&kind=event&uplink=cloud&all=true'
  assert.equal((await get(query)).status, 200)
  assert.equal((await get('/count?before=2026-11-20T06:00')).status, 200)
  assert.equal((await get('/rejected?uplink=cloud&limit=9')).status, 200)
  assert.deepEqual(asked, [
    ['records', { since: '2h', after: 12, limit: 5, kind: 'event', uplink: 'cloud', all: true }],
    ['count', { before: '2026-11-20T06:00' }],
    ['rejected', { uplink: 'cloud', limit: 9 }],
  ])
})

test('what is misspelt or out of range is refused as problem+json, and reaches nobody', async () => {
  const { get, post, asked } = rig()
  const answers = [
    await get('/records?sinc=2h'),
    await get('/records?limit=0'),
    await get('/records?kind=things'),
    await get('/count'),
    await post('/uplinks/cloud/replay', {}),
    await post('/uplinks/cloud/retry', { seqs: [] }),
    await post('/uplinks/cloud/retry', { seqs: ['1'] }),
    await post('/uplinks/cloud/pause', { forever: true }),
    await post('/drop', 'before=1'),
  ]
  for (const answer of answers) {
    assert.equal(answer.status, 400)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.equal(((await answer.json()) as { code: string }).code, 'usage')
  }
  assert.deepEqual(asked, [])
})

test('every order reaches the outbox with its uplink, and the log says that it came over the socket', async () => {
  const { post, asked, told } = rig()
  const orders: [string, unknown, unknown[]][] = [
    ['/uplinks/cloud/pause', undefined, ['pause', 'cloud']],
    ['/uplinks/cloud/resume', {}, ['resume', 'cloud']],
    ['/uplinks/old%20one/forget', undefined, ['forget', 'old one']],
    ['/uplinks/cloud/replay', { since: '2h' }, ['replay', 'cloud', { since: '2h' }]],
    ['/uplinks/cloud/retry', { seqs: [4, 5] }, ['retry', 'cloud', [4, 5]]],
    ['/uplinks/cloud/discard', { seqs: 'all' }, ['discard', 'cloud', 'all']],
    ['/drop', { before: '9', uplink: 'cloud' }, ['drop', { before: '9', uplink: 'cloud' }]],
  ]
  for (const [path, body] of orders) assert.equal((await post(path, body)).status, 200, path)
  assert.deepEqual(
    asked,
    orders.map(([, , call]) => call),
  )
  assert.equal(told.length, orders.length)
  assert.deepEqual(told[0], ['outbox pause, asked for over the socket', { uplink: 'cloud' }])
  assert.deepEqual(told[6], ['outbox drop, asked for over the socket', { before: '9', uplink: 'cloud', records: 7 }])
})

test('what the outbox refuses keeps its code and hint, and is no fault in the log', async () => {
  const refused = new GatewayError('unknown_uplink', 'there is no uplink "x"', { hint: 'configured: cloud' })
  const { post } = rig({ pause: () => Promise.reject(refused) })
  const answer = await post('/uplinks/x/pause')
  assert.equal(answer.status, 404)
  assert.deepEqual(await answer.json(), {
    type: 'about:blank',
    status: 404,
    code: 'unknown_uplink',
    hint: 'configured: cloud',
    detail: 'there is no uplink "x"',
  })
})

test('a long answer says how far it is, then the result; a second one at a time is refused', async () => {
  const waiting = Promise.withResolvers<void>()
  const result = { ok: true, epochs: [], rows: 5, head: 5 }
  const { get } = rig({
    verify: async (onProgress) => {
      onProgress(2, 5)
      await waiting.promise
      return result
    },
  })
  const first = await get('/verify')
  assert.equal((await get('/verify')).status, 409)
  waiting.resolve()
  const lines = (await first.text()).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ done: 0, of: 0 }, { done: 2, of: 5 }, { result }],
  )
  assert.equal((await get('/verify')).status, 200, 'and the next one may begin')
})

test('a long answer that fails ends with the error', async () => {
  const { get } = rig({ verify: () => Promise.reject(new Error('the disk is gone')) })
  assert.deepEqual((await (await get('/verify')).text()).split('\n').slice(1), [
    '{"error":{"detail":"the disk is gone"}}',
    '',
  ])
})

test('without an outbox there is nothing to ask', async () => {
  const routes = createRoutes({ status: () => statusOf(), healthy: async () => true }, silentLogger)
  assert.equal((await routes.request('/api/v1/outbox')).status, 404)
})

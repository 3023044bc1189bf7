import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRoutes } from '../../src/console/routes.ts'
import { GatewayError } from '../../src/errors.ts'
import type { InboxDesk } from '../../src/inbox-api.ts'
import { type Logger, silentLogger } from '../../src/log.ts'
import { statusOf } from '../support/status.ts'

/** Answers every question and order with what it was asked. */
function rig(changes: Partial<InboxDesk> = {}) {
  const asked: unknown[][] = []
  const told: [string, unknown][] = []
  const log: Logger = { ...silentLogger, info: (message, facts) => told.push([message, facts]) }
  const note =
    (name: string, answer: unknown) =>
    async (...words: unknown[]) => {
      asked.push([name, ...words])
      return answer as never
    }
  const desk: InboxDesk = {
    report: note('report', { running: true }),
    commands: note('commands', { commands: [] }),
    find: note('find', []),
    cancel: note('cancel', { commands: [{ state: 'cancelled' }], unknown: [] }),
    reset: note('reset', { version: 8 }),
    ...changes,
  }
  const routes = createRoutes({ status: () => statusOf(), healthy: async () => true, inbox: desk }, log)
  const post = (path: string, body: unknown) =>
    routes.request(`/api/v1/inbox${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { asked, told, post, get: (path: string) => routes.request(`/api/v1/inbox${path}`) }
}

test('a question reaches the inbox, with ids and keys of any characters', async () => {
  const { get, asked } = rig()
  assert.deepEqual(await (await get('')).json(), { running: true })
  const query = '/commands?key=a%2Fb&states=waiting,applying&since=2h&before=12&limit=5'
  assert.equal((await get(query)).status, 200)
  assert.equal((await get('/commands')).status, 200)
  assert.equal((await get('/command?id=..%2F%3F%20%C3%A9&key=k')).status, 200)
  assert.deepEqual(asked, [
    ['report'],
    ['commands', { key: 'a/b', states: ['waiting', 'applying'], since: '2h', before: 12, limit: 5 }],
    ['commands', {}],
    ['find', '../? é', 'k'],
  ])
})

test('an order reaches the inbox, and the log says that it came over the socket', async () => {
  const { post, asked, told } = rig()
  assert.deepEqual(await (await post('/cancel', { ids: ['c-1'], key: 'k' })).json(), {
    commands: [{ state: 'cancelled' }],
    unknown: [],
  })
  assert.deepEqual(await (await post('/reset', { key: 'k' })).json(), { version: 8 })
  assert.deepEqual(asked, [
    ['cancel', { ids: ['c-1'], key: 'k' }],
    ['reset', 'k'],
  ])
  assert.deepEqual(told, [
    ['commands cancelled, asked for over the socket', { ids: ['c-1'], key: 'k', states: ['cancelled'] }],
    ['highest version forgotten, asked for over the socket', { key: 'k', version: 8 }],
  ])
})

test('what is misspelt or out of range is refused as problem+json, and reaches nobody', async () => {
  const { get, post, asked } = rig()
  const answers = [
    await get('/commands?stat=waiting'),
    await get('/commands?states=waiting,gone'),
    await get('/commands?limit=0'),
    await get('/command'),
    await post('/cancel', { ids: [] }),
    await post('/cancel', { id: 'c-1' }),
    await post('/cancel', { ids: [''] }),
    await post('/reset', {}),
  ]
  for (const answer of answers) {
    assert.equal(answer.status, 400)
    assert.equal(((await answer.json()) as { code: string }).code, 'usage')
  }
  assert.deepEqual(asked, [])
})

test('a key that nobody has is 404, what cannot be done now 409', async () => {
  const refusing = (code: 'unknown_key' | 'conflict') =>
    rig({
      reset: async () => {
        throw new GatewayError(code, 'no')
      },
    }).post('/reset', { key: 'k' })
  assert.equal((await refusing('unknown_key')).status, 404)
  assert.equal((await refusing('conflict')).status, 409)
})

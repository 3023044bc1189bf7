import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRoutes } from '../../src/console/routes.ts'
import type { DeviceDesk, WatchLine } from '../../src/device-api.ts'
import { GatewayError } from '../../src/errors.ts'
import { type Logger, silentLogger } from '../../src/log.ts'
import { statusOf } from '../support/status.ts'

interface ProblemBody {
  readonly detail: string
}

/** Notes every question, and answers what it is told. */
function rig(changes: Partial<DeviceDesk> = {}) {
  const asked: unknown[][] = []
  const told: string[] = []
  const log: Logger = { ...silentLogger, info: (message) => told.push(message) }
  const note =
    (name: string) =>
    async (...words: unknown[]) => {
      asked.push([name, ...words.filter((word) => !(word instanceof AbortSignal))])
      return { result: 'verified' } as never
    }
  const desk: DeviceDesk = {
    plan: note('plan'),
    read: note('read'),
    check: note('check'),
    write: note('write'),
    ask: note('ask'),
    watch: () => () => {},
    ...changes,
  }
  const routes = createRoutes({ status: () => statusOf(), healthy: async () => true, devices: desk }, log)
  const post = (path: string, body: unknown) =>
    routes.request(`/api/v1${path}`, { method: 'POST', body: JSON.stringify(body) })
  return { asked, told, post, get: (path: string) => routes.request(`/api/v1${path}`) }
}

test('questions and orders reach the devices as they are', async () => {
  const { asked, told, post, get } = rig()
  const line = { baud: 9600, dataBits: 8, parity: 'even', stopBits: 1 }
  const questions = [
    { unitId: 3, register: 'input', address: 0, count: 2 },
    { unitId: 3, identify: true },
  ]
  assert.equal((await get('/connections')).status, 200)
  assert.equal((await post('/devices/meter%201/read', { points: ['voltage'], raw: true })).status, 200)
  assert.equal((await post('/devices/meter/read', {})).status, 200)
  assert.equal((await post('/devices/boiler/check', { point: 'setpoint', value: 55 })).status, 200)
  assert.equal((await post('/devices/boiler/write', { point: 'setpoint', value: 55 })).status, 200)
  assert.equal((await post('/connections/bus/ask', { line, timeoutMs: 300, questions })).status, 200)
  assert.deepEqual(asked, [
    ['plan'],
    ['read', 'meter 1', { points: ['voltage'], raw: true }],
    ['read', 'meter', {}],
    ['check', 'boiler', { point: 'setpoint', value: 55 }],
    ['write', 'boiler', { point: 'setpoint', value: 55 }],
    ['ask', 'bus', { line, timeoutMs: 300, questions }],
  ])
  assert.deepEqual(told, ['write, asked for over the socket', 'written'])
})

test('what is wrong is refused as problem+json, and reaches nobody', async () => {
  const { asked, post } = rig()
  const question = { unitId: 3, register: 'input', address: 0, count: 2 }
  const wrong = [
    await post('/devices/meter/read', { point: 'voltage' }),
    await post('/devices/meter/read', { points: [] }),
    await post('/devices/boiler/write', { point: 'setpoint' }),
    await post('/devices/boiler/write', { point: 'setpoint', value: null }),
    await post('/connections/bus/ask', { questions: [] }),
    await post('/connections/bus/ask', { questions: [{ ...question, unitId: 256 }] }),
    await post('/connections/bus/ask', { questions: [{ ...question, count: 2001 }] }),
    await post('/connections/bus/ask', { questions: [{ ...question, count: 126 }] }),
    await post('/connections/bus/ask', { questions: [question], line: '9600 8N1' }),
    await post('/connections/bus/ask', { questions: [question], timeoutMs: 1 }),
    await post('/connections/bus/ask', { questions: Array.from({ length: 65 }, () => question) }),
  ]
  for (const answer of wrong) {
    assert.equal(answer.status, 400)
    assert.equal(((await answer.json()) as { code: string }).code, 'usage')
  }
  assert.deepEqual(asked, [])
})

test('what is wrong is named: where, what is allowed, what was given', async () => {
  const { post } = rig()
  const question = { unitId: 3, register: 'input', address: 0, count: 2 }
  const detailOf = async (path: string, body: unknown) =>
    ((await (await post(path, body)).json()) as ProblemBody).detail
  const asking = (changes: object) => detailOf('/connections/bus/ask', { questions: [{ ...question, ...changes }] })
  assert.match(await asking({ register: 'inputt' }), /^questions\.0\.register: .*"holding"\|"input".*, got "inputt"$/)
  assert.equal(await asking({ count: 200 }), 'questions.0.count: Too big: one request reads at most 125, got 200')
  assert.match(await asking({ register: 'coil', count: 2001 }), /at most 2000, got 2001$/)
  assert.match(await asking({ unitId: 256 }), /^questions\.0\.unitId: .*255, got 256$/)
  assert.match(await asking({ counts: 2 }), /^questions\.0: .*"counts"$/)
  assert.match(await detailOf('/devices/boiler/write', { point: 'x', value: null }), /^value: /)
  assert.match(await detailOf('/devices/boiler/write', { value: 1 }), /^point: .*string, received undefined$/)
})

test('a name that nobody has is 404, with the names that there are', async () => {
  const refuse = async () => {
    throw new GatewayError('unknown_device', 'there is no device x', { hint: 'one of meter' })
  }
  const answer = await rig({ read: refuse }).post('/devices/x/read', {})
  assert.equal(answer.status, 404)
  const { code, detail, hint } = (await answer.json()) as Record<string, string>
  assert.deepEqual([code, detail, hint], ['unknown_device', 'there is no device x', 'one of meter'])
})

test('watching goes on until the reader goes away; what is not taken is counted', async () => {
  let say: (line: WatchLine) => void = () => {}
  let ended = 0
  const watch: DeviceDesk['watch'] = (pattern, onLine) => {
    onLine({ watching: { devices: 1, points: pattern === 'meter' ? 1 : 0 } })
    say = onLine
    return () => {
      ended += 1
    }
  }
  const answer = await rig({ watch }).get('/devices/watch?pattern=meter')
  assert.equal(answer.headers.get('content-type'), 'application/x-ndjson')
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  const next = async () => JSON.parse(Buffer.from((await reader.read()).value ?? []).toString()) as WatchLine
  assert.deepEqual(await next(), { watching: { devices: 1, points: 1 } })
  const line = (value: number) => ({ ts: 1, device: 'meter', point: 'u', value })
  for (let value = 0; value < 1500; value++) say(line(value))
  assert.deepEqual(await next(), line(0))
  let taken = 1
  for (let last = 0; last < 998; taken++) last = ((await next()) as { value: number }).value
  say(line(1500))
  assert.deepEqual([await next(), await next()], [{ missed: 1500 - taken }, line(1500)])
  await reader.cancel()
  assert.equal(ended, 1)
})

test('a pattern that is refused is an answer, not a stream', async () => {
  const watch = () => {
    throw new GatewayError('unknown_device', 'no point is called like "x"')
  }
  assert.equal((await rig({ watch }).get('/devices/watch?pattern=x')).status, 404)
})

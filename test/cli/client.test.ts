/** What the commands make of an agent that refuses, hangs up or ends while it is asked. */
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { askLong, getJson, isNobodyThere, postJson } from '../../src/cli/client.ts'
import { GatewayError } from '../../src/errors.ts'
import { emptyFolder } from '../support/program.ts'

async function agentThat(t: TestContext, answers: RequestListener): Promise<string> {
  const stateDir = emptyFolder(t)
  const server = createServer(answers)
  await new Promise<void>((resolve) => server.listen(join(stateDir, 'tidegate.sock'), resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  return stateDir
}

test('what was refused keeps code and hint, so that the exit status is right', async (t) => {
  const stateDir = await agentThat(t, (_request, answer) => {
    answer.writeHead(409, { 'content-type': 'application/problem+json' })
    answer.end(JSON.stringify({ type: 'about:blank', status: 409, code: 'conflict', hint: 'wait', detail: 'busy' }))
  })
  const expected = { name: 'GatewayError', code: 'conflict', message: 'busy', hint: 'wait' }
  await assert.rejects(postJson(stateDir, '/x', {}), expected)
  await assert.rejects(
    askLong(stateDir, { path: '/x' }, () => {}),
    expected,
  )
})

test('an answer of another kind is shown, and taken for another version', async (t) => {
  const stateDir = await agentThat(t, (_request, answer) => answer.writeHead(404).end('nothing here'))
  await assert.rejects(getJson(stateDir, '/x'), {
    code: 'bad_answer',
    message: /status 404: nothing here/,
    hint: /same version/,
  })
})

test('a long answer tells how far it is; its error is thrown, and its end without a result too', async (t) => {
  const lines = ['{"done":1,"of":4}', '{"done":3,"of":4}']
  let last = '{"result":{"ok":true}}'
  const stateDir = await agentThat(t, (_request, answer) => answer.end([...lines, last].join('\n')))
  const seen: number[] = []
  const ask = () => askLong(stateDir, { path: '/x' }, (done) => seen.push(done))
  assert.deepEqual(await ask(), { ok: true })
  assert.deepEqual(seen, [1, 3])
  last = '{"error":{"detail":"disk I/O error"}}'
  await assert.rejects(ask(), { code: 'bad_answer', message: 'disk I/O error' })
  last = ''
  await assert.rejects(ask(), { code: 'agent_unreachable', message: /ended before it had answered/ })
})

test('an agent that hangs up in the middle is unreachable, not a fault', async (t) => {
  const stateDir = await agentThat(t, (_request, answer) => {
    answer.writeHead(200)
    answer.write('{"done":1,"of":4}\n')
    setImmediate(() => answer.destroy())
  })
  await assert.rejects(
    askLong(stateDir, { path: '/x' }, () => {}),
    { code: 'agent_unreachable' },
  )
})

test('silence ends, and is not taken for nobody being there', async (t) => {
  const stateDir = await agentThat(t, () => {})
  const error = await getJson(stateDir, '/x', 50).catch((caught: unknown) => caught)
  assert.ok(error instanceof GatewayError)
  assert.deepEqual([error.code, isNobodyThere(error)], ['agent_unreachable', false])
  const nobody = await getJson(emptyFolder(t), '/x').catch((caught: unknown) => caught)
  assert.equal(isNobodyThere(nobody), true)
})

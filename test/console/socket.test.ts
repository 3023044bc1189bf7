import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import { startApi } from '../../src/console/server.ts'
import { socketPath } from '../../src/console/socket.ts'
import { silentLogger } from '../../src/log.ts'
import { emptyFolder } from '../support/program.ts'
import { statusOf } from '../support/status.ts'
import { until } from '../support/until.ts'

const source = { status: () => statusOf(), healthy: () => Promise.resolve(true) }

async function serve(test: TestContext, stateDir: string) {
  const api = await startApi(source, { stateDir, log: silentLogger })
  test.after(() => api.close())
  return api
}

test('owner and group may use the socket, nobody else', async (t) => {
  const { path } = await serve(t, emptyFolder(t))
  assert.equal(statSync(path).mode & 0o777, 0o660)
})

test('a path of 107 bytes is served, one of 108 is a clear error instead of another file', async (t) => {
  const folder = emptyFolder(t)
  const stateDir = join(folder, 'x'.repeat(107 - Buffer.byteLength(`${folder}//tidegate.sock`)))
  mkdirSync(stateDir)
  const { path } = await serve(t, stateDir)
  assert.equal(Buffer.byteLength(path), 107)
  assert.ok(existsSync(path))
  assert.throws(() => socketPath(`${stateDir}x`), {
    code: 'socket_path',
    message: /its path has 108 bytes, the system allows 107$/,
    hint: 'choose a shorter --state-dir',
  })
})

test('a second agent on the same state directory is refused, and the first goes on answering', async (t) => {
  const stateDir = emptyFolder(t)
  await serve(t, stateDir)
  await assert.rejects(serve(t, stateDir), { code: 'state_locked', message: /another agent answers there$/ })
  assert.deepEqual(await getJson(stateDir, '/api/v1/status'), JSON.parse(JSON.stringify(statusOf())))
})

test('a file that was left in the place of the socket is replaced', async (t) => {
  const stateDir = emptyFolder(t)
  writeFileSync(join(stateDir, 'tidegate.sock'), 'left behind')
  await serve(t, stateDir)
  assert.ok(await getJson(stateDir, '/api/v1/status'))
})

test('a state directory that is not there is an error with the reason', async (t) => {
  const stateDir = join(emptyFolder(t), 'gone')
  await assert.rejects(serve(t, stateDir), { code: 'state_unusable', message: /tidegate\.sock: E[A-Z]+$/ })
})

test('closing ends waiting connections and removes the socket file', async (t) => {
  const stateDir = emptyFolder(t)
  const api = await startApi(source, { stateDir, log: silentLogger })
  const idle = connect(api.path)
  t.after(() => idle.destroy())
  let idleClosed = false
  idle.once('close', () => {
    idleClosed = true
  })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  await new Promise((resolve) =>
    request({ socketPath: api.path, path: '/livez', agent }, (answer) => answer.resume().once('end', resolve)).end(),
  )
  await api.close()
  await until(() => idleClosed, { what: 'the idle connection to end' })
  assert.ok(!existsSync(api.path))
})

test('an answer other than 200 is told with its status', async (t) => {
  const stateDir = emptyFolder(t)
  await serve(t, stateDir)
  await assert.rejects(getJson(stateDir, '/api/v9/status'), {
    code: 'bad_answer',
    message: /answered \/api\/v9\/status with status 404/,
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import { startApi } from '../../src/console/server.ts'
import { silentLogger } from '../../src/log.ts'
import type { Status } from '../../src/status.ts'
import { emptyFolder, runTidegate } from '../support/program.ts'
import { statusOf } from '../support/status.ts'

async function stateDirWith(test: TestContext, status: Status): Promise<string> {
  const stateDir = emptyFolder(test)
  const source = { status: () => status, healthy: () => Promise.resolve(true) }
  const api = await startApi(source, { stateDir, log: silentLogger })
  test.after(() => api.close())
  return stateDir
}

test('status 0 and the screen when nothing needs attention', async (t) => {
  const stateDir = await stateDirWith(t, statusOf())
  const { status, stdout, stderr } = await runTidegate(t, ['status', '--state-dir', stateDir])
  assert.equal(status, 0)
  assert.match(stdout, /^plant7-gw01 {3}tidegate 0\.1\.0 {3}up 12d 04h {3}all is well\n/)
  assert.equal(stderr, '')
})

test('status 1 when something needs attention, also for programs', async (t) => {
  const bad = statusOf({ attention: ['boiler is silent'] })
  const stateDir = await stateDirWith(t, bad)
  const short = await runTidegate(t, ['status', '--short', '--state-dir', stateDir])
  assert.deepEqual(
    [short.status, short.stdout],
    [1, 'plant7-gw01: 1/1 devices, cloud online, 0 queued, 1 needs attention\n'],
  )
  const json = await runTidegate(t, ['status', '--json', '--state-dir', stateDir])
  assert.equal(json.status, 1)
  assert.deepEqual(JSON.parse(json.stdout), JSON.parse(JSON.stringify(bad)))
})

test('no agent is status 3, with the socket that was tried and how to start one', async (t) => {
  const stateDir = emptyFolder(t)
  const { status, stdout, stderr } = await runTidegate(t, ['status', '--json', '--state-dir', stateDir])
  assert.equal(status, 3)
  assert.equal(stdout, '')
  assert.ok(stderr.includes(`cannot reach the agent on ${join(stateDir, 'tidegate.sock')}: there is no such socket`))
  assert.match(stderr, /\nTry: start the agent: systemctl start tidegate, or tidegate run/)
})

test('a socket that an agent left behind when it was killed is status 3 too', async (t) => {
  const stateDir = emptyFolder(t)
  const path = join(stateDir, 'tidegate.sock')
  await leaveSocketBehind(path)
  assert.ok(existsSync(path))
  const { status, stderr } = await runTidegate(t, ['status', '--state-dir', stateDir])
  assert.equal(status, 3)
  assert.match(stderr, /nobody listens there/)
})

test('$STATE_DIRECTORY of systemd is the default', async (t) => {
  const stateDir = await stateDirWith(t, statusOf())
  const { status } = await runTidegate(t, ['status'], {
    env: { ...process.env, STATE_DIRECTORY: `${stateDir}:/other` },
  })
  assert.equal(status, 0)
})

test('somebody who may not use the socket is told which group may', {
  skip: process.getuid?.() !== 0 && 'needs root',
}, async (t) => {
  const stateDir = await stateDirWith(t, statusOf())
  chmodSync(stateDir, 0o700)
  const expected = { code: 'agent_unreachable', hint: 'run this as root or as a member of the group tidegate' }
  process.seteuid?.(65534)
  try {
    await assert.rejects(getJson(stateDir, '/api/v1/status'), expected)
  } finally {
    process.seteuid?.(0)
  }
})

/** Binds in a process that is then killed, as a power cut or kill -9 would leave it. */
async function leaveSocketBehind(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await new Promise((resolve) => spawn(process.execPath, ['-e', script]).once('exit', resolve))
}

import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import type { Status } from '../../src/status.ts'
import { emptyFolder, type Running, runTidegate, start, tidegate } from '../support/program.ts'
import { siteYaml } from '../support/site.ts'
import { until } from '../support/until.ts'

interface Site {
  readonly config: string
  readonly stateDir: string
}

function site(test: TestContext, yaml = siteYaml()): Site {
  const folder = emptyFolder(test)
  const config = join(folder, 'site.yaml')
  writeFileSync(config, yaml)
  return { config, stateDir: join(folder, 'state') }
}

function run(
  test: TestContext,
  site: Site,
  options: { words?: string[]; node?: string[]; env?: NodeJS.ProcessEnv } = {},
): Running {
  const words = ['run', '--config', site.config, '--state-dir', site.stateDir, ...(options.words ?? [])]
  return start(test, [process.execPath, ...(options.node ?? []), tidegate, ...words], {
    env: { ...process.env, ...options.env },
  })
}

async function ready(running: Running): Promise<void> {
  const said = () => running.stderr().includes('ready') || running.child.exitCode !== null
  await until(said, { what: 'the gateway to be ready' })
  assert.equal(running.child.exitCode, null, running.stderr())
}

test('with neither device nor cloud the gateway runs, answers on its socket and says what is missing', async (t) => {
  const gateway = site(t)
  const running = run(t, gateway)
  await ready(running)
  const offline = async () =>
    ((await getJson(gateway.stateDir, '/api/v1/status')) as Status).devices.some((device) => device.state === 'offline')
  await until(offline, { what: 'the device to be known as offline' })
  const { status, stdout } = await runTidegate(t, ['status', '--state-dir', gateway.stateDir])
  assert.equal(status, 1)
  assert.match(stdout, /^test-gw {3}tidegate /m)
  assert.match(stdout, / attention$/m)
  assert.match(stdout, /^plc .* 0 of 1 /m)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops it cleanly: status 0, and the socket is gone`, async (t) => {
    const gateway = site(t)
    const running = run(t, gateway)
    await ready(running)
    assert.ok(existsSync(join(gateway.stateDir, 'tidegate.sock')))
    running.child.kill(signal)
    const { status, stdout, stderr } = await running.ended
    assert.deepEqual([status, stdout], [0, ''], stderr)
    assert.ok(stderr.includes(`stopping reason=${signal}\n`), stderr)
    assert.match(stderr, / info {2}stopped\n$/)
    assert.deepEqual(
      readdirSync(gateway.stateDir).filter((name) => name.endsWith('.sock')),
      [],
    )
  })
}

test('a signal during the start stops it as soon as it has started', async (t) => {
  const running = run(t, site(t))
  await until(() => running.stderr().includes('starting'), { what: 'the start' })
  running.child.kill('SIGTERM')
  assert.equal((await running.ended).status, 0)
})

test('while the stop hangs, a second signal ends it at once; repeats of the first do not', async (t) => {
  const helpers = emptyFolder(t)
  writeFileSync(join(helpers, 'systemd-notify'), '#!/bin/sh\nexec sleep 60', { mode: 0o755 })
  const env = { NOTIFY_SOCKET: '/run/nobody', PATH: `${helpers}:${process.env['PATH']}` }
  const running = run(t, site(t), { env })
  await ready(running)
  const begun = performance.now()
  const ended = () => {
    running.child.kill('SIGTERM')
    return running.child.exitCode !== null
  }
  await until(ended, { what: 'the end' })
  assert.equal((await running.ended).status, 143)
  assert.ok(performance.now() - begun >= 490, 'the first press alone must not end it')
  assert.match(running.stderr(), /second signal, ending at once/)
})

test('a fault of ours is status 70 with its stack in the log, so that systemd restarts it', async (t) => {
  const fault = 'data:text/javascript,process.on("SIGUSR2", () => { throw new TypeError("boom") })'
  const running = run(t, site(t), { node: ['--import', fault] })
  await ready(running)
  running.child.kill('SIGUSR2')
  const { status, stderr } = await running.ended
  assert.equal(status, 70)
  assert.match(stderr, /error programming error.* error="boom"\n {4}TypeError: boom\n {8}at /)
})

test('SIGHUP does not end it', async (t) => {
  const gateway = site(t)
  const running = run(t, gateway)
  await ready(running)
  running.child.kill('SIGHUP')
  await until(() => running.stderr().includes('cannot be reloaded yet'), { what: 'the answer to SIGHUP' })
  assert.equal(((await getJson(gateway.stateDir, '/api/v1/status')) as Status).pid, running.child.pid)
})

test('a bad configuration is status 78 with every error in its place, before anything is made', async (t) => {
  const gateway = site(t, siteYaml().replace('uint16', 'uint61').replace('interval: 100ms', 'interval: 100'))
  const { status, stderr } = await run(t, gateway).ended
  assert.equal(status, 78)
  assert.match(stderr, /^Error: the configuration .*site\.yaml has 2 errors\n/)
  assert.match(stderr, /site\.yaml:8:15 .*\n[\s\S]*site\.yaml:10:34 /)
  assert.match(stderr, /\nTry: /)
  assert.equal(existsSync(gateway.stateDir), false)
})

test('a configuration that is not there is status 78 and names the file', async (t) => {
  const gateway = { ...site(t), config: '/nonexistent/config.yaml' }
  const { status, stderr } = await run(t, gateway).ended
  assert.equal(status, 78)
  assert.match(stderr, /\/nonexistent\/config\.yaml/)
})

test('a second gateway on the same state directory is refused with status 1, and the first goes on', async (t) => {
  const gateway = site(t)
  const first = run(t, gateway)
  await ready(first)
  const second = await run(t, gateway).ended
  assert.equal(second.status, 1, second.stderr)
  assert.match(second.stderr, /^Error: .*another agent/m)
  assert.equal(((await getJson(gateway.stateDir, '/api/v1/status')) as Status).pid, first.child.pid)
})

test('after kill -9 it starts again on what was left', async (t) => {
  const gateway = site(t)
  const first = run(t, gateway)
  await ready(first)
  first.child.kill('SIGKILL')
  await first.ended
  const second = run(t, gateway)
  await ready(second)
  assert.equal(((await getJson(gateway.stateDir, '/api/v1/status')) as Status).pid, second.child.pid)
})

test('a state directory whose socket path is too long is refused before anything is made', async (t) => {
  const gateway = { ...site(t), stateDir: join(emptyFolder(t), 'x'.repeat(100)) }
  const { status, stderr } = await run(t, gateway).ended
  assert.equal(status, 1)
  assert.match(stderr, /Error: cannot use the socket .* the system allows 107\nTry: choose a shorter --state-dir\n$/)
  assert.equal(existsSync(gateway.stateDir), false)
})

test('a log for programs is one JSON object a line, from the first to the last', async (t) => {
  const running = run(t, site(t), { words: ['--log-format', 'json', '--log-level', 'debug'] })
  await ready(running)
  running.child.kill('SIGTERM')
  const { stderr } = await running.ended
  const messages = stderr
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { message: string }).message)
  assert.deepEqual([messages[0], messages.at(-1)], ['starting', 'stopped'])
})

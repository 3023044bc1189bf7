import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import { serve } from '../../src/cli/service.ts'
import type { Clock } from '../../src/clock.ts'
import { GatewayError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import type { Notifier } from '../../src/notify.ts'
import { emptyFolder } from '../support/program.ts'
import { statusOf, uplinkOf } from '../support/status.ts'
import { until } from '../support/until.ts'

/** An agent, a clock whose waits end when the test says so, and a systemd that writes down what it is told. */
function rig(test: TestContext, options: { watchdogMs?: number } = {}) {
  const stateDir = emptyFolder(test)
  const told: Readonly<Record<string, string>>[] = []
  const waits: { ms: number; end: () => void }[] = []
  let stop = (_reason: string) => {}
  const state = { healthy: true, stopped: 0, pending: 0, socketOpenAtStop: false }
  const clock: Clock = {
    mono: () => 0,
    precise: () => 0,
    wall: () => 0,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        waits.push({ ms, end: resolve })
        signal?.addEventListener('abort', () => resolve())
      }),
  }
  const notifier: Notifier = {
    notify: (variables) => told.push(variables),
    settled: () => Promise.resolve(),
    watchdogMs: options.watchdogMs,
  }
  const agent = {
    status: () => statusOf({ uplinks: [uplinkOf({ pending: state.pending })] }),
    healthy: () => Promise.resolve(state.healthy),
    async stop() {
      state.stopped += 1
      state.socketOpenAtStop = existsSync(join(stateDir, 'tidegate.sock'))
    },
  }
  const stopped = new Promise<string>((resolve) => {
    stop = resolve
  })
  const begin = () => serve(agent, { stateDir, log: silentLogger, clock, notifier, stopped })
  /** Ends the newest wait of so many ms, as if the time had passed, and waits for the next one. */
  const pass = async (ms: number) => {
    const wait = await until(() => waits.find((one) => one.ms === ms), { what: `a wait of ${ms} ms` })
    waits.splice(waits.indexOf(wait), 1)
    wait.end()
    await until(() => waits.some((one) => one.ms === ms), { what: `the next wait of ${ms} ms` })
  }
  return { stateDir, told, state, stop, begin, pass }
}

test('systemd hears READY only when the socket answers, and STOPPING before anything is closed', async (t) => {
  const { stateDir, told, state, stop, begin } = rig(t)
  const served = begin()
  await until(() => told.length > 0, { what: 'READY' })
  assert.deepEqual(told[0], { READY: '1', STATUS: '1/1 devices, cloud online, 0 queued' })
  assert.deepEqual(await getJson(stateDir, '/api/v1/status'), JSON.parse(JSON.stringify(statusOf())))
  stop('SIGTERM')
  await served
  assert.equal(told.at(-1)?.['STOPPING'], '1')
  assert.deepEqual(state, { healthy: true, stopped: 1, pending: 0, socketOpenAtStop: false })
})

test('the status line is told again only when it changed', async (t) => {
  const { told, state, stop, begin, pass } = rig(t)
  const served = begin()
  await pass(10_000)
  await pass(10_000)
  state.pending = 268
  await pass(10_000)
  await pass(10_000)
  stop('test')
  await served
  const lines = told.flatMap((variables) => variables['STATUS'] ?? [])
  assert.deepEqual(lines.slice(0, -1), ['1/1 devices, cloud online, 0 queued', '1/1 devices, cloud online, 268 queued'])
})

test('the watchdog is fed at half its interval, and not while the agent is not healthy', async (t) => {
  const { told, state, stop, begin, pass } = rig(t, { watchdogMs: 60_000 })
  const pings = () => told.filter((variables) => variables['WATCHDOG'] === '1').length
  const served = begin()
  await pass(30_000)
  assert.equal(pings(), 2)
  state.healthy = false
  await pass(30_000)
  assert.equal(pings(), 2)
  state.healthy = true
  await pass(30_000)
  assert.equal(pings(), 3)
  stop('test')
  await served
})

test('an agent whose socket cannot be opened is stopped all the same, and the error is told', async (t) => {
  const { stateDir, state, told, begin } = rig(t)
  const { startApi } = await import('../../src/console/server.ts')
  const other = await startApi(
    { status: statusOf, healthy: () => Promise.resolve(true) },
    { stateDir, log: silentLogger },
  )
  t.after(() => other.close())
  await assert.rejects(begin(), (error: unknown) => error instanceof GatewayError && error.code === 'state_locked')
  assert.equal(state.stopped, 1)
  assert.deepEqual(told, [])
})

test('a socket file left by a process that was killed is no obstacle', async (t) => {
  const { stateDir, told, stop, begin } = rig(t)
  writeFileSync(join(stateDir, 'tidegate.sock'), '')
  const served = begin()
  await until(() => told.length > 0, { what: 'READY' })
  stop('test')
  await served
})

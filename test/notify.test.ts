import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Logger, silentLogger } from '../src/log.ts'
import { createNotifier } from '../src/notify.ts'
import { needs } from './support/needs.ts'
import { emptyFolder, start } from './support/program.ts'
import { until } from './support/until.ts'

/** A systemd-notify of ours: writes its words down, then waits until the file `go` exists. */
function fakeProgram(test: TestContext, options: { fails?: boolean } = {}) {
  const folder = emptyFolder(test)
  const program = join(folder, 'systemd-notify')
  const told = join(folder, 'told')
  const go = join(folder, 'go')
  const script = `#!/bin/sh
    echo "begin $*" >> ${told}
    while [ ! -e ${go} ]; do sleep 0.01; done
    ${options.fails ? 'echo "no luck" >&2; exit 1' : ''}
    echo end >> ${told}`
  writeFileSync(program, script, { mode: 0o755 })
  const env = { PATH: process.env['PATH'], NOTIFY_SOCKET: '/run/x', WATCHDOG_USEC: '60000000' }
  return {
    program,
    env,
    lines: () => (existsSync(told) ? readFileSync(told, 'utf8').trimEnd().split('\n') : []),
    letGo: () => writeFileSync(go, ''),
  }
}

test('without systemd no process is started', async () => {
  const notifier = createNotifier({ log: silentLogger, env: { WATCHDOG_USEC: '1' }, program: '/nonexistent' })
  notifier.notify({ READY: '1' })
  await notifier.settled()
  assert.equal(notifier.watchdogMs, undefined)
})

test('one at a time: what comes meanwhile goes out together, with the newest status', async (t) => {
  const { program, env, lines, letGo } = fakeProgram(t)
  const notifier = createNotifier({ log: silentLogger, env, program })
  notifier.notify({ READY: '1', STATUS: 'first' })
  await until(() => lines().length === 1, { what: 'the first call' })
  notifier.notify({ STATUS: 'second' })
  notifier.notify({ WATCHDOG: '1' })
  notifier.notify({ STATUS: 'third\nline' })
  letGo()
  await notifier.settled()
  assert.deepEqual(lines(), ['begin READY=1 STATUS=first', 'end', 'begin STATUS=third line WATCHDOG=1', 'end'])
})

test('the interval of the watchdog is read in microseconds', (t) => {
  const { program, env } = fakeProgram(t)
  assert.equal(createNotifier({ log: silentLogger, env, program }).watchdogMs, 60_000)
  const without = createNotifier({ log: silentLogger, env: { NOTIFY_SOCKET: '/run/x' }, program })
  assert.equal(without.watchdogMs, undefined)
})

test('a systemd that cannot be told is one line in the log, not one for every try', async (t) => {
  const warnings: unknown[] = []
  const log: Logger = { ...silentLogger, warn: (message, fields) => warnings.push([message, fields?.['problem']]) }
  const { program, env, letGo } = fakeProgram(t, { fails: true })
  letGo()
  const notifier = createNotifier({ log, env, program })
  for (let i = 0; i < 3; i += 1) {
    notifier.notify({ WATCHDOG: '1' })
    await notifier.settled()
  }
  assert.deepEqual(warnings, [['systemd could not be told', 'no luck']])
  const absent = createNotifier({ log, env, program: '/nonexistent/systemd-notify' })
  absent.notify({ READY: '1' })
  await absent.settled()
  assert.match(String(warnings[1]), /ENOENT/)
})

test('the real program delivers all variables to the socket in one message', async (t) => {
  if (!needs(t, 'systemd-notify', 'socat')) return
  const folder = emptyFolder(t)
  const socket = join(folder, 'notify')
  // socat does not close the descriptor by which systemd confirms; without --no-block the program waits 5 s for that.
  const program = join(folder, 'program')
  writeFileSync(program, '#!/bin/sh\nexec systemd-notify --no-block "$@"', { mode: 0o755 })
  const { stdout } = start(t, ['socat', '-u', `UNIX-RECV:${socket}`, 'STDOUT'])
  await until(() => existsSync(socket), { what: 'the socket' })
  const notifier = createNotifier({
    log: silentLogger,
    env: { PATH: process.env['PATH'], NOTIFY_SOCKET: socket },
    program,
  })
  notifier.notify({ READY: '1', STATUS: '5/5 devices, cloud online, 0 queued' })
  await until(() => stdout().includes('READY'), { what: 'READY=1' })
  assert.match(stdout(), /^READY=1\nSTATUS=5\/5 devices, cloud online, 0 queued/)
  await notifier.settled()
})

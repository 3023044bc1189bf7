import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { GatewayError } from '../src/errors.ts'
import { createLogger, isJournal, type LogDestination, type LogFormat } from '../src/log.ts'
import { repository, start } from './support/program.ts'

function rig(format: LogFormat, destination: Omit<LogDestination, 'write'> = {}) {
  const lines: string[] = []
  const log = createLogger({
    level: 'info',
    format,
    destination: { ...destination, write: (text) => lines.push(text) },
  })
  return { log, lines }
}

test('a line for people has time, level, component, message and fields', () => {
  const { log, lines } = rig('human')
  log.child('uplink').child('cloud').warn('connection lost', { reason: 'keepalive', afterMs: 61_000, server: 'a b' })
  log.info('ready')
  assert.match(
    lines[0] ?? '',
    /^\d{4}-\d\d-\d\dT[\d:.]+Z warn {2}uplink\.cloud: connection lost reason=keepalive afterMs=61000 server="a b"\n$/,
  )
  assert.match(lines[1] ?? '', /^\S+ info {2}ready\n$/)
})

test('the journal gets priorities and no second time stamp, on every line of a stack', () => {
  const { log, lines } = rig('human', { journal: true })
  log.error('agent failed', { error: new TypeError('x is undefined') })
  const [first = '', ...stack] = (lines[0] ?? '').trimEnd().split('\n')
  assert.equal(first, '<3>agent failed error="x is undefined"')
  assert.ok(stack.length > 1)
  for (const line of stack) assert.match(line, /^<3> {4}/)
})

test('an operating error is its message: no stack', () => {
  const { log, lines } = rig('human', { journal: true })
  log.warn('cannot open', { error: new GatewayError('state_unusable', 'disk is away', { hint: 'mount it' }) })
  assert.deepEqual(lines, ['<4>cannot open error="disk is away"\n'])
})

test('a line for programs is one JSON object with the same words', () => {
  const { log, lines } = rig('json')
  log.child('outbox').info('opened', { records: 12 })
  const { time, ...rest } = JSON.parse(lines[0] ?? '') as Record<string, unknown>
  assert.ok(typeof time === 'string' && !Number.isNaN(Date.parse(time)))
  assert.deepEqual(rest, { level: 'info', component: 'outbox', records: 12, message: 'opened' })
})

test('below the chosen level nothing is written', () => {
  const { log, lines } = rig('json')
  log.debug('exchange', { unit: 1 })
  log.child('drivers').debug('exchange')
  assert.deepEqual(lines, [])
})

test('secrets reach no line: neither as a field, nor one level down, nor inside an address', () => {
  for (const format of ['human', 'json'] as const) {
    const { log, lines } = rig(format)
    const error = new Error('connect mqtt://gw:hunter2@broker:1883 failed')
    log.info('connecting to mqtts://gw:hunter2@broker', { password: 'hunter2', tls: { privateKey: 'hunter2' }, error })
    assert.equal(lines.length, 1)
    assert.ok(!lines[0]?.includes('hunter2'), lines[0])
    assert.ok(lines[0]?.includes('mqtts://gw:[redacted]@broker'))
  }
})

test('what a device said can neither forge a line nor steer the terminal', () => {
  const { log, lines } = rig('human')
  log.warn('device said \u001b[2Jok\n2026-01-01T00:00:00Z error all data lost', { line: 'x\ny' })
  assert.equal(lines[0]?.match(/\n/g)?.length, 1)
  assert.ok(!lines[0]?.includes('\u001b'))
})

test('numbers too large for JSON keep all their digits', () => {
  const { log, lines } = rig('human')
  log.info('read', { energy: 18446744073709551615n })
  assert.match(lines[0] ?? '', /18446744073709551615/)
})

test('the journal is recognised by device and inode, not by the variable alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  try {
    const descriptor = openSync(join(folder, 'log'), 'w')
    const { dev, ino } = fstatSync(descriptor)
    assert.equal(isJournal(`${dev}:${ino}`, descriptor), true)
    assert.equal(isJournal(`${dev}:${ino + 1}`, descriptor), false)
    assert.equal(isJournal(undefined, descriptor), false)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every line written before flush is out when the process ends at once', async (t) => {
  const script = `
    import { createLogger } from './src/log.ts'
    const log = createLogger({ level: 'info', format: 'json' })
    for (let i = 0; i < 5000; i += 1) log.info('line', { i })
    await log.flush()
    process.exit(0)`
  const { stderr } = await start(t, [process.execPath, '--input-type=module-typescript', '-e', script], {
    cwd: repository,
  }).ended
  const numbers = stderr
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { i: number }).i)
  assert.deepEqual(
    numbers,
    Array.from({ length: 5000 }, (_, i) => i),
  )
})

test('a reader that stalls does not stall the process; what it missed is counted', async (t) => {
  const script = `
    import { createLogger } from './src/log.ts'
    const log = createLogger({ level: 'info', format: 'json' })
    const text = 'x'.repeat(1000)
    for (let i = 0; i < 3000; i += 1) log.info(text)
    console.log('still turning')
    process.stdin.once('data', () => log.flush().then(() => process.exit(0)))`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: repository,
    stdio: 'pipe',
  })
  t.after(() => child.kill('SIGKILL'))
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  assert.equal(said.toString(), 'still turning\n')
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.write('go on\n')
  await once(child, 'close')
  const dropped = Number(/\.\.\. (\d+) log lines dropped/.exec(stderr)?.[1])
  assert.equal(dropped + stderr.split('\n').filter((line) => line.startsWith('{')).length, 3000)
})

/** `tidegate read`, `write`, `watch`, `probe`, `scan` and `plan` as an operator uses them, with a running agent and without. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { PlanReport, ReadAnswer, WriteAnswer } from '../../../src/device-api.ts'
import { type DeviceRig, deviceRig } from '../../support/device-rig.ts'
import { emptyFolder, runTidegate } from '../../support/program.ts'
import { until } from '../../support/until.ts'

const OWN = /^The agent is not running: asked over a connection of its own\.$/m

function narrow(text: string): void {
  const widest = Math.max(...text.split('\n').map((line) => line.length))
  assert.ok(widest <= 80, `${widest} columns:\n${text}`)
}

/** For all that share a rig: they start many programs, two at a time at best. */
const RIG_TIMEOUT_MS = 600_000

describe('tools for devices', { concurrency: 2 }, () => {
  for (const running of [true, false]) {
    test(running ? 'with an agent' : 'without an agent', { timeout: RIG_TIMEOUT_MS }, async (t) => {
      const rig = await deviceRig(t, { running })
      await t.test('read shows values with units, errors in words, and raw registers', () => reading(rig, running))
      await t.test('write keeps to the limits, reads back, and asks first', () => writing(rig, running))
      await t.test('probe shows what registers mean, and finds a list that counts otherwise', () => probing(rig))
      await t.test('scan finds who answers, and says so for programs, too', () => scanning(rig))
      await t.test('plan shows the requests of each device', () => planning(rig, running))
      await t.test('names that nobody has are refused with those that there are', () => refusing(rig))
      if (!running) {
        await t.test('a socket is enough for probe and scan', (each) => socketOnly(each, rig))
        return
      }
      await t.test('a port of the agent is asked through the agent', () => agentsPort(rig))
      await t.test('watch shows what is recorded, for as long or as much as asked', () => watching(rig))
      await t.test(
        'Ctrl-C ends watch with status 0; a pattern without points and an agent that is not there do not',
        () => ending(rig),
      )
    })
  }
})

test('what cannot be a port or a socket is refused; one that is not there says why', async (t) => {
  const nowhere = ['--state-dir', emptyFolder(t)]
  const wrong = [
    ['--port', 'ttyUSB0'],
    ['--port', '/dev/null', '--line', '9600'],
    ['--tcp', 'host:99999'],
    ['bus', '--tcp', 'x'],
    ['--tcp', 'x', '--line', '9600 8N1'],
    ['--port', '/dev/null', '--rtu'],
  ]
  await Promise.all(
    wrong.map(async (words) => {
      const { status, stderr } = await runTidegate(t, ['probe', ...words, ...nowhere])
      assert.equal(status, 2, `${words.join(' ')}: ${stderr}`)
    }),
  )
  const port = await runTidegate(t, ['probe', '--tcp', 'host:99999', ...nowhere])
  assert.match(port.stderr, /^Error: --tcp host:99999: 99999 is above 65535/)
  const config = await runTidegate(t, ['probe', 'bus', '-c', 'site.yaml', ...nowhere])
  assert.match(config.stderr, /the configuration is --config FILE/)
  const missing = await runTidegate(t, ['scan', '--port', '/dev/tty-not-there', ...nowhere])
  assert.equal(missing.status, 1)
  assert.match(missing.stderr, /Error: .*tty-not-there/)
})

async function reading({ tidegate }: DeviceRig, running: boolean): Promise<void> {
  const good = await tidegate('read', 'meter')
  assert.equal(good.status, 0, good.stderr)
  assert.match(good.stdout, /^meter {3}plc, unit 1 {3}.*\n {2}voltage +2\d\d(\.\d+)? V\n {2}energy +\d+ Wh\n$/)
  assert.equal(OWN.test(good.stderr), !running)

  const bad = await tidegate('read', 'controller')
  assert.equal(bad.status, 1)
  assert.match(bad.stdout, /nowhere +! exception_2: the device has nothing at this address/)

  const raw = await tidegate('read', 'meter.voltage', '--raw', '--json')
  const { samples } = JSON.parse(raw.stdout) as ReadAnswer
  const bytes = Buffer.from(samples[0]?.raw ?? '', 'hex')
  assert.ok(Math.abs(bytes.readFloatBE(0) - Number(samples[0]?.value)) < 0.001, raw.stdout)

  const several = await tidegate('read', 'controller.target', '--repeat', '3/10ms', '--json')
  assert.equal(several.stdout.trimEnd().split('\n').length, 3)
}

async function writing({ tidegate, site, broker }: DeviceRig, running: boolean): Promise<void> {
  const written = await tidegate('write', 'controller.target', '42', '--yes')
  assert.deepEqual([written.status, written.stdout], [0, 'controller.target: 42 written and read back.\n'])
  assert.equal(site.units.controller.word('holding', 10), 42)

  const coil = await tidegate('write', 'controller.pump', 'on', '--yes', '--json')
  assert.equal((JSON.parse(coil.stdout) as WriteAnswer).result, 'verified')
  assert.equal(site.units.controller.word('coil', 0), 1)

  const rounded = await tidegate('write', 'controller.valve', '55.55', '--yes')
  assert.deepEqual(
    [rounded.status, rounded.stdout],
    [0, 'controller.valve: 55.55 % written, device holds 55.6 %: the nearest that the point can hold.\n'],
  )

  const blind = await tidegate('write', 'controller.blind', '43', '--yes')
  assert.match(blind.stdout, /confirmed by the device; not read back \(write_only/)

  const refusals = [
    ['controller.target', '9', /controller\.target is not written: value is 9, wanted 10 to 90/],
    ['controller.target', '91', /10 to 90/],
    ['controller.target', '-5', /10 to 90/],
    ['controller.speed', '1', /can only be read/],
    ['controller.target', '42.5', /value is 42\.5, wanted an integer/],
    ['controller.target', 'high', /no number/],
    ['controller.other', '1', /there is no point controller\.other/],
  ] as const
  await Promise.all(
    refusals.map(async ([name, value, expected]) => {
      const refused = await tidegate('write', name, value, '--yes')
      assert.equal(refused.status, 2, refused.stderr)
      assert.match(refused.stderr, expected)
    }),
  )
  const unasked = await tidegate('write', 'controller.target', '50')
  assert.equal(unasked.status, 2)
  assert.match(
    unasked.stderr,
    /controller\.target is 43\. Write 50\? Nobody can be asked here\nTry: the same with --yes/,
  )
  assert.equal(site.units.controller.word('holding', 10), 43)
  if (running) {
    const record = await until(
      () => broker.stored.map(({ payload }) => payload).find((payload) => payload.includes('local_write')),
      { what: 'the record of the write', timeoutMs: 20_000 },
    )
    const { event, device, point, value, result } = JSON.parse(record) as Record<string, unknown>
    assert.deepEqual([event, device, point, value, result], ['local_write', 'controller', 'target', 42, 'verified'])
  }
}

async function probing({ tidegate }: DeviceRig): Promise<void> {
  const probe = (...words: string[]) => tidegate('probe', 'plc', '-a', '1', ...words)
  const [good, shifted, reference, nothing, otherTable, bits, silent] = await Promise.all([
    probe('-t', '3', '-r', '0', '-c', '2', '--expect', '200..260', '-1', '-0'),
    probe('-t', 'input', '-r', '1', '--expect', '200..260'),
    probe('-r', '30001', '--json'),
    probe('-r', '30001', '--expect', '123456.7891..123456.7892'),
    probe('-t', '4', '-r', '0'),
    tidegate('probe', 'plc', '-a', '4', '-t', '0', '-r', '0'),
    tidegate('probe', 'plc', '-a', '99', '--timeout', '50ms'),
  ])
  assert.equal(good.status, 0, good.stderr)
  assert.match(good.stdout, /^unit 1, input registers 0\.\.1 \(datasheet 30001\.\.30002\), reply in \d+ ms\n/)
  assert.match(good.stdout, /ABCD +2\d\d(\.\d+)? <==/)
  assert.match(good.stdout, /Paste: {2}name: \{ register: input, address: 0, type: float32 \}/)
  assert.match(good.stdout, /neighbours: one lower -> none; one higher -> 0x/)

  assert.match(shifted.stdout, /SHIFTED BY ONE: it begins one register lower, at 0 \(datasheet 30001\)/)
  assert.match(shifted.stdout, /address: 0, type: float32/)

  const { register, address, hex, interpretations } = JSON.parse(reference.stdout)
  assert.deepEqual([register, address, hex.length], ['input', 0, 8])
  assert.ok(interpretations.length >= 16 + 8)

  assert.deepEqual([nothing.status, /nothing here is in/.test(nothing.stdout)], [1, true])
  assert.equal(otherTable.status, 1)
  assert.match(otherTable.stderr, /exception_2: .*\nTry: -t input -r 0: it answers there/)
  assert.match(bits.stderr, /8 from 0 on are refused, \d is|are not\./)
  assert.match(bits.stdout, /coil 0 \(datasheet 00001\)[\s\S]*Paste: {2}name: \{ register: coil, address: 0 \}/)
  assert.match(silent.stderr, /no reply\nTry: tidegate scan plc/)
}

async function scanning({ tidegate }: DeviceRig): Promise<void> {
  const scan = await tidegate('scan', 'plc', '--units', '1-4', '--timeout', '1s')
  assert.equal(scan.status, 0, scan.stderr)
  assert.match(scan.stdout, /^ *1 +\d+ ms .*configured: meter$/m)
  assert.match(scan.stdout, /^ *2 +\d+ ms .*tidegate probe plc -a 2 -r 0$/m)
  const document = JSON.parse((await tidegate('scan', 'plc', '--units', '3-5', '--timeout', '1s', '--json')).stdout)
  assert.deepEqual(
    document.found.map(({ unitId, configured }: Record<string, unknown>) => [unitId, configured]),
    [
      [4, 'controller'],
      [3, undefined],
    ],
  )
  assert.equal((await tidegate('scan', 'plc', '--units', '50-51', '--timeout', '50ms')).status, 1)
}

async function planning({ tidegate }: DeviceRig, running: boolean): Promise<void> {
  const screen = await tidegate('plan')
  assert.equal(screen.status, 0, screen.stderr)
  narrow(screen.stdout)
  assert.match(screen.stdout, /meter \(1\) +100ms +input 0\.\.1/)
  const report = JSON.parse((await tidegate('plan', 'plc', '--json')).stdout) as PlanReport
  assert.equal(report.running, running)
  const meter = report.connections[0]?.devices[0]
  assert.deepEqual(
    meter?.polls.map(({ intervalMs }) => intervalMs).sort((a, b) => a - b),
    [100, 5000],
  )
  assert.equal((await tidegate('plan', 'nobody')).status, 2)
}

async function refusing({ tidegate }: DeviceRig): Promise<void> {
  const wrong = [['read', 'boiler'], ['probe', 'bus'], ['scan', 'bus'], ['scan'], ['read', 'a.b.c']]
  await Promise.all(
    wrong.map(async (words) => {
      const { status, stderr, stdout } = await tidegate(...words)
      assert.deepEqual([status, stdout], [2, ''], words.join(' '))
      assert.match(stderr, /Error: .+\nTry: .+\n$/)
    }),
  )
}

async function agentsPort({ tidegate, site }: DeviceRig): Promise<void> {
  const probe = await tidegate('probe', '--tcp', `127.0.0.1:${site.port}`, '-a', '1', '-r', '30001')
  assert.equal(probe.status, 0, probe.stderr)
  assert.match(probe.stderr, /The agent has this port as plc: asked through it\./)
}

async function watching({ tidegate, site, begin }: DeviceRig): Promise<void> {
  const five = await tidegate('watch', 'meter.voltage', '-C', '5')
  assert.equal(five.status, 0, five.stderr)
  const lines = five.stdout.trimEnd().split('\n')
  assert.equal(lines.length, 5)
  for (const line of lines) assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} {2}meter\.voltage {2}2\d\d(\.\d+)? V$/)
  const json = (await tidegate('watch', '*.target', '-C', '2', '--json')).stdout.trimEnd().split('\n')
  for (const line of json) assert.equal((JSON.parse(line) as { point: string }).point, 'target')

  const changes = await tidegate('watch', 'controller.target', '--changes', '-C', '2', '-W', '3')
  assert.deepEqual([changes.status, changes.stdout.trimEnd().split('\n').length], [1, 1])

  const watching = begin('watch', 'meter', '--json')
  await until(() => watching.stdout().includes('"value"'), { what: 'a value', timeoutMs: 20_000 })
  site.units.meter.fault = { kind: 'dead' }
  await until(() => watching.stdout().includes('device_offline'), { what: 'the event', timeoutMs: 30_000 })
  const said = watching.stdout().trimEnd().split('\n')
  const [error, event] = said.slice(-2).map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual([error?.['device'], error?.['error']], ['meter', 'timeout'])
  assert.deepEqual([event?.['event'], event?.['reason']], ['device_offline', 'timeout'])
}

async function ending({ tidegate, begin, agent }: DeviceRig): Promise<void> {
  const watching = begin('watch')
  await until(() => watching.stdout().includes('controller.target'), { what: 'the first value', timeoutMs: 20_000 })
  watching.child.kill('SIGINT')
  assert.equal((await watching.ended).status, 0)
  assert.equal((await tidegate('watch', 'boiler', '-c', agent.configFile)).status, 2)
  const orphan = begin('watch')
  await until(() => orphan.stderr().includes('Watching'), { what: 'the watch to begin', timeoutMs: 20_000 })
  await agent.stop()
  const { status, stderr } = await orphan.ended
  assert.deepEqual([status, /the agent has ended/.test(stderr)], [3, true])
  assert.equal((await tidegate('watch')).status, 3)
}

async function socketOnly(t: TestContext, { site }: DeviceRig): Promise<void> {
  const place = ['--tcp', `127.0.0.1:${site.port}`, '--state-dir', emptyFolder(t)]
  const probe = await runTidegate(t, ['probe', ...place, '-a', '1', '-r', '30001', '--expect', '200..260'])
  assert.equal(probe.status, 0, probe.stderr)
  const copied = await runTidegate(t, ['probe', ...place, '-a', '1', '-t', '3', '-r', '30001'])
  assert.match(copied.stderr, /Try: -r 30001 without -t/)
  const scan = await runTidegate(t, ['scan', ...place, '--units', '1-4', '--timeout', '1s'])
  assert.match(scan.stdout, new RegExp(`tidegate probe --tcp 127\\.0\\.0\\.1:${site.port} -a 4 -r 0`))
}

/** Scans on a serial line that an agent polls: other line settings for a while, ended early, and the polling goes on. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openSerialPort } from '../../../src/drivers/port/serial.ts'
import { SerialServer } from '../../../src/drivers/simulator/serial-server.ts'
import { SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import type { LineSettings } from '../../../src/settings.ts'
import { AgentProcess } from '../../support/agent-process.ts'
import { needs } from '../../support/needs.ts'
import { emptyFolder, repository, start } from '../../support/program.ts'
import { PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

const line: LineSettings = { baud: 19200, dataBits: 8, parity: 'even', stopBits: 1 }

/** A unit 3 at the far end of a cable, and an agent at the near end that reads it. */
async function bus(
  t: TestContext,
): Promise<{ agent: AgentProcess; cable: PtyCable; begin: (...words: string[]) => ReturnType<typeof start> }> {
  const cable = await PtyCable.plugged()
  t.after(() => cable.close())
  const unit = new SimulatedUnit(3, [{ register: 'holding', address: 0, type: 'float32', value: 230.5 }])
  const server = await SerialServer.start([unit], { openPort: openSerialPort(cable.far, line), frames: 'rtu', line })
  t.after(() => server.close())
  const folder = emptyFolder(t)
  const agent = new AgentProcess(folder, config(cable.near))
  t.after(() => agent.kill())
  agent.start()
  await agent.ready()
  await agent.reaches(({ devices }) => devices[0]?.state === 'online', {
    what: 'the device to answer',
    timeoutMs: 20_000,
  })
  const begin = (...words: string[]) =>
    start(t, [process.execPath, join(repository, 'bin', 'tidegate.mjs'), ...words, '--state-dir', agent.stateDir])
  return { agent, cable, begin }
}

function config(port: string): string {
  return `version: 1
gateway: { id: gw, clock: trusted }
connections:
  bus: { type: modbus-rtu, port: ${port}, line: 19200 8E1, timeout: 2s }
devices:
  meter: { connection: bus, unit_id: 3, interval: 100ms, points: { voltage: { address: 0, type: float32 } } }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:1" }
`
}

test('a scan with other line settings, ended by Ctrl-C, gives the port back', async (t) => {
  if (!needs(t, 'socat')) return
  const { agent, begin } = await bus(t)
  const scan = begin('scan', 'bus', '--units', '3,20-247', '--lines', '9600 8N1', '--timeout', '100ms', '--json')
  await until(async () => (await agent.status()).connections[0]?.state === 'lent', {
    what: 'the port to be lent',
    timeoutMs: 20_000,
  })
  // A reading meanwhile waits for its turn.
  const read = await begin('read', 'meter').ended
  assert.equal(read.status, 0, read.stderr)
  scan.child.kill('SIGINT')
  const { status, stdout, stderr } = await scan.ended
  const { found, stopped, asked, of } = JSON.parse(stdout)
  assert.match(stderr, /Stopped after \d+ of 229\./)
  assert.ok(stopped && asked < of, stdout)
  // Pseudo terminals know no line settings: it answers at these as well, if its turn had come.
  assert.equal(status, found.length > 0 ? 0 : 1)
  const before = (await agent.status()).outbox.head
  const after = await agent.reaches(({ outbox }) => outbox.head > before + 3, {
    what: 'the polling to go on',
    timeoutMs: 20_000,
  })
  assert.equal(after.devices[0]?.state, 'online')
  assert.doesNotMatch(agent.log, /device does not answer/)
})

test('a port that is not configured is scanned without an agent, with its line', async (t) => {
  if (!needs(t, 'socat')) return
  const { agent, cable, begin } = await bus(t)
  await agent.stop()
  const words = ['--port', cable.near, '--units', '2-4', '--timeout', '1s']
  const { status, stdout, stderr } = await begin('scan', ...words).ended
  assert.equal(status, 0, stderr)
  assert.ok(stdout.includes(`tidegate probe --port ${cable.near} --line "9600 8N1" -a 3 -r 0`), stdout)
  const probe = await begin('probe', '--port', cable.near, '--line', '19200 8E1', '-a', '3', '--expect', '230..231')
    .ended
  assert.match(probe.stdout, /in the expected range: float32 ABCD = 230\.5/)
})

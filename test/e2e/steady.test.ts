/** Everything works: what the device served is what arrives, once, in order, digit for digit. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ArrivedRecord } from '../support/checker.ts'
import {
  drainAndJudge,
  fieldFolder,
  hasField,
  numbersIn,
  startAgent,
  startCloud,
  startDevice,
} from '../support/field.ts'
import { countingConfig, modbusTcp } from '../support/field-config.ts'
import { Device } from '../support/field-device.ts'
import { atEnd } from '../support/field-ending.ts'
import { FieldProcess } from '../support/field-process.ts'
import { until } from '../support/until.ts'

test('the values that arrive are those the device served, and a clean stop loses nothing that was read', async (t) => {
  if (!hasField(t)) return
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  const device = await startDevice(t, folder)
  const config = countingConfig({ connection: modbusTcp(device.port, 3_000), cloudPort: cloud.network.port })
  const agent = startAgent(t, { folder, config })
  await until(() => numbersIn(cloud.records()).length > 30, { what: '30 readings to arrive' })

  // The stop comes while the cloud is away: what was read is nowhere but here.
  const interruptions = [cloud.arrivals().length]
  cloud.network.cut()
  await agent.reaches(({ uplinks: [uplink] }) => (uplink?.pending ?? 0) > 20, { what: 'a backlog of 20 records' })
  const servedBeforeStop = device.served().length
  assert.equal(await agent.stop(), 0)
  const lastServed = device.served().at(-1)
  assert.ok(device.served().length - servedBeforeStop < 50, 'it stops reading when it is told to stop')

  cloud.network.restore()
  agent.start()
  await agent.ready()
  await until(() => (device.served().at(-1) ?? 0) > (lastServed ?? 0) + 10, { what: 'the agent to read again' })
  await device.end()
  const { exitStatus, head, verdict } = await drainAndJudge(agent, cloud, interruptions)

  assert.equal(exitStatus, 0)
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  assert.equal(verdict.epochs.length, 2)
  assert.equal(verdict.epochs[0]?.first, 1)
  assert.equal(verdict.epochs[0]?.clean, true)
  // The end of the device may be noticed, and told, after the head was asked for.
  assert.ok((verdict.epochs[1]?.arrivedThrough ?? 0) >= head)
  // A reply may be on the wire when the agent or the device ends: such a number was served but not read.
  const onTheWire = [lastServed, device.served().at(-1)]
  const arrived = numbersIn(verdict.records)
  assert.deepEqual(without(device.served(), onTheWire), without(arrived, onTheWire))
  assertServedValues(verdict.records)
})

test('the same over a serial line', async (t) => {
  if (!hasField(t, 'socat')) return
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  const line = await startSerialLine(t, folder)
  const device = await Device.startRtu(folder, line.deviceEnd)
  atEnd(t, () => device.end())
  const connection = `{ type: modbus-rtu, port: ${line.agentEnd}, line: 115200 8N1, timeout: 3s, min_timeout: 3s }`
  const agent = startAgent(t, { folder, config: countingConfig({ connection, cloudPort: cloud.network.port }) })
  await until(() => numbersIn(cloud.records()).length > 30, { what: '30 readings to arrive', timeoutMs: 20_000 })
  await device.end()
  const { exitStatus, verdict } = await drainAndJudge(agent, cloud)
  assert.equal(exitStatus, 0)
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  const onTheWire = [device.served().at(-1)]
  assert.deepEqual(without(device.served(), onTheWire), without(numbersIn(verdict.records), onTheWire))
  assertServedValues(verdict.records)
})

/** See field-device.py. */
function assertServedValues(records: readonly ArrivedRecord[]): void {
  for (const { content, text } of records) {
    const values = content['values'] as Record<string, number> | undefined
    const n = values?.['n']
    if (n === undefined) continue
    assert.equal(content['device'], 'meter')
    assert.ok(Math.abs((values?.['low'] ?? 0) - -(n % 1000) / 10) < 1e-9, text)
    assert.equal(values?.['real'], n / 4)
    assert.equal(/"total":(\d+)/.exec(text)?.[1], String(2n ** 60n + BigInt(n)))
  }
}

function without(numbers: readonly number[], left: readonly (number | undefined)[]): number[] {
  return numbers.filter((number) => !left.includes(number))
}

async function startSerialLine(t: TestContext, folder: string) {
  const [agentEnd, deviceEnd] = [join(folder, 'agent-end'), join(folder, 'device-end')]
  const words = [agentEnd, deviceEnd].map((link) => `pty,rawer,link=${link}`)
  const line = new FieldProcess('socat', words, { outputFile: join(folder, 'socat.log') })
  atEnd(t, () => line.end())
  await until(() => existsSync(agentEnd) && existsSync(deviceEnd), { what: 'the serial line' })
  return { agentEnd, deviceEnd }
}

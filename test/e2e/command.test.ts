/** A command is sent while the device is away (P2, P8): only the newest is applied, once, whatever happens to the agent. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { Status } from '../../src/status.ts'
import {
  type Cloud,
  drainAndJudge,
  fieldFolder,
  hasField,
  startAgent,
  startCloud,
  startDevice,
} from '../support/field.ts'
import { countingConfig, modbusTcp } from '../support/field-config.ts'
import { until } from '../support/until.ts'

test('commands wait for the device, outlive the agent, and only the newest is applied', async (t) => {
  if (!hasField(t, 'mosquitto_sub')) return
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  const device = await startDevice(t, folder)
  const config = countingConfig({
    connection: modbusTcp(device.port),
    cloudPort: cloud.network.port,
    interval: '100ms',
  })
  const agent = startAgent(t, { folder, config })
  await agent.ready()
  await agent.reaches(({ devices: [meter] }) => meter?.state === 'online', { what: 'the device to be online' })
  await until(() => cloud.records().length > 0, { what: 'the uplink to work' })

  await device.end()
  await agent.reaches(({ devices: [meter] }) => meter?.state === 'offline', { what: 'the device to be offline' })
  for (const [id, value] of [
    ['a', 11],
    ['b', 22],
    ['c', 33],
  ] as const)
    command(cloud, { id, value })
  await agent.reaches(onlyNewestWaits, { what: 'the newest command alone to wait' })

  // Confirmed and killed: it must still be there.
  const interruptions = [cloud.arrivals().length]
  await agent.kill()
  agent.start()
  await agent.ready()
  assert.ok(onlyNewestWaits(await agent.status()), 'the confirmed command is not there after the kill')
  await device.start()
  await until(() => outcomes(cloud).has('c'), { what: 'the outcome of c', timeoutMs: 30_000 })

  // Sent while the agent is dead: the broker keeps it.
  interruptions.push(cloud.arrivals().length)
  await agent.kill()
  command(cloud, { id: 'd', value: 44 })
  command(cloud, { id: 'c', value: 33 })
  agent.start()
  await until(() => outcomes(cloud).has('d'), { what: 'the outcome of d', timeoutMs: 30_000 })
  await agent.reaches(({ inbox: { duplicates } }) => duplicates === 1, { what: 'the repeated command' })
  await device.end()
  const { exitStatus, verdict } = await drainAndJudge(agent, cloud, interruptions)

  assert.equal(exitStatus, 0)
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  assert.deepEqual(device.written(), [
    [0, [33]],
    [0, [44]],
  ])
  assert.deepEqual(Object.fromEntries(outcomes(cloud)), {
    a: { state: 'superseded', superseded_by: 'b' },
    b: { state: 'superseded', superseded_by: 'c' },
    c: { state: 'applied' },
    d: { state: 'applied' },
  })
})

/** Durable, as everything the status names as waiting. */
function onlyNewestWaits({ inbox: { waiting } }: Status): boolean {
  return waiting.length === 1 && waiting[0]?.id === 'c' && waiting[0].value === '33'
}

function command(cloud: Cloud, payload: { readonly id: string; readonly value: number }): void {
  const address = ['-h', '127.0.0.1', '-p', String(cloud.broker.port), '-q', '1', '-V', 'mqttv5']
  const message = ['-t', 'tidegate/gw/command/setpoint', '-m', JSON.stringify(payload)]
  execFileSync('mosquitto_pub', [...address, ...message])
}

/** command id -> what its sender was told; telling it differently would be a fault. */
function outcomes(cloud: Cloud): Map<string, { readonly state: string; readonly superseded_by?: string }> {
  const told = new Map<string, { state: string; superseded_by?: string }>()
  for (const { topic, content } of cloud.records()) {
    if (!('record' in content)) continue
    assert.equal(topic, 'tidegate/gw/command/setpoint/result')
    const { id, state, superseded_by } = content as { id: string; state: string; superseded_by?: string }
    const outcome = { state, ...(superseded_by === undefined ? {} : { superseded_by }) }
    assert.deepEqual(told.get(id) ?? outcome, outcome)
    told.set(id, outcome)
  }
  return told
}

/** Report by exception, events and what tools see, in a whole agent over a simulated plant. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Agent, startAgent } from '../src/agent.ts'
import { loadSettings } from '../src/config/load.ts'
import { type SimulatedSite, startSimulatedSite } from '../src/drivers/simulator/site.ts'
import { silentLogger } from '../src/log.ts'
import type { PointStatus } from '../src/status.ts'
import { until } from './support/until.ts'

async function rig(t: TestContext, devices: string): Promise<{ agent: Agent; plant: SimulatedSite }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-south-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const plant = await startSimulatedSite()
  t.after(() => plant.close())
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `version: 1
gateway: { id: gw }
connections:
  plant: { type: modbus-tcp, host: ${plant.host}, port: ${plant.port}, timeout: 2s }
devices:
${devices}
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:1" }
`,
  )
  const { settings } = loadSettings(file, {
    env: {},
    hostname: 'box',
    serialFolder: '/nonexistent',
    profileFolders: [],
  })
  const agent = await startAgent(settings, { stateDir: folder, version: 'test', log: silentLogger })
  t.after(() => agent.stop())
  return { agent, plant }
}

function point({ status }: Agent, name: string): PointStatus | undefined {
  return status()
    .devices.flatMap(({ points }) => points)
    .find((candidate) => candidate.name === name)
}

const controller = `  controller:
    connection: plant
    unit_id: 4
    interval: 50ms
    report: on_change
    points:
      target: { address: 10, type: uint16, access: rw }`

test('what does not change is read and shown, and makes no records; a change makes one', async (t) => {
  const { agent, plant } = await rig(t, controller)
  await until(() => point(agent, 'target')?.value !== undefined, { what: 'the first reading' })
  const before = agent.status()
  const reads = () => agent.status().connections[0]?.exchanges ?? 0
  const readsBefore = reads()
  await until(() => reads() > readsBefore + 20, { what: 'twenty polls' })
  assert.equal(agent.status().outbox.head, before.outbox.head, 'nothing was news')
  const sinceMs = agent.status().uptimeMs - before.uptimeMs
  assert.ok((point(agent, 'target')?.ageMs ?? Infinity) <= sinceMs, 'the status has a newer reading')

  plant.units.controller.setWord('holding', 10, 777)
  await until(() => agent.status().outbox.head > before.outbox.head, { what: 'the change' })
  assert.equal(point(agent, 'target')?.value, 777)
  const changed = reads()
  await until(() => reads() > changed + 20, { what: 'twenty more polls' })
  assert.equal(agent.status().outbox.head, before.outbox.head + 1)
})

test('a write by a tool is an event, and the new value is reported once', async (t) => {
  const { agent } = await rig(t, controller)
  await until(() => agent.status().devices[0]?.state === 'online', { what: 'the device' })
  await until(() => point(agent, 'target')?.value !== undefined, { what: 'the first reading' })
  const { head } = agent.status().outbox
  const written = await agent.devices.write('controller', { point: 'target', value: 55 })
  assert.equal(written.result, 'verified')
  await until(() => point(agent, 'target')?.value === 55, { what: 'the next poll' })
  await until(() => agent.status().outbox.head >= head + 2, { what: 'the event and the reading' })
  const reads = () => agent.status().connections[0]?.exchanges ?? 0
  const after = reads()
  await until(() => reads() > after + 20, { what: 'twenty polls' })
  assert.equal(agent.status().outbox.head, head + 2)
  assert.equal(await agent.healthy(), true)
})

test('what a point does not take is refused before anything is sent, by its full name and with its limits', async (t) => {
  const limited = controller.replace('access: rw', 'access: rw, min: 20, max: 75, unit: kWh')
  const { agent, plant } = await rig(t, `${limited}\n      speed: { address: 0, type: uint16 }`)
  const before = plant.units.controller.word('holding', 10)
  const { devices } = agent
  for (const order of [devices.check.bind(devices), devices.write.bind(devices)]) {
    await assert.rejects(order('controller', { point: 'target', value: 99 }), {
      code: 'usage',
      message: 'controller.target is not written: value is 99, wanted 20 to 75 kWh',
    })
    await assert.rejects(order('controller', { point: 'speed', value: 1 }), {
      message: /controller\.speed can only be/,
    })
  }
  const checked = await devices.check('controller', { point: 'target', value: 30 })
  assert.deepEqual(checked, { device: 'controller', point: 'target', value: 30 })
  assert.equal(plant.units.controller.word('holding', 10), before)
})

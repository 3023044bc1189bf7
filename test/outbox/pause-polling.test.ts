/** when_full: pause_polling, in a whole agent: a full outbox stops the polls, and nothing of it is given up. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Agent, startAgent } from '../../src/agent.ts'
import { loadSettings } from '../../src/config/load.ts'
import { type SimulatedSite, startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import { silentLogger } from '../../src/log.ts'
import { Site, temporaryFolder } from '../support/outbox-site.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024

test('a full outbox pauses the polls, a device that takes commands stays online, and with more room they go on', async (t) => {
  const folder = temporaryFolder(t)
  await fill(t, folder)
  const plant = await startSimulatedSite()
  t.after(() => plant.close())

  const full = await agentOn(t, { folder, plant, maxSize: '16MiB' })
  await until(() => full.status().connections[0]?.state === 'paused', { what: 'the polls to pause' })
  await until(() => full.status().devices[0]?.state === 'online', { what: 'the device to answer a probe' })
  const { attention, outbox, uplinks, uptimeMs } = full.status()
  assert.ok(attention.includes('polling is paused until there is room in the outbox (max_size)'), attention.join('\n'))
  assert.equal(uplinks[0]?.dropped, 0)
  await until(() => full.status().uptimeMs > uptimeMs + 1_000, { what: 'ten intervals to pass' })
  assert.ok(full.status().outbox.head <= outbox.head + 1, 'readings were taken')
  await full.stop()

  const roomy = await agentOn(t, { folder, plant, maxSize: '64MiB' })
  const { head } = roomy.status().outbox
  await until(() => roomy.status().outbox.head > head + 5, { what: 'readings' })
  assert.equal(roomy.status().connections[0]?.state, 'open')
  assert.equal(roomy.status().uplinks[0]?.dropped, 0)
})

/** A backlog of more than 95 % of 16 MiB. */
async function fill(t: TestContext, folder: string): Promise<void> {
  const site = await Site.open(t, { folder, uplinks: [{ name: 'cloud', startAt: 'head' }] })
  // The log of the agent is counted on top.
  while (site.storage.facts.fileBytes < 15.2 * MIB) await site.durable(200, { body: `"x":"${'x'.repeat(900)}"` })
  await site.close()
}

async function agentOn(
  t: TestContext,
  options: { readonly folder: string; readonly plant: SimulatedSite; readonly maxSize: string },
): Promise<Agent> {
  const { folder, plant, maxSize } = options
  const file = join(folder, 'config.yaml')
  writeFileSync(
    file,
    `version: 1
gateway: { id: gw }
connections:
  plant: { type: modbus-tcp, host: ${plant.host}, port: ${plant.port} }
devices:
  controller: { connection: plant, unit_id: 4, interval: 100ms, points: { speed: { address: 0, type: uint16, access: rw } } }
commands:
  speed: { write: controller.speed, expires_after: 1h }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:1" }
outbox: { max_size: ${maxSize}, min_free_disk: 0B, when_full: pause_polling }
`,
  )
  const { settings } = loadSettings(file, { env: {}, hostname: 'box', serialFolder: '/nonexistent' })
  const agent = await startAgent(settings, { stateDir: folder, version: 'test', log: silentLogger })
  t.after(() => agent.stop())
  return agent
}

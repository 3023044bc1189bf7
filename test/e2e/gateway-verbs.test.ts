/** The gateway told over MQTT to read, to write to disk, to run a program and to restart, as an operator's agent. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import { AgentProcess } from '../support/agent-process.ts'
import { ScriptedBroker } from '../support/broker.ts'
import { until } from '../support/until.ts'

async function rig(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  const plant = await startSimulatedSite()
  const broker = await ScriptedBroker.start()
  const log = join(folder, 'valve.log')
  const agent = new AgentProcess(
    folder,
    `version: 1
gateway: { id: gw, clock: trusted }
connections:
  plant: { type: modbus-tcp, host: ${plant.host}, port: ${plant.port} }
devices:
  controller: { connection: plant, unit_id: 4, interval: 1h, points: { target: { address: 10, type: uint16, access: rw } } }
commands:
  read: { gateway: read_now }
  flush: { gateway: outbox_flush }
  again: { gateway: restart }
  valve: { exec: { program: /bin/sh, args: ["-c", 'echo "$1" >> ${log}', sh, "{value}"], timeout: 10s }, values: { one_of: [open, shut] } }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${broker.port}", backoff: { min: 20ms, max: 200ms }, commands: {} }
outbox: { commit_interval: 10m }
`,
    // As systemd starts it; without that a restart is refused.
    { env: { INVOCATION_ID: 'test' } },
  )
  t.after(async () => {
    await agent.kill()
    await broker.close()
    await plant.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { agent, broker, plant, log }
}

interface Told {
  readonly id: string
  readonly state: string
}

test('verbs and programs are carried out, and a restart is one restart', async (t) => {
  const { agent, broker, plant, log } = await rig(t)
  const records = (topic: RegExp) =>
    broker.stored
      .filter((message) => topic.test(message.topic))
      .map(({ payload }) => JSON.parse(String(payload)) as object)
  const told = () => (records(/\/result$/) as Told[]).map(({ id, state }) => `${id} ${state}`)
  const send = (key: string, content: object) =>
    broker.deliver({ topic: `tidegate/gw/command/${key}`, payload: JSON.stringify(content) })
  const values = () => records(/\/controller\/data$/).map((record) => (record as { values: unknown }).values)

  agent.start()
  await agent.ready()
  await until(() => values().length === 1, { what: 'the first reading' })
  plant.units.controller.setWord('holding', 10, 777)
  send('read', { id: 'r', value: 'controller' })
  await until(() => told().includes('r applied'), { what: 'the outcome of the reading' })
  await until(() => values().length === 2, { what: 'the reading' })
  assert.deepEqual(values()[1], { target: 777 })

  send('flush', { id: 'f' })
  await until(() => told().includes('f applied'), { what: 'the outcome of the flush' })
  send('valve', { id: 'v', value: 'open' })
  send('valve', { id: 'w', value: 'ajar' })
  await until(() => told().includes('v applied') && told().includes('w refused'), {
    what: 'the outcomes of the program',
  })
  assert.equal(readFileSync(log, 'utf8'), 'open\n')

  send('again', { id: 'a' })
  assert.equal(await agent.ended(), 75)
  assert.ok(!told().includes('a applied'), 'told before it was there again')
  agent.start()
  await agent.ready()
  await until(() => told().includes('a applied'), { what: 'the outcome of the restart' })
  send('again', { id: 'a' })
  await until(() => told().filter((one) => one === 'a applied').length === 2, { what: 'the answer to the repeat' })
  agent.mustRun()
  assert.equal(await agent.stop(), 0)
})

/** The sender of a command names a response topic (MQTT 5): it gets the outcome there, whatever happens to the agent. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { fieldFolder, hasField, startAgent, startCloud, startDevice } from '../support/field.ts'
import { countingConfig, modbusTcp } from '../support/field-config.ts'
import { until } from '../support/until.ts'

interface Answer {
  readonly correlation: string
  readonly content: { readonly id: string; readonly state: string }
}

/** A client that asks, and takes down what it is answered. */
async function asker(t: TestContext, port: number) {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 })
  t.after(() => client.endAsync(true))
  const answers: Answer[] = []
  client.on('message', (_topic, payload, { properties }) => {
    const correlation = properties?.correlationData?.toString() ?? ''
    answers.push({ correlation, content: JSON.parse(payload.toString()) })
  })
  await client.subscribeAsync('asker/answers', { qos: 1 })
  const ask = (id: string, value: number) =>
    client.publishAsync('tidegate/gw/command/setpoint', JSON.stringify({ id, value }), {
      qos: 1,
      properties: { responseTopic: 'asker/answers', correlationData: Buffer.from(`request ${id}`) },
    })
  const answered = (id: string) =>
    until(() => answers.find(({ content }) => content.id === id), { what: `the answer to ${id}`, timeoutMs: 30_000 })
  return { ask, answered }
}

test('a request is answered with its correlation data, at once, after a restart, and out of the outbox', async (t) => {
  if (!hasField(t)) return
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
  const { ask, answered } = await asker(t, cloud.broker.port)

  await ask('now', 11)
  assert.deepEqual(await outcomeOf('now'), { correlation: 'request now', state: 'applied' })

  // The command waits for the device, and the agent is killed meanwhile.
  await device.end()
  await agent.reaches(({ devices: [meter] }) => meter?.state === 'offline', { what: 'the device to be offline' })
  await ask('waited', 22)
  await agent.reaches(({ inbox }) => inbox.waiting.length === 1, { what: 'the command to wait' })
  await agent.kill()
  agent.start()
  await agent.ready()
  await device.start()
  assert.deepEqual(await outcomeOf('waited'), { correlation: 'request waited', state: 'applied' })

  // The outcome waits for the cloud, and the agent is killed meanwhile.
  await device.end()
  await agent.reaches(({ devices: [meter] }) => meter?.state === 'offline', { what: 'the device to be offline' })
  await ask('stored', 33)
  await agent.reaches(({ inbox }) => inbox.waiting.length === 1, { what: 'the command to wait' })
  cloud.network.cut()
  await device.start()
  await agent.reaches(({ inbox }) => inbox.waiting.length === 0, {
    what: 'the command to be applied',
    timeoutMs: 30_000,
  })
  await agent.kill()
  agent.start()
  await agent.ready()
  cloud.network.restore()
  assert.deepEqual(await outcomeOf('stored'), { correlation: 'request stored', state: 'applied' })

  /** What the asker was told, which is what everybody is told. */
  async function outcomeOf(id: string) {
    const { correlation, content } = await answered(id)
    const usual = await until(
      () =>
        cloud
          .records()
          .find((record) => record.topic === 'tidegate/gw/command/setpoint/result' && record.content['id'] === id),
      { what: `the result of ${id}`, timeoutMs: 30_000 },
    )
    const { late: _, clock: __, ...told } = content as Record<string, unknown>
    const { late: ___, clock: ____, ...toldAll } = usual.content as Record<string, unknown>
    assert.deepEqual(told, toldAll)
    return { correlation, state: content.state }
  }
})

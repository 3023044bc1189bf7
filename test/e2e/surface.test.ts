/** What the gateway tells of itself beside the records, seen by subscribers nobody here wrote for it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
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

type Json = Record<string, unknown>

/** What the broker keeps for those who come later, by topic; a fresh subscriber asks for it. */
async function retained(port: number): Promise<Map<string, Json>> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 })
  const found = new Map<string, Json>()
  client.on('message', (topic, payload, packet) => {
    if (packet.retain) found.set(topic, JSON.parse(payload.toString()) as Json)
  })
  await client.subscribeAsync('tidegate/#', { qos: 1 })
  // Whatever is kept comes before this, for it is sent after it to the same client.
  await client.subscribeAsync('last/word', { qos: 1 })
  const last = new Promise((resolve) => client.on('message', (topic) => topic === 'last/word' && resolve(topic)))
  await client.publishAsync('last/word', '{}', { qos: 1 })
  await last
  await client.endAsync(true)
  return found
}

/** Waits until a fresh subscriber finds this on the topic. */
function finds(port: number, topic: string, fact: (content: Json) => boolean) {
  return until(
    async () => {
      const content = (await retained(port)).get(`tidegate/gw/${topic}`)
      return content !== undefined && fact(content) ? content : undefined
    },
    { what: `what is retained on ${topic}`, timeoutMs: 20_000 },
  )
}

/** Broker, device and agent. */
async function site(t: TestContext, changeConfig: (text: string) => string = (text) => text) {
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  const device = await startDevice(t, folder)
  const connection = modbusTcp(device.port)
  const config = changeConfig(countingConfig({ connection, cloudPort: cloud.network.port }))
  const agent = startAgent(t, { folder, config })
  await agent.ready()
  await agent.reaches(({ devices: [meter] }) => meter?.state === 'online', {
    what: 'the device to be online',
    timeoutMs: 20_000,
  })
  return { cloud, device, agent, port: cloud.broker.port }
}

const statesSeen = (cloud: Cloud) =>
  cloud
    .surface()
    .filter(({ topic }) => topic.endsWith('/state'))
    .map(({ payload }) => payload)

test('a subscriber who comes late finds what the gateway is and how it is', async (t) => {
  if (!hasField(t)) return
  const { device, agent, port } = await site(t)
  await finds(port, 'meter/availability', ({ state }) => state === 'online')
  const kept = await retained(port)
  assert.deepEqual([...kept.keys()].sort(), [
    'tidegate/gw/devices',
    'tidegate/gw/health',
    'tidegate/gw/info',
    'tidegate/gw/meter/availability',
    'tidegate/gw/state',
  ])
  assert.deepEqual(kept.get('tidegate/gw/state'), { state: 'online' })
  const info = kept.get('tidegate/gw/info') as { epoch: string; commands: { key: string }[] }
  assert.equal(info.epoch, (await agent.status()).epoch)
  assert.deepEqual(
    info.commands.map(({ key }) => key),
    ['setpoint'],
  )
  const { devices } = kept.get('tidegate/gw/devices') as { devices: { points: { point: string; access: string }[] }[] }
  assert.deepEqual(
    devices[0]?.points.map(({ point, access }) => `${point} ${access}`),
    ['n ro', 'low ro', 'total ro', 'real ro', 'setpoint rw'],
  )

  await device.end()
  const offline = await finds(port, 'meter/availability', ({ state }) => state === 'offline')
  assert.equal(typeof offline['reason'], 'string')
  const health = await finds(port, 'health', ({ devices: counts }) => (counts as Json)['offline'] === 1)
  assert.equal(health['state'], 'attention')
})

for (const protocol of ['5', '3.1.1']) {
  test(`killed, the gateway is offline by its will; stopped, by its own word (MQTT ${protocol})`, async (t) => {
    if (!hasField(t)) return
    const { agent, cloud, port } = await site(t, (text) =>
      text.replace('type: mqtt,', `type: mqtt, protocol: ${protocol},`),
    )
    await finds(port, 'state', ({ state }) => state === 'online')
    await agent.kill()
    await finds(port, 'state', ({ state }) => state === 'offline')
    agent.start()
    await agent.ready()
    await finds(port, 'state', ({ state }) => state === 'online')
    await until(() => statesSeen(cloud).at(-1) === '{"state":"online"}', { what: 'the subscriber to hear of it' })
    const before = statesSeen(cloud).length
    assert.equal(await agent.stop(), 0)
    assert.equal((await retained(port)).get('tidegate/gw/state')?.['state'], 'offline')
    await until(() => statesSeen(cloud).length > before, { what: 'the subscriber to hear of the end' })
    assert.deepEqual(statesSeen(cloud).slice(before), ['{"state":"offline"}'], 'said once, so not by the will')
  })
}

test('nothing of it is there when it is switched off', async (t) => {
  if (!hasField(t)) return
  const { agent, cloud, port } = await site(t, (text) => text.replace('type: mqtt,', 'type: mqtt, surface: false,'))
  await until(() => cloud.records().length > 3, { what: 'records' })
  await agent.stop()
  assert.deepEqual([...(await retained(port)).keys()], [])
  assert.deepEqual(cloud.surface(), [])
})

test('after an outage one event tells how long it was, what came late and twice, and that nothing is missing', async (t) => {
  if (!hasField(t)) return
  const { agent, cloud, device } = await site(t, (text) => text.replace('window: 1000', 'window: 16'))
  cloud.network.delayMs = 100
  const reports = () => cloud.records().filter(({ content }) => content['event'] === 'outage')
  await agent.reaches(({ uplinks: [uplink] }) => (uplink?.inFlight ?? 0) > 0 && (uplink?.delivered ?? 0) > 5, {
    what: 'records in flight',
  })
  const interruption = cloud.arrivals().length
  await cloud.stop('SIGKILL')
  await agent.reaches(({ uplinks: [uplink] }) => (uplink?.pending ?? 0) > 40, { what: 'a backlog' })
  await cloud.start()
  await until(() => reports().length > 0, { what: 'the report', timeoutMs: 20_000 })
  await device.end()
  const { verdict } = await drainAndJudge(agent, cloud, [interruption])
  assert.deepEqual(verdict.faults, [])
  assert.equal(reports().length, 1)
  const [{ topic, content }] = reports() as [ReturnType<typeof reports>[0]]
  assert.equal(topic, 'tidegate/gw/event')
  t.diagnostic(JSON.stringify(content))
  const { event, cuts, missing } = content
  assert.deepEqual({ event, cuts, missing }, { event: 'outage', cuts: 1, missing: 0 })
  assert.ok(Number(content['duration_ms']) > 0)
  // Late is what was sent late for the first time or again; an id counts once.
  const late = verdict.records.filter((record) => record.content['late'] === true).length
  const again = verdict.duplicates
  assert.ok(Number(content['late']) >= late && Number(content['late']) <= late + again, `${late} came late`)
  assert.ok(again <= Number(content['duplicates']), `${again} came twice`)
  assert.ok(Number(content['duplicates']) > 0)
})

test('what was given up during an outage is missing, and the report says how much', async (t) => {
  if (!hasField(t)) return
  const { agent, cloud } = await site(t, (text) =>
    text.replace(/(\w+: +\{ )(?=register: input)/g, '$1expires_after: 1s, '),
  )
  await until(() => cloud.records().length > 3, { what: 'records' })
  await cloud.stop('SIGTERM')
  await agent.reaches(({ uplinks: [uplink] }) => (uplink?.dropped ?? 0) > 5, {
    what: 'readings that are too old',
    timeoutMs: 30_000,
  })
  await cloud.start()
  const report = await until(() => cloud.records().find(({ content }) => content['event'] === 'outage'), {
    what: 'the report',
    timeoutMs: 20_000,
  })
  const { uplinks } = await agent.status()
  assert.equal(report.content['missing'], uplinks[0]?.dropped)
})

test('two gateways with one id are told apart from other trouble, and the operator is told what to do', async (t) => {
  if (!hasField(t)) return
  const { agent, cloud, port } = await site(t)
  const twin = startAgent(t, {
    folder: fieldFolder(t),
    config: countingConfig({ connection: modbusTcp(1), cloudPort: port }),
  })
  await twin.ready()
  // Some brokers say that the session was taken over, others just end it, again and again.
  const found = await until(
    async () => {
      for (const { uplinks, attention } of [await agent.status(), await twin.status()]) {
        const troubles = [uplinks[0]?.problem, ...(uplinks[0]?.shortfalls ?? [])]
        const trouble = troubles.find((one) => one !== undefined && /^(taken_over|cut_again)$/.test(one.code))
        if (trouble) return { trouble, attention }
      }
      return undefined
    },
    { what: 'one of them to notice', timeoutMs: 30_000 },
  )
  const { trouble, attention } = found
  assert.match(trouble.hint ?? '', /client id gw/)
  assert.ok(attention.includes(`uplink cloud: ${trouble.message} (${trouble.hint})`), attention.join('\n'))
  assert.ok(cloud.records().length > 0)
})

/**
 * The two uses of message queues that their makers show, with gateways at the receiving end (P8): colours for a lamp of
 * which only the newest counts, and jobs that several workers share. The queue is the fake of EMQX, everything else is as an
 * operator runs it.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import type { SimulatedPoint } from '../../src/drivers/simulator/registers.ts'
import { AgentProcess } from '../support/agent-process.ts'
import { ScriptedBroker } from '../support/broker.ts'
import { EmqxQueue, type QueueSettings } from '../support/emqx-queue.ts'
import { faultShim } from '../support/fault-shim.ts'
import { fieldFolder } from '../support/field.ts'
import { atEnd } from '../support/field-ending.ts'
import { chanceOf, newSeed } from '../support/seeded.ts'
import { until } from '../support/until.ts'
import { WrittenUnit } from '../support/written-unit.ts'

const COMMANDS = 500
const colours = ['Green', 'Red', 'Yellow'] as const
/** What a publisher is told when only a queue took its message. */
const NO_MATCHING_SUBSCRIBERS = 0x10

interface Told {
  readonly gateway: string
  readonly record: string
  readonly id: string
  readonly state: string
  readonly value?: unknown
  readonly superseded_by?: string
}

interface Cloud {
  readonly broker: ScriptedBroker
  readonly queue: EmqxQueue
  /** Resolves when the broker has answered. */
  publish(topic: string, content: object, key?: string): Promise<void>
  /** The reason codes of its answers. */
  readonly answers: number[]
  /** Every outcome once, in order of arrival: a record may come twice, and is then the same. */
  told(): Told[]
}

async function startCloud(t: TestContext, settings: QueueSettings): Promise<Cloud> {
  const broker = await ScriptedBroker.start()
  atEnd(t, () => broker.close())
  const queue = new EmqxQueue(broker, settings)
  const backend = await connectAsync(broker.url, { protocolVersion: 5, clientId: 'backend', reconnectPeriod: 0 })
  atEnd(t, () => backend.endAsync(true))
  const answers: number[] = []
  backend.on('packetreceive', (packet) => {
    if (packet.cmd === 'puback') answers.push(packet.reasonCode ?? 0)
  })
  return {
    broker,
    queue,
    answers,
    async publish(topic, content, key) {
      const properties = key === undefined ? {} : { properties: { userProperties: { key } } }
      await backend.publishAsync(topic, JSON.stringify(content), { qos: 1, ...properties })
    },
    told() {
      const records = new Map<string, Told>()
      for (const { topic, payload } of broker.stored) {
        const [, gateway = '', , , result] = topic.split('/')
        if (result !== 'result') continue
        const told = { gateway, ...(JSON.parse(payload) as Omit<Told, 'gateway'>) }
        records.set(told.record, told)
      }
      return [...records.values()]
    },
  }
}

interface GatewaySetup {
  readonly id: string
  readonly cloud: Cloud
  readonly devicePort: number
  readonly point: string
  /** Under `commands:`, and that of the uplink. */
  readonly command: string
  readonly intake: string
  readonly env?: NodeJS.ProcessEnv
}

function gatewayOf(t: TestContext, setup: GatewaySetup): AgentProcess {
  const { id, cloud, devicePort, point, command, intake, env } = setup
  const config = `version: 1
gateway: { id: ${id}, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${devicePort}, timeout: 2s }
devices:
  machine: { connection: plc, unit_id: 1, interval: 100ms, points: { ${point} } }
commands:
  ${command}
uplinks:
  cloud: { type: mqtt, url: "${cloud.broker.url}", backoff: { min: 20ms, max: 200ms }, commands: ${intake} }
outbox: { commit_interval: 50ms }
`
  const agent = new AgentProcess(fieldFolder(t), config, env ? { env } : {})
  atEnd(t, () => agent.kill())
  return agent
}

async function deviceOf(t: TestContext, point: SimulatedPoint, delayMs = 0) {
  const unit = new WrittenUnit(1, [point], { delayMs })
  let server = await ModbusServer.start([unit])
  const { port } = server
  atEnd(t, () => server.close())
  const away = () => server.close()
  const back = async () => {
    server = await ModbusServer.start([unit], { port })
  }
  return { unit, port, away, back }
}

for (const [preset, version] of [
  ['emqx-6.0', '6.0'],
  ['emqx-6.1.1', '6.1.1'],
] as const) {
  test(`${COMMANDS} colours while the gateway is off, ${COMMANDS} while the lamp is: the newest alone (${preset})`, async (t) => {
    const seed = newSeed()
    t.diagnostic(`TIDEGATE_SEED=${seed}`)
    const chance = chanceOf(seed)
    const cloud = await startCloud(t, { version, name: 'cmd-gw', filter: 'tidegate/gw/command/+', key: 'key' })
    const lamp = await deviceOf(t, lampPoint)
    const agent = gatewayOf(t, {
      id: 'gw',
      cloud,
      devicePort: lamp.port,
      point: 'colour: { address: 0, type: string, length: 8, access: rw }',
      command: 'set-colour: { write: machine.colour, verify: read_back }',
      intake: `{ preset: ${preset} }`,
    })
    const sent: string[] = []
    const send = () => {
      const value = chance.oneOf(colours)
      sent.push(value)
      return cloud.publish('tidegate/gw/command/device1', { id: `c-${sent.length}`, value }, 'set-colour')
    }
    const verified = () => cloud.told().filter(({ state }) => state === 'verified')
    const shown = () => lamp.unit.written.map(({ bytes }) => bytes.toString('latin1').replace(/[\0 ]+$/, ''))

    await Promise.all(Array.from({ length: COMMANDS }, send))
    assert.deepEqual(cloud.answers, new Array<number>(COMMANDS).fill(NO_MATCHING_SUBSCRIBERS))
    assert.deepEqual(cloud.queue.waiting, ['set-colour'])
    agent.start()
    await until(() => verified().length > 0, { what: 'the outcome of the newest', timeoutMs: 60_000 })
    assert.deepEqual(
      cloud.told().map(({ id, state, value }) => ({ id, state, value })),
      [{ id: `c-${COMMANDS}`, state: 'verified', value: sent.at(-1) }],
    )
    assert.deepEqual(shown(), [sent.at(-1)])

    for (let more = 2; more <= 4; more += 1) {
      await send()
      await until(() => verified().length === more, { what: `colour ${more} of those sent while it is there` })
    }
    assert.deepEqual(shown(), sent.slice(-4))

    await lamp.away()
    await agent.reaches(({ devices: [machine] }) => machine?.state === 'offline', { what: 'the lamp to be missed' })
    await Promise.all(Array.from({ length: COMMANDS }, send))
    const newest = `c-${sent.length}`
    await agent.reaches(({ inbox: { waiting } }) => waiting.length === 1 && waiting[0]?.id === newest, {
      what: 'the newest alone to wait',
      timeoutMs: 30_000,
    })
    await lamp.back()
    await until(() => verified().some(({ id }) => id === newest), { what: 'the newest colour', timeoutMs: 60_000 })
    assert.deepEqual(shown(), [...sent.slice(-COMMANDS - 4, -COMMANDS), sent.at(-1)])
    assertEachTold(cloud, { through: sent.length, first: COMMANDS })
    assert.equal(cloud.broker.unconfirmed(), 0)
    assert.equal(await agent.stop(), 0)
  })
}

const lampPoint: SimulatedPoint = {
  register: 'holding',
  address: 0,
  type: 'string',
  length: 8,
  value: '',
  writable: true,
}

/** Whatever reached the gateway ended once; what was replaced, by a newer one. The queue itself replaces without a word. */
function assertEachTold(cloud: Cloud, { through, first }: { readonly through: number; readonly first: number }): void {
  const numberOf = (id = '') => Number(id.slice(2))
  const told = cloud.told()
  assert.equal(new Set(told.map(({ id }) => id)).size, told.length)
  for (const { id, state, superseded_by } of told) {
    assert.ok(numberOf(id) >= first && numberOf(id) <= through, id)
    if (state === 'superseded') assert.ok(numberOf(superseded_by) > numberOf(id), `${id} by ${superseded_by}`)
    else assert.equal(state, 'verified')
  }
}

const jobPoint: SimulatedPoint = { register: 'holding', address: 0, type: 'uint16', value: 0, writable: true }
const JOBS = 'plant7/jobs/run'
const jobs: QueueSettings = { version: '6.1.1', name: 'jobs', filter: 'plant7/jobs/+' }

/** A gateway that takes jobs from the queue, and the device they are for. */
async function workerOf(
  t: TestContext,
  id: string,
  options: { readonly cloud: Cloud; readonly delayMs?: number; readonly env?: NodeJS.ProcessEnv },
) {
  const device = await deviceOf(t, jobPoint, options.delayMs)
  const agent = gatewayOf(t, {
    id,
    cloud: options.cloud,
    devicePort: device.port,
    point: 'job: { address: 0, type: uint16, access: rw }',
    command: 'run: { write: machine.job, mode: queue }',
    intake: '{ subscribe: "$queue/jobs" }',
    ...(options.env ? { env: options.env } : {}),
  })
  agent.start()
  return { agent, unit: device.unit }
}

type Worker = Awaited<ReturnType<typeof workerOf>>

async function shareJobs(cloud: Cloud, workers: readonly Worker[]): Promise<readonly number[]> {
  for (const { agent } of workers) {
    await agent.ready()
    await agent.reaches(
      ({ uplinks: [uplink], devices: [machine] }) => uplink?.state === 'online' && machine?.state === 'online',
      { what: 'a worker to be there', timeoutMs: 30_000 },
    )
  }
  const numbers = Array.from({ length: COMMANDS }, (_, index) => index + 1)
  await Promise.all(numbers.map((value) => cloud.publish(JOBS, { id: `job-${value}`, value })))
  await until(() => cloud.told().length >= COMMANDS, { what: 'the outcome of every job', timeoutMs: 90_000 })
  assert.deepEqual(cloud.queue.waiting, [])
  assert.equal(cloud.broker.unconfirmed(), 0)
  const done = workers.map(({ unit }) => unit.numbers)
  // Each in order, and between them each once.
  for (const one of done)
    assert.deepEqual(
      one,
      [...one].sort((a, b) => a - b),
    )
  assert.deepEqual(
    done.flat().sort((a, b) => a - b),
    numbers,
  )
  const told = cloud.told().map(({ id, state }) => `${id} ${state}`)
  assert.deepEqual(told.sort(), numbers.map((value) => `job-${value} applied`).sort())
  for (const { agent } of workers) assert.equal(await agent.stop(), 0)
  return done.map(({ length }) => length)
}

test(`${COMMANDS} jobs shared in turn by two gateways, one with a slow device: all done once`, async (t) => {
  const cloud = await startCloud(t, { ...jobs, dispatch: 'round_robin' })
  const fast = await workerOf(t, 'gw-fast', { cloud })
  const slow = await workerOf(t, 'gw-slow', { cloud, delayMs: 15 })
  const shares = await shareJobs(cloud, [fast, slow])
  t.diagnostic(`fast ${shares[0]}, slow ${shares[1]}`)
  // A job is confirmed when it is stored, so a slow device does not show at the queue.
  assert.ok(shares.every((share) => share > 0))
})

test(`${COMMANDS} jobs for the gateway with the fewest unconfirmed, one with a slow disk: it gets fewer`, async (t) => {
  const shim = faultShim(t)
  if (!shim) return
  const cloud = await startCloud(t, { ...jobs, dispatch: 'least_inflight' })
  const fast = await workerOf(t, 'gw-fast', { cloud })
  shim.set('sync tidegate.db delay=60')
  const slow = await workerOf(t, 'gw-slow', { cloud, env: shim.env })
  const shares = await shareJobs(cloud, [fast, slow])
  t.diagnostic(`fast ${shares[0]}, slow ${shares[1]}`)
  assert.ok((shares[0] ?? 0) > (shares[1] ?? 0) && (shares[1] ?? 0) > 0)
})

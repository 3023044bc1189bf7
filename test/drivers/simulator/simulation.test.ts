/** The whole simulator, from its file to what a driver reads: every profile there is, several clients, what goes wrong. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { listProfiles } from '../../../src/config/profiles.ts'
import { parseSimulation } from '../../../src/config/simulation.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { type Driver, LinkError } from '../../../src/drivers/driver.ts'
import { type RunningSimulation, startSimulation } from '../../../src/drivers/simulator/simulation.ts'
import type { Sample } from '../../../src/model.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { deviceWith, tcpSettings } from '../../support/bus-settings.ts'

const head = 'version: 1\nconnections:\n  plant: { type: modbus-tcp, port: 0 }\ndevices:\n'

describe('a simulation', () => {
  for (const { name } of listProfiles()) {
    it(`of ${name}: every point is there and shows something plausible`, async (t) => {
      const { settings } = parseSimulation(
        `${head}  one: { connection: plant, unit_id: 9, profile: ${name}, holes: zero }\n`,
        's.yaml',
      )
      const points = (settings.connections[0]?.units[0]?.points ?? []).map(({ point }) => point)
      const driver = await clientOf(t, await running(t, settings), points)
      const samples = await driver.read(deviceWith({ name: 'one', unitId: 9, points }), points)
      const odd = samples.filter(
        (sample) =>
          !isSound(
            sample,
            points.find((point) => point.name === sample.point),
          ),
      )
      assert.deepEqual(odd, [])
      assert.equal(samples.length, points.length)
    })
  }

  it('answers several clients at once, each with its own', async (t) => {
    const points = Array.from(
      { length: 8 },
      (_, index) => `p${index}: { address: ${index * 50}, type: uint16, value: ${index} }`,
    )
    const one = `  one: { connection: plant, unit_id: 9, points: { ${points.join(', ')} } }\n`
    const { settings } = parseSimulation(head + one, 's.yaml')
    const simulated = await running(t, settings)
    const all = (settings.connections[0]?.units[0]?.points ?? []).map(({ point }) => point)
    const clients = await Promise.all(all.map(() => clientOf(t, simulated, all)))
    const device = deviceWith({ name: 'one', unitId: 9, points: all })
    const samples = await Promise.all(clients.map((client, index) => client.read(device, all.slice(index, index + 1))))
    assert.deepEqual(
      samples.map(([sample]) => sample?.value),
      [0, 1, 2, 3, 4, 5, 6, 7],
    )
    assert.equal(simulated.connections[0]?.clients(), 8)
  })

  it('a port that another program has is told, and nothing else is served', async (t) => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    t.after(() => other.close())
    const address = other.address()
    const taken = typeof address === 'object' && address ? address.port : 0
    const text = `${head}  one: { connection: plant, points: { x: { address: 0, type: uint16 } } }\n`
    const busy = text.replace('port: 0', `port: ${taken}`)
    await assert.rejects(startSimulation(parseSimulation(busy, 's.yaml').settings), (error) => {
      return error instanceof LinkError && error.code === 'busy' && error.message.includes(`127.0.0.1:${taken}`)
    })
    const serial = text.replace('{ type: modbus-tcp, port: 0 }', '{ type: modbus-rtu, port: /nowhere, line: 9600 8N1 }')
    const rtu = serial.replace('one: {', 'one: { unit_id: 1,')
    await assert.rejects(startSimulation(parseSimulation(rtu, 's.yaml').settings), (error) => {
      return error instanceof LinkError && error.code === 'no_such_port'
    })
  })
})

async function running(t: TestContext, settings: Parameters<typeof startSimulation>[0]): Promise<RunningSimulation> {
  const simulation = await startSimulation(settings)
  t.after(() => simulation.close())
  return simulation
}

async function clientOf(
  t: TestContext,
  simulation: RunningSimulation,
  points: readonly PointSettings[],
): Promise<Driver> {
  const port = Number(simulation.connections[0]?.address.split(':')[1])
  const device = deviceWith({ name: 'one', unitId: 9, points })
  const driver = createDriver(tcpSettings([device], { port, timeoutMs: 10_000 }))
  t.after(() => driver.close())
  await driver.open()
  return driver
}

function isSound(sample: Sample, point: PointSettings | undefined): boolean {
  if (sample.error !== undefined) return point?.access === 'wo' && sample.error === 'write_only'
  const range = point?.plausible
  return range === undefined || (Number(sample.value) >= range.min && Number(sample.value) <= range.max)
}

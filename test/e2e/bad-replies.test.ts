/** Devices that refuse, stay silent, answer late, as another unit, or with garbage (P6): an error, never a wrong value. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type ArrivedRecord, judge } from '../support/checker.ts'
import { fieldFolder, hasField, startAgent, startCloud } from '../support/field.ts'
import { modbusTcp, uplink } from '../support/field-config.ts'
import { atEnd } from '../support/field-ending.ts'
import { type Fault, FaultyDevice, faults, POINT_REGISTERS } from '../support/field-faulty.ts'
import { FieldProcess } from '../support/field-process.ts'
import { until } from '../support/until.ts'

const TIMEOUT_MS = 100
/** Later than the timeout, and late enough to meet the next request. */
const LATE_MS = 170
const POINTS = ['a', 'b', 'c']
/** Of each device, before the run ends. */
const WANTED = { errors: 3, values: 10 }

/**
 * What else may show. On a bus one hears what a neighbour says too late or at random, and must not take it for a reply; a
 * stream that is out of step is opened anew, and the points that were to be read have no value. A busy machine is late.
 */
const OTHERS = { tcp: /^(doubt|not_modbus|io|timeout)$/, rtu: /^(timeout|foreign_reply|noise|short_reply|crc)$/ }

/** The codes a fault may show as: on a stream, where the transaction tells replies apart, and on a serial line. */
const codes: Readonly<Record<Fault, { readonly tcp: RegExp; readonly rtu: RegExp }>> = {
  refuses: { tcp: /^exception_2$/, rtu: /^exception_2$/ },
  'is silent': { tcp: /^timeout$/, rtu: /^timeout$/ },
  'is late': { tcp: /^(timeout|foreign_reply)$/, rtu: /^timeout$/ },
  'answers as another unit': { tcp: /^foreign_reply$/, rtu: /^foreign_reply$/ },
  'answers another function': { tcp: /^foreign_reply$/, rtu: /^foreign_reply$/ },
  'answers too little': { tcp: /^foreign_reply$/, rtu: /^foreign_reply$/ },
  'breaks off': { tcp: /^short_reply$/, rtu: /^short_reply$/ },
  // Between requests it harms nobody but the stream, which is opened anew.
  'talks by itself': { tcp: /^(noise|io)$/, rtu: /^noise$/ },
  'sends garbage': { tcp: /^noise$/, rtu: /^(noise|timeout)$/ },
  'answers with a broken check': { tcp: /^foreign_reply$/, rtu: /^crc$/ },
}

test('over TCP, a bad reply is an error with a short code and never a value', async (t) => {
  if (!hasField(t)) return
  const folder = fieldFolder(t)
  const device = await startFaulty(t, 'tcp')
  // A connection each: one that is opened anew in doubt disturbs nobody else.
  const connections = faults.map((fault) => [nameOf(fault), modbusTcp(device.port, TIMEOUT_MS)] as const)
  await provoke(t, { folder, device, kind: 'tcp', connections, connectionOf: nameOf, shown: faults })
})

test('on a serial line, a bad reply is an error with a short code and never a value', async (t) => {
  if (!hasField(t, 'socat')) return
  const folder = fieldFolder(t)
  const device = await startFaulty(t, 'rtu')
  const port = await serialPortTo(t, folder, device.port)
  const bus = `{ type: modbus-rtu, port: ${port}, line: 115200 8N1, timeout: ${TIMEOUT_MS}ms }`
  await provoke(t, {
    folder,
    device,
    kind: 'rtu',
    connections: [['bus', bus]],
    connectionOf: () => 'bus',
    shown: faults,
  })
})

test('alone on a serial line, a late reply is not taken for the answer to the next request', async (t) => {
  if (!hasField(t, 'socat')) return
  const folder = fieldFolder(t)
  const device = await startFaulty(t, 'rtu')
  const port = await serialPortTo(t, folder, device.port)
  const bus = `{ type: modbus-rtu, port: ${port}, line: 115200 8N1, timeout: ${TIMEOUT_MS}ms }`
  const connections = [['bus', bus]] as const
  // Nobody else is asked meanwhile, so that the late reply meets a request to its own device.
  await provoke(t, { folder, device, kind: 'rtu', connections, connectionOf: () => 'bus', shown: ['is late'] })
})

interface Site {
  /** Which devices there are. */
  readonly shown: readonly Fault[]
  readonly folder: string
  readonly device: FaultyDevice
  readonly kind: 'tcp' | 'rtu'
  readonly connections: readonly (readonly [name: string, text: string])[]
  readonly connectionOf: (fault: Fault) => string
}

async function provoke(t: TestContext, site: Site): Promise<void> {
  const cloud = await startCloud(t, site.folder)
  const agent = startAgent(t, { folder: site.folder, config: configOf(site, cloud.network.port) })
  await agent.ready()
  await until(
    () => {
      agent.mustRun()
      return unshown(cloud.records(), site).length === 0
    },
    { what: 'every fault to show, and every device to be read again', timeoutMs: 150_000 },
  ).finally(() => t.diagnostic(`not shown: ${unshown(cloud.records(), site).join('; ') || 'none'}`))
  assert.equal(await agent.stop(), 0)
  const verdict = judge(cloud.arrivals())
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  for (const fault of site.shown) assertHonest(fault, verdict.records, site)
}

/** The faults that did not show often enough, or after which too little was read. */
function unshown(records: readonly ArrivedRecord[], { kind, shown: wanted }: Site): string[] {
  return wanted.flatMap((fault) => {
    const { errors, values } = samplesOf(fault, records)
    const shown = errors.filter(([, code]) => codes[fault][kind].test(code)).length
    const enough = fault === 'talks by itself' ? 0 : WANTED.errors
    if (shown >= enough && values.length >= WANTED.values) return []
    return [`${fault} (${shown} of ${errors.length} errors, ${values.length} values)`]
  })
}

function assertHonest(fault: Fault, records: readonly ArrivedRecord[], { device, kind }: Site): void {
  const { errors, values } = samplesOf(fault, records)
  const seen = new Set<number>()
  for (const [point, value] of values) {
    const given = device.honest.get(value)
    const expected = { unitId: FaultyDevice.unitIdOf(fault), address: POINTS.indexOf(point) * POINT_REGISTERS }
    assert.ok(!device.dishonest.has(value), `${fault}: ${point} has the value ${value} of a reply that was wrong`)
    assert.deepEqual({ unitId: given?.unitId, address: given?.address }, expected, `${fault}: ${point} is ${value}`)
    assert.ok(!seen.has(value), `${fault}: ${point} has the value ${value} of an older reply`)
    seen.add(value)
  }
  const foreign = errors.filter(([, code]) => !codes[fault][kind].test(code) && !OTHERS[kind].test(code))
  assert.deepEqual(foreign, [], fault)
}

function samplesOf(fault: Fault, records: readonly ArrivedRecord[]) {
  const own = records.filter(({ content }) => content['device'] === nameOf(fault) && !('event' in content))
  const entries = <T>(name: string) =>
    own.flatMap(({ content }) => Object.entries((content[name] ?? {}) as Record<string, T>))
  return { errors: entries<string>('errors'), values: entries<number>('values') }
}

function nameOf(fault: Fault): string {
  return fault.replaceAll(' ', '-')
}

function configOf(site: Site, cloudPort: number): string {
  const points = POINTS.map((name, index) => `${name}: { address: ${index * POINT_REGISTERS}, type: uint32 }`)
  // No holes are read along: every point is a request of its own, with a reply like that of its neighbours.
  const common = `interval: 50ms, max_hole: 0, points: { ${points.join(', ')} }`
  const devices = site.shown.map(
    (fault) =>
      `  ${nameOf(fault)}: { connection: ${site.connectionOf(fault)}, unit_id: ${FaultyDevice.unitIdOf(fault)}, ${common} }`,
  )
  return `
version: 1
gateway: { id: gw, clock: trusted }
connections:
${site.connections.map(([name, text]) => `  ${name}: ${text}`).join('\n')}
devices:
${devices.join('\n')}
uplinks:
  cloud: ${uplink(cloudPort)}
`
}

async function startFaulty(t: TestContext, kind: 'tcp' | 'rtu'): Promise<FaultyDevice> {
  const device = await FaultyDevice.start(kind, { lateMs: LATE_MS })
  atEnd(t, () => device.close())
  return device
}

async function serialPortTo(t: TestContext, folder: string, port: number): Promise<string> {
  const link = join(folder, 'bus')
  const words = [`pty,rawer,link=${link}`, `tcp:127.0.0.1:${port},nodelay`]
  const line = new FieldProcess('socat', words, { outputFile: join(folder, 'socat.log') })
  atEnd(t, () => line.end())
  await until(() => existsSync(link), { what: 'the serial line' })
  return link
}

/** `tidegate check`: the report, its numbers, and what it says of a broken file. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { forecast } from '../../src/cli/check/forecast.ts'
import { pollPlan } from '../../src/cli/check/poll-plan.ts'
import { check } from '../../src/cli/check.ts'
import { schema } from '../../src/cli/schema.ts'
import { parseSettings } from '../../src/config/load.ts'
import type { Settings } from '../../src/settings.ts'

const host = { env: {}, hostname: 'box', serialFolder: '/nonexistent' }

async function run(file: string, json = false): Promise<{ status: number; text: string }> {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url))
  let text = ''
  const write = (more: string) => {
    text += more
  }
  const status = await check({ file: path, json, write, host })
  return { status, text }
}

/** One meter on a 9600 baud bus. */
function site(changes: {
  points: string
  outbox?: string
  uplink?: string
  line?: string
  interval?: string
}): Settings {
  const text = `
version: 1
gateway: { id: gw }
connections: { bus: { type: modbus-rtu, port: /dev/ttyAMA0, line: ${changes.line ?? '9600 8N1'} } }
devices: { meter: { connection: bus, unit_id: 1, interval: ${changes.interval ?? '1s'}, points: { ${changes.points} } } }
uplinks: { cloud: { type: mqtt, url: mqtt://127.0.0.1${changes.uplink ?? ''} } }
outbox: { ${changes.outbox ?? ''} }
`
  return parseSettings(text, 'config.yaml', host).settings
}

describe('check of a valid file', () => {
  test('the report names counts, plan, rate, outbox and flash', async () => {
    const { status, text } = await run('examples/site.yaml')
    assert.equal(status, 0)
    assert.match(text, /: valid\. {2}4 connections, 5 devices, 20 points, 6 commands, 3 uplinks\n/)
    assert.match(
      text,
      /^main-meter +5s +\d+ +\d+ +0\.\d\d s \(\d %\) +yes +\(every 1m in the same requests: energy_import\)$/m,
    )
    assert.match(text, /^bus-a total .* busy +yes, room for about \d+x$/m)
    assert.match(text, /^DATA RATE .*cloud \d+ MB a day · billing \d+ MB a day · hall-display [\d.]+ MB a day$/m)
    assert.match(text, /^OUTBOX .*the limit of 30 days is reached first/m)
    assert.match(text, /^FLASH .*offline about \d+ MB a day$/m)
    assert.doesNotMatch(text, /WARNINGS/)
  })

  test('warnings are listed with line, path and what to do', async () => {
    const { status, text } = await run('test/cases/config/good-warnings/config.yaml')
    assert.equal(status, 0)
    assert.match(text, /^WARNINGS$/m)
    assert.match(text, /^ {2}line 4 +connections\.bus\.port +\/dev\/ttyUSB7 can be another adapter/m)
    assert.match(text, /max_wait 2s is not below outbox\.commit_interval 1s/)
    assert.doesNotMatch(text, /hunter2/)
  })

  test('what happens at the limits is said as it is configured', async () => {
    const { text } = await run('test/cases/config/good-limits/config.yaml')
    assert.match(text, /16MiB holds about .* offline, then polling pauses/)
    assert.match(text, /online every reading is written \(keep_delivered is above 0s\)/)
  })

  test('what a pace and at_most_once bring is said', async () => {
    const { status, text } = await run('test/cases/config/good-uplink-warnings/config.yaml')
    assert.equal(status, 0)
    assert.match(text, /^PACE +old: the pace is below what is made; the backlog will grow/m)
    assert.match(text, /online every reading is written \(old delivers at most once\)/)
  })

  test('--json holds the same for programs', async () => {
    const { status, text } = await run('examples/site.yaml', true)
    const said = JSON.parse(text)
    assert.equal(status, 0)
    assert.deepEqual([said.valid, said.summary.points, said.errors], [true, 20, []])
    assert.equal(said.plan.find((one: { connection: string }) => one.connection === 'bus-a').fits, true)
    assert.ok(said.forecast.recordsPerSecond > 1)
  })
})

describe('check of a broken file', () => {
  test('all errors are printed and the status is 78', async () => {
    const { status, text } = await run('test/cases/config/several-errors/config.yaml')
    assert.equal(status, 78)
    assert.match(text, /config\.yaml:8:14 +devices\.meter-1\.unit_id/)
    assert.match(text, /\n\d+ errors\. A running gateway keeps its current configuration\.\n$/)
  })

  test('--json holds every problem with its place', async () => {
    const { status, text } = await run('test/cases/config/wrong-version/config.yaml', true)
    const { valid, errors } = JSON.parse(text)
    assert.equal(status, 78)
    assert.equal(valid, false)
    assert.deepEqual([errors[0].line, errors[0].column, errors[0].path], [1, 10, 'version'])
  })
})

describe('the poll plan', () => {
  test('points of a longer interval that fit the same request cost nothing', () => {
    const [bus] = pollPlan(
      site({ points: 'a: { address: 1, type: int16 }, b: { address: 2, type: int16, interval: 1m }' }).connections,
    )
    assert.deepEqual(bus?.devices[0]?.rarer, [{ everyMs: 60_000, requests: 0, points: ['b'] }])
  })

  test('scheduled points have their own requests, as often as their times come', () => {
    const points =
      'a: { address: 1, type: int16 }, b: { address: 2, type: int16, schedule: "*/10 * * * * *" }, c: { address: 9, type: int16, schedule: "0 6 * * *" }'
    const [bus] = pollPlan(site({ points }).connections)
    assert.deepEqual(bus?.devices[0]?.rarer, [
      { everyMs: 10_000, schedule: '*/10 * * * * *', requests: 1, points: ['b'] },
      { everyMs: 86_400_000, schedule: '0 6 * * *', requests: 1, points: ['c'] },
    ])
    const [without] = pollPlan(site({ points: 'a: { address: 1, type: int16 }' }).connections)
    assert.ok((bus?.busy ?? 0) > (without?.busy ?? 0) * 1.09)
  })

  test('an instrument that is asked takes the time of request, answer and turnaround; one that speaks takes none', () => {
    const devices = (request: string) => `
version: 1
connections: { port: { type: serial-text, port: /dev/ttyAMA0, line: 9600 8N1, ends_with: "\\r\\n" } }
devices: { scale: { connection: port, ${request} pattern: "^(?<weight>\\\\d+)$", points: { weight: {} } } }
uplinks: { cloud: { type: mqtt, url: mqtt://127.0.0.1 } }
`
    const planOf = (request: string) =>
      pollPlan(parseSettings(devices(request), 'config.yaml', host).settings.connections)[0]?.devices[0]
    const asked = planOf('request: "W\\r\\n", interval: 1s,')
    assert.deepEqual([asked?.speaks, asked?.everyMs, asked?.requests, asked?.registers], [false, 1_000, 1, 0])
    assert.ok(Math.abs((asked?.wireMs ?? 0) - ((3 + 20) * (10 / 9.6) + 15)) < 1e-9)
    const speaking = planOf('')
    assert.deepEqual([speaking?.speaks, speaking?.busy], [true, 0])
  })

  test('a bus that is asked for more than it can carry does not fit', () => {
    const points = 'a: { address: 1, type: int16 }, b: { address: 500, type: int16 }'
    const [bus] = pollPlan(site({ points, interval: '50ms' }).connections)
    assert.equal(bus?.fits, false)
    assert.ok((bus?.busy ?? 0) > 1)
  })

  test('points that are only written are not polled', () => {
    const [bus] = pollPlan(site({ points: 'a: { address: 1, type: int16, access: wo }' }).connections)
    assert.equal(bus?.busy, 0)
  })
})

describe('the forecast', () => {
  const points = 'a: { address: 1, type: int16 }'

  test('twice the size holds twice as long', () => {
    const days = (size: string) => forecast(site({ points, outbox: `max_size: ${size}` })).outbox.sizeDays
    assert.ok(Math.abs(days('2GiB') / days('1GiB') - 2) < 1e-9)
  })

  test('a batch saves the topic of each message', () => {
    const bytes = (uplink: string) => forecast(site({ points, interval: '10ms', uplink })).uplinks[0]?.bytesPerDay ?? 0
    assert.ok(bytes(', batch: { max_wait: 500ms }') < bytes(''))
  })

  /** `a` every 10 s, `b` and `c` every second. */
  const several = (uplink: string) => {
    const text = `
version: 1
gateway: { id: gw }
connections: { plc: { type: modbus-tcp, host: 127.0.0.1 } }
devices:
  one: { connection: plc, unit_id: 1, points: { a: { address: 1, type: int16 } } }
  two: { connection: plc, unit_id: 2, interval: 1s, points: { b: { address: 1, type: int16 }, c: { address: 2, type: int16 } } }
uplinks: { cloud: { type: mqtt, url: mqtt://127.0.0.1${uplink} } }
`
    const [estimate] = forecast(parseSettings(text, 'config.yaml', host).settings).uplinks
    assert.ok(estimate)
    return estimate
  }
  const rounded = (value: number) => Math.round(value * 1e6) / 1e6

  test('an uplink sends of its devices only, thinned, and a message for each point where its format says so', () => {
    const messages = (uplink: string) => rounded(several(uplink).messagesPerSecond)
    assert.equal(messages(''), 1.1)
    assert.equal(messages(', include: one'), 0.1)
    assert.equal(messages(', thin_to: 5s'), 0.3)
    assert.equal(messages(', format: json-flat'), 2.1)
    assert.equal(messages(', format: json-flat, include: two, thin_to: 4s'), 0.5)
    assert.equal(messages(', batch: { max_wait: 10s, max_records: 11 }'), rounded(1.1 / 11))
  })

  test('an uplink whose pace is below what is made falls behind', () => {
    assert.equal(several(', pace: { messages: 1/s }').fallsBehind, true)
    assert.equal(several(', pace: { messages: 2/s }').fallsBehind, false)
    assert.equal(several(', pace: { messages: 1/s }, include: one').fallsBehind, false)
    assert.equal(several(', pace: { bytes: 50B/s }').fallsBehind, true)
    assert.equal(several(', pace: { bytes: 1MiB/s }').fallsBehind, false)
  })

  test('rarer commits write less to flash', () => {
    const flash = (every: string) =>
      forecast(site({ points, outbox: `commit_interval: ${every}` })).flashBytesPerDayOffline
    assert.ok(flash('10s') < flash('1s') && flash('1s') < flash('0s'))
  })

  test('nothing to read makes no data, and no division by zero is printed', async () => {
    const estimate = forecast(site({ points: 'a: { address: 1, type: int16, access: wo }' }))
    assert.equal(estimate.recordsPerSecond, 0)
    assert.equal(estimate.flashBytesPerDayOffline, 0)
    assert.doesNotMatch(JSON.stringify(estimate.uplinks), /null|NaN/)
  })
})

test('the schema command prints JSON', async () => {
  let text = ''
  await schema({
    write: (more) => {
      text += more
    },
  })
  assert.equal(JSON.parse(text).properties.version.const, 1)
})

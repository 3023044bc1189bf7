/**
 * The examples of docs/serial.md, as they stand: each configuration is loaded, and the conversation below it is held with
 * the driver. `>` is what the gateway must send, `<` what the instrument says, `=` what must be made of it.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseSettings } from '../../src/config/load.ts'
import type { Driver } from '../../src/drivers/driver.ts'
import type { Sample } from '../../src/model.ts'
import type { SerialBinarySettings, SerialTextSettings } from '../../src/settings.ts'
import { bytesOf } from '../support/bus.ts'
import { VirtualClock } from '../support/bus-clock.ts'
import { driverOn, latin1, ScriptedLine } from '../support/instrument.ts'
import { type Block, blocksOf, pageText } from './pages.ts'

const uplink = 'uplinks:\n  cloud: { type: mqtt, url: "mqtt://mq.plant7.example" }\n'

describe('the examples of docs/serial.md', () => {
  const blocks = blocksOf(pageText('docs/serial.md'))
  const examples = blocks.flatMap((block, index) => {
    const talk = blocks[index + 1]
    return block.language === 'yaml' && talk ? [{ yaml: block.text, talk }] : []
  })

  test('there are some, and all conversations belong to one', () => {
    assert.ok(examples.length >= 6)
    assert.equal(blocks.filter(({ language }) => language === '').length, examples.length)
  })

  for (const { yaml, talk } of examples) {
    const { settings, warnings } = parseSettings(`version: 1\n${yaml}${uplink}`, '/nonexistent/config.yaml', {
      env: {},
      hostname: 'box',
    })
    const [connection] = settings.connections
    assert.ok(connection)
    test(`${connection.name}: no warnings but those about the port`, () => {
      assert.deepEqual(
        warnings.filter(({ path }) => !String(path).endsWith('port')),
        [],
      )
    })
    test(`${connection.name}: the conversation`, async () => {
      assert.ok(connection.type === 'serial-text' || connection.type === 'serial-binary')
      await hold(connection, talk)
    })
  }
})

interface Turn {
  readonly request: string | undefined
  readonly said: string[]
  readonly expected: string[]
}

async function hold(connection: SerialTextSettings | SerialBinarySettings, talk: Block): Promise<void> {
  const clock = new VirtualClock()
  const line = new ScriptedLine(clock)
  const driver = driverOn(line, connection, { clock })
  const made: string[] = []
  driver.listen?.({
    onReading: (device, samples) => {
      if (samples.length > 0) made.push(recordOf(device, samples))
    },
    onError: () => {},
  })
  await clock.run(driver.open())
  if (connection.type === 'serial-text') line.say(latin1(connection.endsWith))
  await clock.advance(1_000)
  for (const { request, said, expected } of turnsOf(talk.text)) {
    made.length = 0
    const bytes = said.map((text) => bytesIn(connection, text))
    if (request === undefined) {
      for (const each of bytes) line.say(each)
      await clock.advance(1_000)
    } else {
      line.script = () => bytes.map((each) => ({ afterMs: 20, bytes: each }))
      made.push(await asked(driver, connection, { clock, request: bytesIn(connection, request) }))
      assert.deepEqual(line.heard.at(-1), bytesIn(connection, request))
    }
    assert.deepEqual(made, expected.map(inOrder))
  }
}

async function asked(
  driver: Driver,
  connection: SerialTextSettings | SerialBinarySettings,
  question: { readonly clock: VirtualClock; readonly request: Uint8Array },
): Promise<string> {
  const device = connection.devices.find(({ request }) => request && Buffer.compare(request, question.request) === 0)
  assert.ok(device, 'no device of the example has this request')
  assert.ok(device.points.every((point) => point.intervalMs > 0))
  return recordOf(device.name, await question.clock.run(driver.read(device, device.points)))
}

/** One turn is what is asked, what is said then, and what is made of it. */
function turnsOf(text: string): Turn[] {
  const turns: Turn[] = []
  for (const row of text.trimEnd().split('\n')) {
    const [sign, rest] = [row.slice(0, 2), row.slice(2)]
    const last = turns.at(-1)
    if (sign === '> ') turns.push({ request: rest, said: [], expected: [] })
    else if (sign === '= ' && last) last.expected.push(rest)
    else if (sign === '< ' && last?.request !== undefined && last.said.length === 0) last.said.push(rest)
    else if (sign === '< ') turns.push({ request: undefined, said: [rest], expected: [] })
    else assert.fail(`not understood: ${row}`)
  }
  return turns
}

function bytesIn(connection: SerialTextSettings | SerialBinarySettings, text: string): Uint8Array {
  if (connection.type === 'serial-binary') return bytesOf(text)
  return latin1(text.replaceAll('\\r', '\r').replaceAll('\\n', '\n'))
}

/** `NAME {values}`, and `{errors}` if there are any. */
function recordOf(device: string, samples: readonly Sample[]): string {
  const values = samples.flatMap(({ point, value }) => (value === undefined ? [] : [[point, value]]))
  const errors = samples.flatMap(({ point, error }) => (error === undefined ? [] : [[point, error]]))
  const parts = [Object.fromEntries(values), ...(errors.length > 0 ? [Object.fromEntries(errors)] : [])]
  return inOrder(`${device} ${parts.map((part) => JSON.stringify(part)).join(' ')}`)
}

/** The same record with its points sorted. */
function inOrder(record: string): string {
  return record.replace(/\{[^}]*\}/g, (part) => {
    return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(part)).sort(([a], [b]) => (a < b ? -1 : 1))))
  })
}

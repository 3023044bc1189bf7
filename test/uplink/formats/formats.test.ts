import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatOf } from '../../../src/uplink/formats/formats.ts'
import type { FormatSettings } from '../../../src/uplink-settings.ts'
import { record } from '../../support/feed.ts'

const topics = { data: 't/{device}', event: 't/event', result: 't/command/{key}/result' }
const pointTopics = { ...topics, data: 't/{device}/{point}' }

const reading = record({
  seq: 184_467,
  idPrefix: 'plant7-gw01/17-3f9a2c/',
  source: 'boiler',
  body: '"device":"boiler","values":{"supply_temp":61.3,"starts":18446744073709551615},"errors":{"setpoint":"timeout"}',
})
const event = record({ kind: 'event', source: '', body: '"event":"started"' })
const outcome = record({ kind: 'outcome', source: 'setpoint', body: '"id":"cmd-7","key":"setpoint","state":"applied"' })

function piecesOf(settings: FormatSettings, stored = reading): readonly (readonly [string, string])[] {
  const format = formatOf(settings, settings.type === 'json' ? topics : pointTopics)
  return format.pieces(stored).map(({ topic, payload }) => [topic, String(payload)] as const)
}

function template(text: string, per: 'record' | 'point'): FormatSettings {
  return { type: 'template', template: text, per, contentType: 'application/json' }
}

describe('json', () => {
  test('a record is one object on the topic of its device', () => {
    assert.deepEqual(piecesOf({ type: 'json' }), [
      [
        't/boiler',
        '{"id":"plant7-gw01/17-3f9a2c/184467","ts":1763683200123,"device":"boiler","values":{"supply_temp":61.3,"starts":18446744073709551615},"errors":{"setpoint":"timeout"}}',
      ],
    ])
  })

  test('a batch is a JSON array in the order given', () => {
    const format = formatOf({ type: 'json' }, topics)
    const pieces = [1, 2, 3].flatMap((seq) => format.pieces(record({ seq })))
    const batch = JSON.parse(String(format.batch?.join(pieces.map(({ payload }) => payload)))) as { id: string }[]
    assert.deepEqual(
      batch.map(({ id }) => id),
      ['gw/1-00000000/1', 'gw/1-00000000/2', 'gw/1-00000000/3'],
    )
  })

  test('what is stored is not looked into', () => {
    assert.equal(piecesOf({ type: 'json' }, record({ body: 'anything' }))[0]?.[1].includes(',anything}'), true)
  })
})

describe('json-flat', () => {
  test('a message for each point on its own topic, with the identity of the record', () => {
    const head = '{"id":"plant7-gw01/17-3f9a2c/184467","ts":1763683200123,"device":"boiler","point"'
    assert.deepEqual(piecesOf({ type: 'json-flat' }), [
      ['t/boiler/supply_temp', `${head}:"supply_temp","value":61.3}`],
      ['t/boiler/starts', `${head}:"starts","value":18446744073709551615}`],
      ['t/boiler/setpoint', `${head}:"setpoint","error":"timeout"}`],
    ])
  })

  test('each message says what is only known when sending', () => {
    const late = record({ ...reading, after: 184_460, late: true, clockKnown: false })
    for (const [, payload] of piecesOf({ type: 'json-flat' }, late)) {
      const { after, clock, late: flag } = JSON.parse(payload) as Record<string, unknown>
      assert.deepEqual({ after, clock, late: flag }, { after: 184_460, clock: 'unsynced', late: true })
    }
  })

  test('a reading without any point has no message', () => {
    assert.deepEqual(piecesOf({ type: 'json-flat' }, record({ body: '"device":"d","values":{}' })), [])
  })
})

describe('template', () => {
  test('per record: one text on the topic of the device', () => {
    const settings = template('{"{device}":[{"ts":{ts},"values":{values},"bad":{errors}}]}', 'record')
    const format = formatOf(settings, topics)
    assert.deepEqual(format.pieces(reading), [
      {
        topic: 't/boiler',
        payload:
          '{"boiler":[{"ts":1763683200123,"values":{"supply_temp":61.3,"starts":18446744073709551615},"bad":{"setpoint":"timeout"}}]}',
      },
    ])
    assert.equal(format.contentType, 'application/json')
  })

  test('per point: a text on the topic of the point; what could not be read has none', () => {
    assert.deepEqual(piecesOf(template('{value}', 'point')), [
      ['t/boiler/supply_temp', '61.3'],
      ['t/boiler/starts', '18446744073709551615'],
    ])
  })

  test('per point with {error}: what could not be read has its message, with null for the value', () => {
    assert.deepEqual(piecesOf(template('{"v":{value},"e":{error}}', 'point')), [
      ['t/boiler/supply_temp', '{"v":61.3,"e":null}'],
      ['t/boiler/starts', '{"v":18446744073709551615,"e":null}'],
      ['t/boiler/setpoint', '{"v":null,"e":"timeout"}'],
    ])
  })
})

const lookingIn: readonly FormatSettings[] = [
  { type: 'json-flat' },
  template('{device}', 'record'),
  template('{point}', 'point'),
]

for (const settings of lookingIn) {
  const name = settings.type === 'template' ? `template per ${settings.per}` : settings.type

  test(`${name}: events and results are json on their own topics`, () => {
    assert.deepEqual(piecesOf(settings, event), [
      ['t/event', '{"id":"gw/1-00000000/1","ts":1763683200123,"event":"started"}'],
    ])
    assert.deepEqual(piecesOf(settings, outcome), [
      [
        't/command/setpoint/result',
        '{"record":"gw/1-00000000/1","ts":1763683200123,"id":"cmd-7","key":"setpoint","state":"applied"}',
      ],
    ])
  })

  test(`${name}: a reading of unknown form goes to the topic of events as json, and is not lost`, () => {
    const bodies = [
      '"device":"d"',
      '"values":7',
      '"values":{"a":[1]}',
      '"values":{"a":null}',
      '"values":{},"errors":{"a":1}',
      'x',
    ]
    for (const body of bodies) {
      const stored = record({ body })
      assert.deepEqual(piecesOf(settings, stored), [['t/event', `{"id":"gw/1-00000000/1","ts":1763683200123,${body}}`]])
    }
  })

  test(`${name}: no batches`, () => {
    assert.equal(formatOf(settings, topics).batch, undefined)
  })
}

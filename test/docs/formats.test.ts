/**
 * docs/formats.md, executed: each recipe is loaded as the configuration of an uplink, without a warning, and the example
 * record becomes what the page shows below it.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadSettings } from '../../src/config/load.ts'
import { readingRecord } from '../../src/lastvalue/record.ts'
import { type TemplatePer, templatePlaceholders } from '../../src/template-words.ts'
import { recordText } from '../../src/uplink/formats/envelope.ts'
import { formatOf } from '../../src/uplink/formats/formats.ts'
import { record } from '../support/feed.ts'
import { fieldFolder } from '../support/field.ts'
import { blocksOf, pageText } from './pages.ts'

const page = pageText('docs/formats.md')

const reading = readingRecord({
  device: 'boiler',
  mono: 0,
  samples: [
    { point: 'supply_temp', value: 61.3 },
    { point: 'mode', value: 'heat' },
    { point: 'setpoint', error: 'timeout' },
  ],
})
const example = record({ ...reading, seq: 184_467, idPrefix: 'plant7-gw01/17-3f9a2c/', ts: 1_763_683_200_123 })

const site = `version: 1
gateway: { id: plant7-gw01 }
connections:
  plc: { type: modbus-tcp, host: 192.168.10.20 }
devices:
  boiler: { connection: plc, points: { supply_temp: { address: 256, type: int16 } } }
uplinks:
  cloud:
    type: mqtt
    url: mqtt://127.0.0.1
`

test('the example is the record that the page shows', () => {
  const shown = blocksOf(page)
    .find(({ language }) => language === 'json')
    ?.text.trim()
  assert.equal(recordText(example), shown)
})

test('every recipe gives the messages below it', (t) => {
  const folder = fieldFolder(t)
  const blocks = blocksOf(page)
  const recipes = blocks.flatMap(({ language, text }, index) =>
    language === 'yaml' ? [{ yaml: text, messages: blocks[index + 1]?.text ?? '' }] : [],
  )
  assert.ok(recipes.length >= 6, 'the page has lost its recipes')
  for (const { yaml, messages } of recipes) {
    const file = join(folder, 'config.yaml')
    writeFileSync(file, site + yaml.replace(/^(?=.)/gm, '    '))
    const { settings, warnings } = loadSettings(file)
    assert.deepEqual(warnings, [], yaml)
    const [uplink] = settings.uplinks
    assert.ok(uplink)
    const pieces = formatOf(uplink.format, uplink.topics).pieces(example)
    assert.equal(pieces.map(({ topic, payload }) => `${topic} ${payload}\n`).join(''), messages, yaml)
  }
})

test('the table of placeholders has every placeholder, where it is allowed, and what it gives', () => {
  const rows = [...page.matchAll(/^\| `\{(\w+)\}` \| (both|record|point) \| .* \| `(.*)` \|$/gm)]
  const placeholdersOf = (per: TemplatePer) =>
    rows.flatMap(([, placeholder, where]) => (where === 'both' || where === per ? [placeholder] : []))
  assert.deepEqual(placeholdersOf('record'), templatePlaceholders('record'))
  assert.deepEqual(placeholdersOf('point'), templatePlaceholders('point'))
  for (const [, placeholder, where, shown] of rows) {
    const settings = {
      type: 'template',
      template: `{${placeholder}}`,
      per: where === 'point' ? 'point' : 'record',
      contentType: 'text/plain',
    } as const
    const [piece] = formatOf(settings, { data: 'd', event: 'e', result: 'r' }).pieces(example)
    assert.equal(piece?.payload, shown, placeholder)
  }
})

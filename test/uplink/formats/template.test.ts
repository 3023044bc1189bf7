import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Sample } from '../../../src/model.ts'
import { filledTemplate, readTemplate, templatePlaceholders } from '../../../src/template-words.ts'
import { templateOf } from '../../../src/uplink/formats/template.ts'
import { record } from '../../support/feed.ts'

const stored = record({
  seq: 184_467,
  idPrefix: 'plant7-gw01/17-3f9a2c/',
  source: 'boiler',
  body: '"device":"boiler","values":{}',
})
const samples: readonly Sample[] = [{ point: 'supply_temp', value: 61.3 }]

/** What a word becomes where nothing surrounds it. */
const meanings: readonly (readonly [string, string])[] = [
  ['id', 'plant7-gw01/17-3f9a2c/184467'],
  ['gateway', 'plant7-gw01'],
  ['epoch', '17-3f9a2c'],
  ['seq', '184467'],
  ['after', '184466'],
  ['ts', '1763683200123'],
  ['ts_s', '1763683200'],
  ['ts_ns', '1763683200123000000'],
  ['iso', '2025-11-21T00:00:00.123Z'],
  ['clock', 'synced'],
  ['late', 'false'],
  ['device', 'boiler'],
  ['values', '{"supply_temp":61.3}'],
  ['errors', '{}'],
  ['record', '{"id":"plant7-gw01/17-3f9a2c/184467","ts":1763683200123,"device":"boiler","values":{}}'],
  ['point', 'supply_temp'],
  ['value', '61.3'],
  ['error', 'null'],
]

describe('words', () => {
  for (const [placeholder, expected] of meanings) {
    test(`{${placeholder}}`, () => {
      const per = placeholder === 'values' || placeholder === 'errors' || placeholder === 'record' ? 'record' : 'point'
      assert.equal(templateOf(`{${placeholder}}`, per).text({ record: stored, samples }), expected)
    })
  }

  test('these are all there are', () => {
    const placeholders = new Set([...templatePlaceholders('record'), ...templatePlaceholders('point')])
    assert.deepEqual([...placeholders].toSorted(), meanings.map(([placeholder]) => placeholder).toSorted())
  })

  test('what is only known when sending is that of the sending', () => {
    const late = record({ ...stored, after: 12, late: true, clockKnown: false })
    assert.equal(templateOf('{after} {late} {clock}', 'point').text({ record: late, samples }), '12 true unsynced')
  })

  test('a gateway id may have slashes', () => {
    const slashed = record({ idPrefix: 'a/b/17-3f9a2c/' })
    assert.equal(templateOf('{gateway} {epoch}', 'point').text({ record: slashed, samples }), 'a/b 17-3f9a2c')
  })

  test('a value that JSON has no number for is null', () => {
    const text = templateOf('{value}', 'point').text({ record: stored, samples: [{ point: 'p', value: Number.NaN }] })
    assert.equal(text, 'null')
  })
})

describe('between quotes', () => {
  const cases: readonly (readonly [string, Sample, string])[] = [
    ['{value}', { point: 'p', value: 'say "so"\n' }, '"say \\"so\\"\\n"'],
    ['"{value}"', { point: 'p', value: 'say "so"\n' }, '"say \\"so\\"\\n"'],
    ['"{value}"', { point: 'p', value: 61.3 }, '"61.3"'],
    ['"{value} °C"', { point: 'p', value: 61.3 }, '"61.3 °C"'],
    ['"{value}"', { point: 'p', value: true }, '"true"'],
    ['"{value}"', { point: 'p', error: 'timeout' }, '""'],
    ['"{error}"', { point: 'p', error: 'timeout' }, '"timeout"'],
    ['{error}', { point: 'p', error: 'timeout' }, '"timeout"'],
    ['"{error}"', { point: 'p', value: 1 }, '""'],
    ['"\\"{value}"', { point: 'p', value: 'a' }, '"\\"a"'],
    ['"\\\\"{value}', { point: 'p', value: 'a' }, '"\\\\""a"'],
    ['"x"{value}', { point: 'p', value: 'a' }, '"x""a"'],
  ]
  for (const [template, sample, expected] of cases) {
    test(`${template} with ${sample.error ?? JSON.stringify(sample.value)}`, () => {
      assert.equal(templateOf(template, 'point').text({ record: stored, samples: [sample] }), expected)
    })
  }

  test('values as a text in JSON, as some clouds want it', () => {
    const { text } = templateOf('{"payload":"{values}"}', 'record')
    assert.equal(text({ record: stored, samples }), '{"payload":"{\\"supply_temp\\":61.3}"}')
  })

  test('line protocol', () => {
    const { text } = templateOf('{point},device={device} value={value} {ts_ns}', 'point')
    assert.equal(text({ record: stored, samples }), 'supply_temp,device=boiler value=61.3 1763683200123000000')
    const words = text({ record: stored, samples: [{ point: 'mode', value: 'a "b"' }] })
    assert.equal(words, 'mode,device=boiler value="a \\"b\\"" 1763683200123000000')
  })
})

describe('what is no word', () => {
  test('braces of JSON stay', () => {
    for (const template of ['{}', '{ }', '{"a":{"b":1}}', '[{},{}]', '{\n}', '{"a":{}}', '}{', '{', '{{}}']) {
      assert.deepEqual(readTemplate(template, 'record'), { parts: textParts(template), unknown: [], literal: [] })
    }
  })

  test('a name between braces that is none of ours is named', () => {
    const { unknown } = readTemplate('{valeu} {point} { value } {a.b} {0} {value}', 'record')
    assert.deepEqual(unknown, ['valeu', 'point', ' value ', 'a.b', '0', 'value'])
  })

  test('double braces give a brace', () => {
    const { parts, literal } = readTemplate('{{device}} {device} {"x":{values}}', 'record')
    assert.deepEqual(literal, ['device'])
    assert.equal(
      filledTemplate(parts, (word) => `<${word}>`),
      '{device} <device> {"x":<values>}',
    )
  })

  test('a text that was put in is not looked through for words', () => {
    const text = templateOf('{value} {device}', 'point').text({
      record: stored,
      samples: [{ point: 'p', value: '{device}' }],
    })
    assert.equal(text, '"{device}" boiler')
  })

  test('a template without braces is itself, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!/[{}]/.test(text))
        assert.deepEqual(readTemplate(text, 'record'), { parts: textParts(text), unknown: [], literal: [] })
      }),
    )
  })

  test('nothing of a template is lost, whatever stands in it', () => {
    const pieces = fc.constantFrom('{', '}', '"', '\\', '{value}', '{{value}}', '{nothing}', ' ', 'x', ':')
    fc.assert(
      fc.property(fc.array(pieces), (all) => {
        const template = all.join('')
        const { parts } = readTemplate(template, 'point')
        const again = parts.map((part) => ('text' in part ? part.text : `{${part.placeholder}}`)).join('')
        assert.equal(again, template.replaceAll(/\{\{(\w+)\}\}/g, '{$1}'))
      }),
    )
  })
})

function textParts(text: string) {
  return text === '' ? [] : [{ text }]
}

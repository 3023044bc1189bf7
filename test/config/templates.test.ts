import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { checkTemplate } from '../../src/config/template-problems.ts'
import { formatOf } from '../../src/uplink/formats/formats.ts'
import { anyReading } from '../support/readings.ts'

const json = { contentType: 'application/json' }
const text = { contentType: 'text/plain' }

const listOfRecord =
  '{id}, {gateway}, {epoch}, {seq}, {after}, {ts}, {ts_s}, {ts_ns}, {iso}, {clock}, {late}, {device}, {values}, {errors}, {record}'
const listOfPoint =
  '{id}, {gateway}, {epoch}, {seq}, {after}, {ts}, {ts_s}, {ts_ns}, {iso}, {clock}, {late}, {device}, {point}, {value}, {error}'

describe('nothing to say', () => {
  const good: readonly (readonly [string, 'record' | 'point', { contentType: string }])[] = [
    ['{"{device}":[{"ts":{ts},"values":{values}}]}', 'record', json],
    ['{record}', 'record', json],
    ['[{"n":"{point}","v":{value},"t":{ts_s}}]\n', 'point', json],
    ['{value}', 'point', json],
    ['"{value}"', 'point', json],
    ['{"payload":"{values}","e":"{errors}"}', 'record', { contentType: 'application/vnd.x+json' }],
    ['{point},device={device} value={value} {ts_ns}', 'point', text],
    ['<v t="{iso}">{value}</v>', 'point', { contentType: 'application/xml' }],
    ['{{anything}} {value}', 'point', text],
  ]
  for (const [template, per, { contentType }] of good) {
    test(`${JSON.stringify(template)} per ${per}`, () => {
      assert.deepEqual(checkTemplate(template, { per, contentType }), [])
    })
  }
})

describe('errors', () => {
  const { problem: noJson, hint: noJsonHint } = {
    problem: 'this would be sent, and it is no JSON: ',
    hint: 'names and times such as {device} and {iso} stand between double quotes; for no JSON write another content_type than application/json',
  }

  test('a word that was misspelt', () => {
    assert.deepEqual(checkTemplate('{"v":{vlaue}}', { per: 'point', ...json }), [
      {
        severity: 'error',
        problem: 'unknown placeholder {vlaue}; did you mean {value}?',
        hint: '{{vlaue}} is sent as {vlaue}',
      },
    ])
  })

  test('a word with blanks around it', () => {
    const [problem] = checkTemplate('{ value }', { per: 'point', ...json })
    assert.equal(problem?.problem, 'unknown placeholder { value }; did you mean {value}?')
  })

  test('a word that is near none', () => {
    assert.deepEqual(checkTemplate('{pressure} {pressure}', { per: 'record', ...text }), [
      {
        severity: 'error',
        problem: 'unknown placeholder {pressure}',
        hint: `allowed: ${listOfRecord}; {{pressure}} is sent as {pressure}`,
      },
    ])
    const [point] = checkTemplate('{pressure}', { per: 'point', ...text })
    assert.equal(point?.hint, `allowed: ${listOfPoint}; {{pressure}} is sent as {pressure}`)
  })

  test('a word of the other kind of template', () => {
    assert.deepEqual(checkTemplate('{"v":{value}}', { per: 'record', ...json }), [
      { severity: 'error', problem: '{value} needs per: point' },
    ])
    assert.deepEqual(checkTemplate('{values}', { per: 'point', ...json }), [
      { severity: 'error', problem: '{values} needs per: record' },
    ])
  })

  test('no JSON: a text without quotes', () => {
    assert.deepEqual(checkTemplate('{"device":{device},"v":{values}}', { per: 'record', ...json }), [
      { severity: 'error', problem: `${noJson}{"device":boiler,"v":{"supply_temp":61.3}}`, hint: noJsonHint },
    ])
  })

  test('no JSON: a brace too many, a comma too many, two of them, one unfinished', () => {
    for (const template of ['{"v":{values}}}', '{"v":{values},}', '{values}{values}', '{"v":{values}']) {
      const problems = checkTemplate(template, { per: 'record', ...json })
      assert.match(problems.map(({ problem }) => problem).join(), /^this would be sent, and it is no JSON/)
    }
  })

  test('no JSON with every value: digits around one that may be a word', () => {
    for (const template of ['{"v":-{value}}', '{"v":{value}0}']) {
      const [problem] = checkTemplate(template, { per: 'point', ...json })
      assert.match(problem?.problem ?? '', /no JSON: .*null/)
    }
  })

  test('every unknown word is named, once each, before what is only odd', () => {
    const problems = checkTemplate('{a1} {b2} {a1} {{values}}', { per: 'record', ...json })
    assert.deepEqual(
      problems.map(({ severity, problem }) => `${severity}: ${problem}`),
      [
        'error: unknown placeholder {a1}',
        'error: unknown placeholder {b2}',
        'warning: {{values}} is sent as the text {values}',
      ],
    )
  })
})

describe('warnings', () => {
  test('no word at all', () => {
    assert.deepEqual(checkTemplate('hello', { per: 'record', ...text }), [
      {
        severity: 'warning',
        problem: 'the template holds no placeholder, so every message is the same',
        hint: `there are ${listOfRecord}`,
      },
    ])
  })

  test('a placeholder as shells and scripts write it', () => {
    assert.deepEqual(checkTemplate('v=${value}', { per: 'point', ...text }), [
      { severity: 'warning', problem: 'the $ before a placeholder is sent, too', hint: 'leave it out' },
    ])
  })

  test('double braces, as other tools write them', () => {
    for (const [written, meant] of [
      ['{{value}}', '{value}'],
      ['{{ value }}', '{value}'],
      ['{{.Value}}', '{value}'],
    ] as const) {
      assert.deepEqual(checkTemplate(`${written} {device}`, { per: 'point', ...text }), [
        {
          severity: 'warning',
          problem: `${written} is sent as the text ${written.slice(1, -1)}`,
          hint: `write ${meant} for what it stands for`,
        },
      ])
    }
  })
})

test('a template that is taken as JSON gives JSON, whatever is read', () => {
  const word = fc.constantFrom('{value}', '"{value}"', '{error}', '"{error}"', '"{device} {point}"', '{ts}', '"{iso}"')
  const anyTemplate = fc
    .array(fc.oneof(word, fc.constantFrom('{device}', '"', 'x', '{"a":1}', '{}', '1')), { minLength: 1, maxLength: 4 })
    .map((parts) => `{"e":{error},"l":[${parts.join(',')}]}`)
  let taken = 0
  fc.assert(
    fc.property(anyTemplate, anyReading, (template, { stored }) => {
      const settings = { type: 'template', template, per: 'point', ...json } as const
      if (checkTemplate(template, settings).length > 0) return
      const pieces = formatOf(settings, { data: 'd/{device}/{point}', event: 'e', result: 'r' }).pieces(stored)
      taken += pieces.length
      for (const { payload } of pieces)
        assert.doesNotThrow(() => JSON.parse(String(payload)), `${template} -> ${payload}`)
    }),
    { numRuns: 300 },
  )
  assert.ok(taken > 0)
})

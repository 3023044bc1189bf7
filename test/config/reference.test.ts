/** The documentation and the examples say what the schema says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { configurationReference, sectionsOf } from '../../scripts/docs/configuration.ts'
import { type JsonSchema, jsonSchema } from '../../src/config/json-schema.ts'
import { loadSettings } from '../../src/config/load.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')

describe('docs/configuration.md', () => {
  test('its reference is the one made from the schema', () => {
    assert.ok(page.includes(configurationReference(jsonSchema())), 'out of date: run npm run docs')
  })

  test('every key of the schema is in the reference', () => {
    const documented = new Set(sectionsOf(jsonSchema()).flatMap((section) => section.options.map((one) => one.key)))
    const missing = [...keysOf(jsonSchema())].filter(
      (key) => ![...documented].some((one) => one === key || one.endsWith(`.${key}`)),
    )
    assert.deepEqual(missing, [])
    assert.ok(documented.size > 60)
  })

  test('the file shown first is examples/small.yaml', () => {
    assert.ok(page.includes(readFileSync(example('small'), 'utf8')))
  })
})

describe('the JSON Schema', () => {
  test('every key says what it is', () => {
    const silent: string[] = []
    visit(jsonSchema(), '', (path, node) => {
      if (path !== '' && node.description === undefined) silent.push(path)
    })
    assert.deepEqual(silent, [])
  })

  test('every default is told in words, for editors', () => {
    const silent: string[] = []
    visit(jsonSchema(), '', (path, node) => {
      if (node.default !== undefined && typeof node.default !== 'object' && !node.description?.includes('Default: '))
        silent.push(path)
    })
    assert.deepEqual(silent, [])
  })
})

describe('examples', () => {
  for (const name of ['small', 'site']) {
    test(`${name}.yaml is valid, without a warning`, () => {
      const { warnings } = loadSettings(example(name), { env: {}, hostname: 'box', serialFolder: '/nonexistent' })
      assert.deepEqual(
        warnings.map((warning) => warning.message),
        [],
      )
    })
  }

  test('the small one has 12 lines', () => {
    assert.equal(readFileSync(example('small'), 'utf8').trimEnd().split('\n').length, 12)
  })
})

function example(name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}.yaml`, import.meta.url))
}

function keysOf(schema: JsonSchema): Set<string> {
  const keys = new Set<string>()
  visit(schema, '', (path) => {
    const key = path.split('.').at(-1)
    if (key) keys.add(key)
  })
  return keys
}

/** Calls back for every node that stands behind a key of the file. */
function visit(node: JsonSchema, path: string, see: (path: string, node: JsonSchema) => void): void {
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    see(`${path}.${key}`.replace(/^\./, ''), value)
    visit(value, `${path}.${key}`, see)
  }
  if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, path, see)
  for (const one of [...(node.oneOf ?? []), ...(node.anyOf ?? [])]) visit(one, path, see)
}

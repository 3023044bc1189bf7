import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { foreignWords } from '../../src/config/foreign-words.ts'
import { type JsonSchema, jsonSchema } from '../../src/config/json-schema.ts'
import { anyOf, editDistance, nearest } from '../../src/config/suggest.ts'

describe('did you mean', () => {
  test('a slip of the finger is found', () => {
    const keys = ['address', 'access', 'unit', 'unit_id', 'interval', 'byte_order']
    assert.equal(nearest('adress', keys), 'address')
    assert.equal(nearest('unti', keys), 'unit')
    assert.equal(nearest('unit-id', keys), 'unit_id')
    assert.equal(nearest('byteOrder', keys), 'byte_order')
    assert.equal(nearest('intervall', keys), 'interval')
  })

  test('the words of other tools are found', () => {
    for (const word of ['slave', 'slave_id', 'device_address', 'unitId'])
      assert.equal(nearest(word, ['unit_id', 'type']), 'unit_id')
    for (const word of ['scan_interval', 'pollPeriod']) assert.equal(nearest(word, ['interval', 'type']), 'interval')
    for (const word of ['float', 'FLOAT32-IEEE', 'f32', '32float', 'Float32', 'real']) {
      assert.equal(nearest(word, ['int16', 'float32', 'float64']), 'float32', word)
    }
    assert.equal(nearest('tags', ['points', 'unit_id']), 'points')
    assert.equal(nearest('tags', ['id', 'labels']), 'labels')
  })

  test('a word that resembles nothing is left alone', () => {
    assert.equal(nearest('colour', ['id', 'labels', 'clock']), undefined)
    assert.equal(nearest('x', ['y', 'z']), undefined)
    assert.equal(nearest('', ['y']), undefined)
    assert.equal(nearest('a'.repeat(100_000), ['address']), undefined)
  })

  test('a swap of neighbours is one slip, not two', () => {
    assert.equal(editDistance('prot', 'port'), 1)
    assert.equal(editDistance('', 'abc'), 3)
    assert.equal(editDistance('same', 'same'), 0)
  })

  test('alternatives read as a sentence', () => {
    assert.equal(anyOf(['none', 'even', 'odd']), 'none, even or odd')
    assert.equal(anyOf(['mqtt']), 'mqtt')
  })

  test('every translation leads to a word of the schema', () => {
    const ours = wordsOf(jsonSchema())
    const lost = [...foreignWords.values()].flat().filter((word) => !ours.has(word))
    assert.deepEqual(lost, [])
  })
})

/** All keys and all words that may be values. */
function wordsOf(node: JsonSchema): Set<string> {
  const words = new Set<string>()
  const visit = (value: unknown, key: string): void => {
    if (typeof value !== 'object' || value === null) return
    if (key === 'properties') for (const name of Object.keys(value)) words.add(name)
    if ('const' in value) words.add(String(value.const))
    if ('enum' in value && Array.isArray(value.enum)) for (const word of value.enum) words.add(String(word))
    for (const [name, inner] of Object.entries(value)) visit(inner, name)
  }
  visit(node, '')
  return words
}

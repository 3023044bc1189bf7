import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topicsOf } from '../../../src/uplink/formats/topics.ts'
import { record } from '../../support/feed.ts'

const templates = { data: 'a/{device}/data', event: 'a/event', result: 'a/command/{key}/result' }

test('each kind has its topic, with the source filled in', () => {
  const topicOf = topicsOf(templates)
  assert.equal(topicOf(record({ kind: 'data', source: 'boiler' })), 'a/boiler/data')
  assert.equal(topicOf(record({ kind: 'event', source: 'boiler' })), 'a/event')
  assert.equal(topicOf(record({ kind: 'outcome', source: 'setpoint' })), 'a/command/setpoint/result')
  assert.equal(topicOf(record({ kind: 'data', source: 'chiller' })), 'a/chiller/data')
})

test('a point has a topic of its own where the template says so', () => {
  const topicOf = topicsOf({ ...templates, data: 'a/{device}/{point}' })
  assert.equal(topicOf(record({ source: 'boiler' }), 'supply_temp'), 'a/boiler/supply_temp')
  assert.equal(topicOf(record({ source: 'boiler' }), 'return_temp'), 'a/boiler/return_temp')
  assert.equal(topicOf(record({ source: 'chiller' }), 'supply_temp'), 'a/chiller/supply_temp')
})

test('names that read the same one behind the other keep their own topics', () => {
  const topicOf = topicsOf({ ...templates, data: '{device}/{point}' })
  assert.equal(topicOf(record({ source: 'ab' }), 'c'), 'ab/c')
  assert.equal(topicOf(record({ source: 'a' }), 'bc'), 'a/bc')
})

test('a source cannot bring wildcards, levels, placeholders or replacement patterns into a topic', () => {
  const topicOf = topicsOf({ ...templates, data: 'a/{device}/{point}' })
  assert.equal(topicOf(record({ source: 'x/#+\0y' }), 'p/q'), 'a/x____y/p_q')
  assert.equal(topicOf(record({ source: "$&$'" }), '$1'), "a/$&$'/$1")
  assert.equal(topicOf(record({ source: '{point}' }), 'p'), 'a/{point}/p')
})

test('topics stay right beyond the number that is remembered', () => {
  const topicOf = topicsOf({ data: '{device}/{point}', event: 'e', result: 'r' })
  for (let index = 0; index < 10_000; index++) {
    assert.equal(topicOf(record({ source: `d${index}` }), 'p'), `d${index}/p`)
  }
})

test('a topic has the levels of its template, whatever the names', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (source, point) => {
      const topic = topicsOf({ ...templates, data: 'a/{device}/{point}/b' })(record({ source }), point)
      assert.equal(topic.split('/').length, 4)
      assert.doesNotMatch(topic, /[+#\0]/)
    }),
  )
})

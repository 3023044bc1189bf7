import assert from 'node:assert/strict'
import { test } from 'node:test'
import { batchText, recordText, topicsOf } from '../../src/uplink/envelope.ts'
import { record } from '../support/feed.ts'

const body = '"device":"boiler","values":{"supply_temp":61.3}'
const common = { idPrefix: 'plant7-gw01/17-3f9a2c/', seq: 184_467, ts: 1_763_683_200_123, body }

test('a data record is its id, its time and its body', () => {
  assert.equal(
    recordText(record(common)),
    '{"id":"plant7-gw01/17-3f9a2c/184467","ts":1763683200123,"device":"boiler","values":{"supply_temp":61.3}}',
  )
})

test('what is only known when sending frames the body: after before it, clock and late behind it', () => {
  assert.equal(
    recordText(record({ ...common, after: 184_460, clockKnown: false, late: true })),
    '{"id":"plant7-gw01/17-3f9a2c/184467","ts":1763683200123,"after":184460,"device":"boiler","values":{"supply_temp":61.3},"clock":"unsynced","late":true}',
  )
})

test('after 0 is written, because it is not the same as none', () => {
  assert.match(recordText(record({ ...common, after: 0 })), /"after":0,/)
})

test('an outcome keeps the id of the command and names the record apart from it', () => {
  const text = recordText(
    record({ ...common, kind: 'outcome', source: 'setpoint', body: '"id":"cmd-7","key":"setpoint"' }),
  )
  assert.deepEqual(JSON.parse(text), {
    record: 'plant7-gw01/17-3f9a2c/184467',
    ts: 1_763_683_200_123,
    id: 'cmd-7',
    key: 'setpoint',
  })
})

test('an event record has the form of a data record', () => {
  assert.match(
    recordText(record({ ...common, kind: 'event', source: '', body: '"event":"started"' })),
    /^\{"id":"plant7/,
  )
})

test('a batch is a JSON array in the order given', () => {
  const batch = batchText([1, 2, 3].map((seq) => record({ ...common, seq })))
  const ids = (JSON.parse(batch) as { id: string }[]).map(({ id }) => id)
  assert.deepEqual(ids, ['plant7-gw01/17-3f9a2c/1', 'plant7-gw01/17-3f9a2c/2', 'plant7-gw01/17-3f9a2c/3'])
})

test('each kind has its topic, with the source filled in', () => {
  const topicOf = topicsOf({ data: 'a/{device}/data', event: 'a/event', result: 'a/command/{key}/result' })
  assert.equal(topicOf(record({ kind: 'data', source: 'boiler' })), 'a/boiler/data')
  assert.equal(topicOf(record({ kind: 'event', source: 'boiler' })), 'a/event')
  assert.equal(topicOf(record({ kind: 'outcome', source: 'setpoint' })), 'a/command/setpoint/result')
  assert.equal(topicOf(record({ kind: 'data', source: 'chiller' })), 'a/chiller/data')
})

test('a source cannot bring wildcards, levels or replacement patterns into a topic', () => {
  const topicOf = topicsOf({ data: 'a/{device}/data', event: 'e', result: 'r' })
  assert.equal(topicOf(record({ source: 'x/#+\0y' })), 'a/x____y/data')
  assert.equal(topicOf(record({ source: "$&$'" })), "a/$&$'/data")
})

test('topics stay right beyond the number that is remembered', () => {
  const topicOf = topicsOf({ data: '{device}', event: 'e', result: 'r' })
  for (let index = 0; index < 10_000; index++) assert.equal(topicOf(record({ source: `d${index}` })), `d${index}`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordText } from '../../../src/uplink/formats/envelope.ts'
import { record } from '../../support/feed.ts'

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

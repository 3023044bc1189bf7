import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cuts } from '../../../../src/uplink/mqtt/opening/cuts.ts'
import type { Closed } from '../../../../src/uplink/transport.ts'

const cut: Closed = { reason: 'cut', detail: 'b:1883 closed the connection without a word', hurry: 'soon' }

const vain = (lastedMs: number) => ({ lastedMs, isAnswered: false })

test('the third short session in a row that is cut without a word is suspicious', () => {
  const cuts = new Cuts()
  assert.deepEqual(cuts.ended(cut, vain(100)), cut)
  assert.deepEqual(cuts.ended({ ...cut, reason: 'tcp' }, vain(30_000)).reason, 'tcp')
  const third = cuts.ended(cut, vain(59_999))
  assert.equal(third.reason, 'cut_again')
  assert.equal(third.hurry, 'soon')
  assert.match(third.detail, /closed the connection without a word, soon after it had taken us in, 3 times in a row$/)
  assert.match(cuts.ended(cut, vain(0)).detail, /4 times/)
})

test('it brings a pause that grows, for some seconds: two gateways with one client id must not throw each other out all day', () => {
  const cuts = new Cuts()
  const pauses = Array.from({ length: 8 }, () => cuts.ended(cut, vain(100)).pauseMinMs)
  assert.deepEqual(pauses, [undefined, undefined, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000])
  const busy = new Cuts()
  const shorter = Array.from({ length: 6 }, () => busy.ended(cut, { lastedMs: 100, isAnswered: true }).pauseMinMs)
  assert.deepEqual(shorter, [undefined, undefined, 2_000, 4_000, 5_000, 5_000], 'data gets through meanwhile')
})

test('a session that lasted, or one that ended for a reason, begins the count anew', () => {
  for (const [closed, lastedMs] of [
    [cut, 60_000],
    [{ reason: 'ack_timeout', detail: 'no acknowledgement', hurry: 'soon' }, 100],
  ] as const) {
    const cuts = new Cuts()
    cuts.ended(cut, vain(0))
    cuts.ended(cut, vain(0))
    assert.deepEqual(cuts.ended(closed, vain(lastedMs)), closed)
    assert.equal(cuts.ended(cut, vain(0)).reason, 'cut')
    assert.equal(cuts.ended(cut, vain(0)).reason, 'cut')
    assert.equal(cuts.ended(cut, vain(0)).reason, 'cut_again')
  }
})

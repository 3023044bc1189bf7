import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import type { Fate, Message } from '../../../src/uplink/transport.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

const accepted = pubackFate(0)
const state = (payload: string): Message => ({ topic: 't/state', payload, retain: true })

function setUp() {
  const clock = new ManualClock()
  const feed = new MemoryFeed()
  const refused: [topic: string, reason: string][] = []
  const sender = new Sender(mqttSettings('mqtt://unused', { window: 2 }), {
    feed,
    clock,
    log: silentLogger,
    random: () => 0.999,
    onNotice({ topic }, fate) {
      if (fate.fate !== 'accepted') refused.push([topic, fate.reason])
    },
  })
  return { sender, feed, clock, session: new ScriptedSession(), refused }
}

const payloads = (session: ScriptedSession) => session.sent.map(({ payload }) => payload)

test('a notice goes before records and counts in the window', async () => {
  const { sender, feed, session } = setUp()
  feed.append(5)
  sender.open(session)
  sender.notice(state('online'))
  await turn()
  assert.equal(session.sent.length, 2)
  assert.equal(session.sent[0]?.payload, 'online')
  assert.equal(sender.inFlight, 2)
})

test('of one topic only the newest is sent, and never two at a time', async () => {
  const { sender, session } = setUp()
  sender.open(session)
  for (const payload of ['1', '2', '3']) sender.notice(state(payload))
  await turn()
  assert.deepEqual(payloads(session), ['3'])
  for (const payload of ['4', '5']) sender.notice(state(payload))
  await turn()
  assert.deepEqual(payloads(session), ['3'])
  session.sent[0]?.answer(accepted)
  await turn()
  assert.deepEqual(payloads(session), ['3', '5'])
})

test('a notice the cloud cannot take now goes again, unless there is a newer one', async () => {
  const { sender, clock, session } = setUp()
  let answer: Fate = pubackFate(0x97)
  session.answers = () => answer
  sender.open(session)
  sender.notice(state('1'))
  await turn()
  answer = accepted
  await clock.pass(2_000)
  assert.deepEqual(payloads(session), ['1', '1'])
})

test('a notice that is refused is told and stands in nobody’s way', async () => {
  const { sender, feed, session, refused } = setUp()
  session.answers = ({ topic }) =>
    topic === 't/state' ? { fate: 'kept', reason: 'not authorized (0x87)', delayMs: 60_000, onlyTopic: true } : accepted
  feed.append(5)
  sender.open(session)
  sender.notice(state('online'))
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(refused, [['t/state', 'not authorized (0x87)']])
})

test('notices of a session that ended are forgotten, and none is taken without one', async () => {
  const { sender, session } = setUp()
  sender.notice(state('too early'))
  sender.open(session)
  await turn()
  sender.notice(state('1'))
  sender.close()
  const second = new ScriptedSession()
  sender.open(second)
  await turn()
  assert.deepEqual(payloads(second), [])
})

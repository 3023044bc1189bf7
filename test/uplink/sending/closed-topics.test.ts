import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import type { Fate } from '../../../src/uplink/transport.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

const accepted = pubackFate(0)
const notAuthorized: Fate = { fate: 'kept', reason: 'not authorized (0x87)', delayMs: 60_000, onlyTopic: true }

function setUp() {
  const clock = new ManualClock()
  const feed = new MemoryFeed()
  const settings = mqttSettings('mqtt://unused', { window: 10 })
  const sender = new Sender(settings, { feed, clock, log: silentLogger, random: () => 0.999 })
  return { sender, feed, clock, session: new ScriptedSession() }
}

test('a topic that is refused waits, and the others go on', async () => {
  const { sender, feed, clock, session } = setUp()
  for (let count = 0; count < 50; count += 1) {
    feed.append(1, { source: 'closed' })
    feed.append(1, { source: 'open' })
  }
  let isOpen = false
  session.answers = ({ topic }) => (topic === 't/closed/data' && !isOpen ? notAuthorized : accepted)
  sender.open(session)
  await turnsUntil(() => feed.pending === 50)
  const tries = session.sent.filter(({ topic }) => topic === 't/closed/data').length
  assert.ok(tries <= 10, `${tries} tries, what was in flight and no more`)
  assert.match(
    sender.problem?.message ?? '',
    /^not authorized \(0x87\) on t\/closed\/data; 50 records wait, next try in 60 s$/,
  )
  await clock.pass(59_000)
  assert.equal(session.sent.filter(({ topic }) => topic === 't/closed/data').length, tries)
  await clock.pass(2_000)
  assert.equal(session.sent.filter(({ topic }) => topic === 't/closed/data').length, tries + 1, 'one probe')
  isOpen = true
  await clock.pass(125_000)
  assert.equal(feed.pending, 0)
  assert.equal(sender.problem, undefined)
  const seqs = session.seqs().flat().slice(-50)
  assert.deepEqual(
    seqs,
    Array.from({ length: 50 }, (_, index) => 2 * index + 1),
    'in order',
  )
})

test('what waits for topics is bounded, then the uplink waits as a whole, and goes on when they open', async () => {
  const { sender, feed, clock, session } = setUp()
  feed.append(12_000, { source: 'closed' })
  feed.append(5, { source: 'open' })
  let isOpen = false
  session.answers = ({ topic }) => (topic === 't/closed/data' && !isOpen ? notAuthorized : accepted)
  sender.open(session)
  await turnsUntil(() => /everything else waits/.test(sender.problem?.message ?? ''))
  assert.equal(feed.pending, 12_005)
  isOpen = true
  await clock.pass(61_000)
  await turnsUntil(() => feed.pending === 0)
})

test('a new session tries every topic at once', async () => {
  const { sender, feed, session } = setUp()
  feed.append(3, { source: 'closed' })
  session.answers = () => notAuthorized
  sender.open(session)
  await turn()
  await turn()
  assert.ok(sender.problem)
  sender.close()
  assert.equal(sender.problem, undefined)
  const second = new ScriptedSession()
  second.answers = () => accepted
  sender.open(second)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(second.seqs().flat(), [1, 2, 3])
})

test('a topic that is rejected for good while it is probed opens the way for the rest', async () => {
  const { sender, feed, clock, session } = setUp()
  feed.append(3, { source: 'closed' })
  let answer: Fate = notAuthorized
  session.answers = () => answer
  sender.open(session)
  await turn()
  answer = { fate: 'rejected', reason: 'topic name invalid (0x90)' }
  await clock.pass(61_000)
  assert.equal(feed.pending, 0)
  assert.equal(feed.rejectedRecords.length, 3)
})

for (const [code, answer] of [
  ['0x97', pubackFate(0x97)],
  ['0x89', pubackFate(0x89)],
  ['0x80', pubackFate(0x80)],
] as const) {
  test(`a probe that is answered ${code} leaves its topic to be tried again, in order`, async () => {
    const { sender, feed, clock, session } = setUp()
    feed.append(5, { source: 'closed' })
    const answers: Fate[] = [...Array.from({ length: 5 }, () => notAuthorized), answer]
    session.answers = () => answers.shift() ?? accepted
    sender.open(session)
    await clock.pass(200_000)
    assert.equal(feed.pending, 0)
    assert.deepEqual(feed.deliveredSeqs, [1, 2, 3, 4, 5])
    assert.equal(sender.problem, undefined)
  })
}

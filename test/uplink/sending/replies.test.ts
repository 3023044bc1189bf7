import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender, type SenderSettings } from '../../../src/uplink/sending/sender.ts'
import type { Fate, Message } from '../../../src/uplink/transport.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { logTo } from '../rig.ts'
import { ScriptedSession } from '../scripted-session.ts'

const accepted = pubackFate(0)
const REPLY = 'asker/answers'
const RESULT = 't/command/pump/result'
const outcome = { kind: 'outcome', source: 'pump', body: '"id":"c-1","state":"applied"' } as const
const answered = { ...outcome, reply: { topic: REPLY, correlation: 'AAH/' } }

function setUp(changes: Partial<SenderSettings> = {}) {
  const clock = new ManualClock()
  const feed = new MemoryFeed()
  const lines: string[] = []
  const settings = { ...mqttSettings('mqtt://unused', { window: 10 }), ...changes }
  const sender = new Sender(settings, { feed, clock, log: logTo(lines), random: () => 0.999 })
  const session = new ScriptedSession()
  const published: Message[] = []
  const answers = (fate: (message: Message) => Fate | undefined) => {
    session.answers = (message) => {
      published.push(message)
      return fate(message)
    }
  }
  const topics = () => published.map(({ topic }) => topic)
  return { sender, feed, clock, session, lines, published, answers, topics }
}

const told = (lines: readonly string[]) => lines.filter((line) => line.includes('response topic'))

test('an outcome goes to its usual topic and, with the correlation data, to whoever asked; it is delivered with both', async () => {
  const { sender, feed, session, published, answers } = setUp()
  answers(({ topic }) => (topic === RESULT ? accepted : undefined))
  feed.append(1, answered)
  sender.open(session)
  await turn()
  await turn()
  assert.deepEqual(
    published.map(({ topic, reply }) => [topic, reply]),
    [
      [RESULT, undefined],
      [REPLY, true],
    ],
  )
  const [result, reply] = published
  assert.equal(reply?.payload, result?.payload)
  assert.deepEqual([...(reply?.properties?.correlationData ?? [])], [0, 1, 255])
  assert.equal(result?.properties?.correlationData, undefined)
  assert.equal(feed.pending, 1, 'delivered before the answer was taken')
  session.sent.at(-1)?.answer(accepted)
  await turnsUntil(() => feed.pending === 0)
})

test('without correlation data the answer carries none', async () => {
  const { sender, feed, session, published, answers } = setUp()
  answers(() => accepted)
  feed.append(1, { ...outcome, reply: { topic: REPLY } })
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.equal(published[1]?.topic, REPLY)
  assert.equal('correlationData' in (published[1]?.properties ?? {}), false)
})

test('nobody is answered over MQTT 3.1.1, nor by a replay; a record that is tried once more is answered', async () => {
  const old = setUp()
  old.session.repliesAvailable = false
  old.answers(() => accepted)
  old.feed.append(1, answered)
  old.sender.open(old.session)
  await turnsUntil(() => old.feed.pending === 0)
  assert.deepEqual(old.topics(), [RESULT])

  const again = setUp()
  again.answers(() => accepted)
  again.feed.append(1, { ...answered, again: 'replay' })
  again.feed.append(1, { ...answered, again: 'retry' })
  again.sender.open(again.session)
  await turnsUntil(() => again.feed.pending === 0)
  assert.deepEqual(again.topics(), [RESULT, RESULT, REPLY])
})

const refusals: readonly (readonly [string, Fate])[] = [
  ['rejected', pubackFate(0x99)],
  ['not allowed on its topic', pubackFate(0x87)],
  ['refused without a reason', pubackFate(0x80)],
]

for (const [how, refusal] of refusals) {
  test(`an answer that is ${how} is given up, said once, and nothing else suffers`, async () => {
    const { sender, feed, session, answers, topics, lines } = setUp()
    answers(({ topic }) => (topic === REPLY ? refusal : accepted))
    for (let count = 0; count < 30; count += 1) {
      feed.append(1, answered)
      feed.append(1)
    }
    sender.open(session)
    // No time passes: there is no pause, and no topic that waits.
    await turnsUntil(() => feed.pending === 0)
    assert.deepEqual(feed.rejectedRecords, [])
    assert.equal(sender.problem, undefined)
    assert.equal(topics().filter((topic) => topic === REPLY).length, 30)
    assert.equal(told(lines).length, 1)
    assert.match(told(lines)[0] ?? '', /^warn the broker does not take results on the response topic asker\/answers: /)
  })
}

test('an answer that is too large only because of its correlation data is given up, in both kinds of delivery', async () => {
  for (const delivery of ['at_least_once', 'at_most_once'] as const) {
    const { sender, feed, session, answers, topics, lines } = setUp({ delivery })
    session.packetBytesMax = 4_000
    session.packetBytes = ({ properties }) => 100 + (properties?.correlationData?.length ?? 0)
    answers(() => accepted)
    feed.append(1, { ...outcome, reply: { topic: REPLY, correlation: 'A'.repeat(8_000) } })
    feed.append(1)
    sender.open(session)
    await turnsUntil(() => feed.pending === 0)
    await turn()
    assert.deepEqual(topics(), [RESULT, 't/d/data'], delivery)
    assert.deepEqual(feed.rejectedRecords, [])
    assert.match(told(lines).join(), /packet too large: 6100 bytes, the broker allows 4000$/)
  }
})

test('a record whose result is rejected is rejected, whatever became of the answer', async () => {
  const { sender, feed, session, answers } = setUp()
  answers(({ topic }) => (topic === REPLY ? accepted : pubackFate(0x99)))
  feed.append(1, answered)
  sender.open(session)
  await turnsUntil(() => feed.rejectedRecords.length === 1)
  assert.deepEqual(feed.deliveredSeqs, [])
})

test('an answer waits for a quota as the records do, but not for ever', async () => {
  const { sender, feed, session, clock, answers, topics } = setUp()
  let isFull = true
  answers(({ topic }) => (topic === REPLY && isFull ? pubackFate(0x97) : accepted))
  feed.append(1, answered)
  sender.open(session)
  await turnsUntil(() => topics().includes(REPLY))
  assert.equal(feed.pending, 1)
  isFull = false
  await clock.pass(2_000)
  assert.equal(feed.pending, 0)
  assert.deepEqual(topics(), [RESULT, REPLY, REPLY])

  isFull = true
  feed.append(1, answered)
  await clock.pass(600_000)
  assert.equal(feed.pending, 0)
  assert.deepEqual(feed.rejectedRecords, [])
  assert.equal(topics().filter((topic) => topic === REPLY).length, 2 + 8)
})

test('a lost session repeats result and answer', async () => {
  const { sender, feed, session, answers, topics } = setUp()
  answers(({ topic }) => (topic === RESULT ? accepted : undefined))
  feed.append(1, answered)
  sender.open(session)
  await turnsUntil(() => topics().length === 2)
  // The result has its answer by then.
  await turn()
  sender.close()
  answers(() => accepted)
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(topics(), [RESULT, REPLY, RESULT, REPLY])
})

test('an answer on a topic that is closed for records neither waits there nor opens it', async () => {
  const { sender, feed, session, answers, topics } = setUp()
  answers(({ topic }) => (topic === 't/closed/data' ? pubackFate(0x87) : accepted))
  feed.append(1, { source: 'closed' })
  feed.append(1, { ...outcome, reply: { topic: 't/closed/data' } })
  sender.open(session)
  await turnsUntil(() => feed.pending === 1)
  assert.match(sender.problem?.message ?? '', /; 1 records wait, /)
  assert.deepEqual(topics(), ['t/closed/data', RESULT, 't/closed/data'])
})

test('with batches the result and the answer go at once, as objects, never compressed', async () => {
  for (const delivery of ['at_least_once', 'at_most_once'] as const) {
    const batch = { recordsMax: 10, bytesMax: 100_000, waitMaxMs: 60_000, gzip: true }
    const { sender, feed, session, published, answers } = setUp({ batch, delivery })
    answers(() => accepted)
    feed.append(1, { ...answered, body: `${outcome.body},"reason":"${'x'.repeat(500)}"` })
    sender.open(session)
    const deadline = Date.now() + 10_000
    while (published.length < 2 && Date.now() < deadline) await turn()
    assert.deepEqual(
      published.map(({ topic, payload }) => [topic, typeof payload]),
      [
        [RESULT, 'string'],
        [REPLY, 'string'],
      ],
      delivery,
    )
    await turnsUntil(() => feed.pending === 0)
  }
})

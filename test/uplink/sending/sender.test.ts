import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender, type SenderSettings } from '../../../src/uplink/sending/sender.ts'
import type { Message } from '../../../src/uplink/transport.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession, seqsIn } from '../scripted-session.ts'

const accepted = pubackFate(0)
function setUp(settings: Partial<SenderSettings> = {}, feed = new MemoryFeed()) {
  const clock = new ManualClock()
  const all = { ...mqttSettings('mqtt://unused'), window: 10, ackTimeoutMs: 30_000, ...settings }
  const sender = new Sender(all, { feed, clock, log: silentLogger, random: () => 0.999 })
  return { sender, feed, clock }
}

const all = (count: number) => Array.from({ length: count }, (_, index) => index + 1)

for (const async of [false, true]) {
  const from = async ? 'the table' : 'memory'
  test(`a backlog from ${from} drains in order, one record a message, the window never exceeded`, async () => {
    const { sender, feed } = setUp({}, new MemoryFeed({ async }))
    feed.append(5_000)
    const session = new ScriptedSession()
    session.answers = () => accepted
    sender.open(session)
    await turnsUntil(() => feed.pending === 0)
    assert.deepEqual(session.seqs().flat(), all(5_000))
    assert.deepEqual(feed.deliveredSeqs, all(5_000))
    assert.equal(session.inFlightMax, 10)
    assert.equal(sender.inFlight, 0)
  })
}

test('the smaller of our window and that of the server holds', async () => {
  const { sender, feed } = setUp({ window: 10 })
  feed.append(100)
  const session = new ScriptedSession()
  session.windowMax = 3
  sender.open(session)
  await turn()
  assert.equal(session.sent.length, 3)
  assert.equal(sender.window, 3)
})

test('records appended later go out at once', async () => {
  const { sender, feed } = setUp()
  const session = new ScriptedSession()
  session.answers = () => accepted
  sender.open(session)
  await turn()
  for (let count = 1; count <= 5; count++) {
    feed.append(1)
    await turn()
    assert.equal(session.sent.length, count)
  }
})

test('nothing more is put into a socket that is full already', async () => {
  const { sender, feed, clock } = setUp()
  feed.append(5)
  const session = new ScriptedSession()
  session.backlog = 2_000_000
  sender.open(session)
  await turn()
  assert.equal(session.sent.length, 0)
  session.backlog = 0
  await clock.pass(1_100)
  assert.equal(session.sent.length, 5)
})

test('payload bytes in flight are bounded, whatever the window', async () => {
  const { sender, feed } = setUp({ window: 1_000 })
  feed.append(40, { body: `"x":"${'x'.repeat(1_000_000)}"` })
  const session = new ScriptedSession()
  sender.open(session)
  for (let round = 0; round < 40; round++) await turn()
  assert.equal(session.sent.length, 9)
})

test('a long backlog leaves the event loop to others between pieces of it', async () => {
  const { sender, feed } = setUp({ window: 60_000 })
  feed.append(20_000)
  const session = new ScriptedSession()
  sender.open(session)
  const counts = new Set<number>()
  await turnsUntil(() => counts.add(session.sent.length) && session.sent.length === 20_000)
  assert.ok(counts.size >= 4, `${counts.size - 1} pieces`)
})

test('what had no answer is sent again, in order, with the next session, and what had one is not', async () => {
  const { sender, feed } = setUp({}, new MemoryFeed({ async: true }))
  feed.append(15)
  const first = new ScriptedSession()
  sender.open(first)
  await turnsUntil(() => first.sent.length === 10)
  for (const index of [0, 1, 4]) first.sent[index]?.answer(accepted)
  sender.close()
  const second = new ScriptedSession()
  second.answers = () => accepted
  sender.open(second)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(second.seqs().flat(), [3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  assert.deepEqual(
    [...feed.deliveredSeqs].sort((a, b) => a - b),
    all(15),
  )
})

test('a session that ends while a page is being read loses nothing and breaks no rule of the feed', async () => {
  const { sender, feed } = setUp({}, new MemoryFeed({ async: true }))
  feed.append(500)
  for (let round = 0; round < 20; round++) {
    const session = new ScriptedSession()
    session.answers = () => accepted
    sender.open(session)
    if (round % 2 === 1) await turn()
    sender.close()
  }
  const last = new ScriptedSession()
  last.answers = () => accepted
  sender.open(last)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(
    [...feed.deliveredSeqs].sort((a, b) => a - b),
    all(500),
  )
})

test('a rejected record is kept apart with the reason, and the others go on', async () => {
  const { sender, feed } = setUp()
  feed.append(30)
  const session = new ScriptedSession()
  session.answers = (message) => (seqOf(message) === 7 ? pubackFate(0x99, 'bad') : accepted)
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(feed.rejectedRecords, [{ seq: 7, reason: 'payload format invalid (0x99), "bad"' }])
  assert.equal(feed.deliveredSeqs.length, 29)
  assert.equal(session.sent.length, 30)
})

test('a record too large for the server is rejected without being sent', async () => {
  const { sender, feed } = setUp()
  feed.append(2)
  feed.append(1, { body: `"x":"${'ü'.repeat(200)}"` })
  feed.append(2)
  const session = new ScriptedSession()
  session.packetBytesMax = 400
  session.answers = () => accepted
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(feed.deliveredSeqs, [1, 2, 4, 5])
  assert.match(feed.rejectedRecords[0]?.reason ?? '', /packet too large: \d{3} bytes, the broker allows 400$/)
})

test('a kept record stops the uplink for the pause, then goes again before anything new', async () => {
  const { sender, feed, clock } = setUp({ window: 2 })
  feed.append(6)
  const session = new ScriptedSession()
  sender.open(session)
  await turn()
  session.sent[0]?.answer(pubackFate(0x97))
  session.sent[1]?.answer(accepted)
  await clock.pass(900)
  assert.equal(session.sent.length, 2)
  assert.match(sender.problem?.message ?? '', /quota exceeded \(0x97\) on t\/d\/data, next try in \d+ s/)
  session.answers = () => accepted
  await clock.pass(200)
  assert.deepEqual(session.seqs().flat(), [1, 2, 1])
  assert.equal(sender.problem, undefined)
  // The quota was met at two messages a second, so now it is one, and a little more every second.
  await clock.pass(3_500)
  assert.deepEqual(session.seqs().flat(), [1, 2, 1, 3, 4, 5, 6])
  assert.equal(feed.pending, 0)
})

test('quota answers shrink the window', async () => {
  const { sender, feed } = setUp({ window: 8 })
  feed.append(8)
  const session = new ScriptedSession()
  sender.open(session)
  await turn()
  for (const { answer } of session.sent) answer(pubackFate(0x97))
  assert.equal(sender.window, 4)
})

test('a record refused eight times without a reason is rejected, after growing pauses', async () => {
  const { sender, feed, clock } = setUp()
  feed.append(3)
  const session = new ScriptedSession()
  session.answers = (message) => (seqOf(message) === 2 ? pubackFate(0x80) : accepted)
  sender.open(session)
  await clock.pass(30_000)
  assert.equal(feed.pending, 1)
  await clock.pass(150_000)
  assert.deepEqual(feed.rejectedRecords, [{ seq: 2, reason: 'unspecified error (0x80), 8 times' }])
  assert.equal(session.sent.length, 10)
})

test('a missing permission keeps the record for ever and asks once a minute at most', async () => {
  const { sender, feed, clock } = setUp()
  feed.append(1)
  const session = new ScriptedSession()
  session.answers = () => pubackFate(0x87)
  sender.open(session)
  await clock.pass(300_000)
  assert.ok(session.sent.length >= 2 && session.sent.length <= 5, `${session.sent.length} tries in five minutes`)
  assert.equal(feed.pending, 1)
  assert.equal(feed.rejectedRecords.length, 0)
})

test('no answer for the timeout while something is in flight closes the session', async () => {
  const { sender, feed, clock } = setUp({ ackTimeoutMs: 5_000 })
  feed.append(20)
  const session = new ScriptedSession()
  sender.open(session)
  await clock.pass(4_000)
  session.sent[0]?.answer(accepted)
  await clock.pass(4_500)
  assert.equal(session.closedBecause?.reason, undefined)
  await clock.pass(2_000)
  assert.equal(session.closedBecause?.reason, 'ack_timeout')
})

test('a message that is never answered while later ones are closes the session', async () => {
  const { sender, feed, clock } = setUp({ ackTimeoutMs: 5_000 })
  const session = new ScriptedSession()
  session.answers = (message) => (seqOf(message) === 3 ? undefined : accepted)
  feed.append(2)
  sender.open(session)
  for (let second = 0; second < 7 && !session.closedBecause; second += 1) {
    feed.append(2)
    await clock.pass(1_000)
  }
  assert.equal(session.closedBecause?.reason, 'ack_timeout')
  assert.match(session.closedBecause?.detail ?? '', /one message has no acknowledgement, though later ones have/)
})

test('an idle session is never closed for want of acknowledgements', async () => {
  const { sender, feed, clock } = setUp({ ackTimeoutMs: 5_000 })
  const session = new ScriptedSession()
  sender.open(session)
  await clock.pass(60_000)
  feed.append(1)
  await clock.pass(4_000)
  assert.equal(session.sent.length, 1)
  assert.equal(session.closedBecause, undefined)
})

test('after the session has closed nothing is in flight and nothing is published any more', async () => {
  const { sender, feed, clock } = setUp()
  feed.append(50)
  const session = new ScriptedSession()
  sender.open(session)
  await turn()
  assert.equal(sender.inFlight, 10)
  sender.close()
  assert.equal(sender.inFlight, 0)
  feed.append(10)
  await clock.pass(100_000)
  assert.equal(session.sent.length, 10)
  assert.equal(session.closedBecause, undefined)
})

function seqOf(message: Message): number | undefined {
  return seqsIn(message.payload.toString())[0]
}

test('answers that state their reason do not count towards giving a record up', async () => {
  const { sender, feed, clock } = setUp({ window: 1 })
  feed.append(1)
  const answers = [...Array.from({ length: 9 }, () => 0x97), 0x80]
  const session = new ScriptedSession()
  session.answers = () => pubackFate(answers.shift() ?? 0)
  sender.open(session)
  await clock.pass(400_000)
  assert.equal(session.sent.length, 11)
  assert.deepEqual(feed.rejectedRecords, [])
  assert.equal(feed.pending, 0)
})

test('rejections that differ in their figures only are one line a minute, and others get their own', async () => {
  const lines: string[] = []
  const log = { ...silentLogger, error: (line: string) => void lines.push(line) }
  const feed = new MemoryFeed()
  const clock = new ManualClock()
  const settings = { ...mqttSettings('mqtt://unused'), window: 10 }
  const sender = new Sender(settings, { feed, clock, log, random: () => 0.999 })
  for (let size = 1; size <= 20; size += 1) feed.append(1, { body: `"n":"${'x'.repeat(300 + size)}"` })
  feed.append(20)
  const session = new ScriptedSession()
  session.packetBytesMax = 300
  let turns = 0
  session.answers = () => ({ fate: 'rejected', reason: turns++ % 2 === 0 ? 'one reason' : 'another reason' })
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.equal(lines.length, 3)
  assert.match(
    lines[0] ?? '',
    /packet too large: \d+ bytes, the broker allows 300 .all of them: tidegate outbox rejected/,
  )
  await clock.pass(61_000)
  feed.append(1)
  await turnsUntil(() => feed.pending === 0)
  assert.equal(lines.length, 4)
})

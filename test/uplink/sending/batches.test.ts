import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import type { BatchSettings } from '../../../src/uplink-settings.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn } from '../manual-clock.ts'
import { ScriptedSession, seqsIn } from '../scripted-session.ts'

const accepted = pubackFate(0)

function setUp(batch: Partial<BatchSettings>, feed = new MemoryFeed()) {
  const clock = new ManualClock()
  const sender = new Sender(
    {
      ...mqttSettings('mqtt://unused'),
      window: 100,
      ackTimeoutMs: 30_000,
      topics: { data: 't/{device}/data', event: 't/event', result: 't/result' },
      batch: { recordsMax: 10, bytesMax: 100_000, waitMaxMs: 200, ...batch },
    },
    { feed, clock, log: silentLogger, random: () => 0.999 },
  )
  const session = new ScriptedSession()
  return { sender, feed, clock, session }
}

const sizes = (session: ScriptedSession) => session.seqs().map(({ length }) => length)

for (const async of [false, true]) {
  test(`a backlog goes in full batches, the rest after the wait (${async ? 'table' : 'memory'})`, async () => {
    const { sender, feed, clock, session } = setUp({}, new MemoryFeed({ async }))
    feed.append(2_503)
    session.answers = () => accepted
    sender.open(session)
    await clock.pass(150)
    assert.equal(feed.pending, 3)
    await clock.pass(100)
    assert.equal(feed.pending, 0)
    assert.deepEqual([...new Set(sizes(session))], [10, 3])
    assert.deepEqual(
      session.seqs().flat(),
      feed.records.map(({ seq }) => seq),
    )
  })
}

test('a batch waits for more, but not longer than max_wait from its first record', async () => {
  const { sender, feed, clock, session } = setUp({ waitMaxMs: 200 })
  sender.open(session)
  await turn()
  for (let count = 0; count < 4; count++) {
    feed.append(1)
    await clock.pass(60)
  }
  assert.deepEqual(sizes(session), [4])
})

test('without a wait every record that is alone goes alone', async () => {
  const { sender, feed, session } = setUp({ waitMaxMs: 0 })
  sender.open(session)
  for (let count = 0; count < 3; count++) {
    feed.append(1)
    await turn()
  }
  assert.deepEqual(sizes(session), [1, 1, 1])
  assert.match(session.sent[0]?.payload ?? '', /^\[\{.*\}\]$/)
})

test('devices read in turn fill a batch each, and each topic keeps its order', async () => {
  const { sender, feed, clock, session } = setUp({})
  feed.append(3, { source: 'a' })
  feed.append(2, { source: 'b' })
  feed.append(1, { source: '', kind: 'event', body: '"event":"x"' })
  feed.append(2, { source: 'a' })
  sender.open(session)
  await clock.pass(300)
  assert.deepEqual(
    session.sent.map(({ topic, payload }) => [topic, seqsIn(payload)]),
    [
      ['t/event', [6]],
      ['t/a/data', [1, 2, 3, 7, 8]],
      ['t/b/data', [4, 5]],
    ],
  )
})

test('a batch stays below its bytes and below what the server takes', async () => {
  for (const [bytesMax, packetBytesMax] of [
    [400, 100_000],
    [100_000, 912],
  ] as const) {
    const { sender, feed, clock, session } = setUp({ bytesMax })
    session.packetBytesMax = packetBytesMax
    feed.append(50)
    sender.open(session)
    await clock.pass(300)
    assert.equal(session.seqs().flat().length, 50)
    for (const { payload } of session.sent) assert.ok(payload.length <= 400, `${payload.length} bytes`)
    assert.ok(sizes(session).every((size, index) => size >= 4 || index === session.sent.length - 1))
  }
})

test('a rejected batch goes again one by one, and only the guilty record is rejected', async () => {
  const { sender, feed, clock, session } = setUp({})
  feed.append(20)
  session.answers = ({ payload }) => (seqsIn(payload.toString()).includes(7) ? pubackFate(0x99) : accepted)
  sender.open(session)
  await clock.pass(300)
  assert.equal(feed.pending, 0)
  assert.deepEqual(feed.rejectedRecords, [{ seq: 7, reason: 'payload format invalid (0x99)' }])
  assert.equal(feed.deliveredSeqs.length, 19)
  assert.deepEqual(sizes(session), [10, 10, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1])
})

test('a record larger than a batch may be goes alone', async () => {
  const { sender, feed, clock, session } = setUp({ bytesMax: 300 })
  feed.append(2)
  feed.append(1, { body: `"x":"${'x'.repeat(1_000)}"` })
  feed.append(2)
  sender.open(session)
  await clock.pass(300)
  assert.deepEqual(session.seqs(), [[1, 2], [3], [4, 5]])
})

test('an unfinished batch is not lost with its session', async () => {
  const { sender, feed, clock, session } = setUp({})
  feed.append(5)
  sender.open(session)
  await clock.pass(50)
  sender.close()
  const next = new ScriptedSession()
  sender.open(next)
  await clock.pass(300)
  assert.deepEqual(next.seqs(), [[1, 2, 3, 4, 5]])
})

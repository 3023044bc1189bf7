import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

const accepted = pubackFate(0)

function setUp(feed: MemoryFeed, settings: Parameters<typeof mqttSettings>[1] = {}) {
  const clock = new ManualClock()
  const all = mqttSettings('mqtt://unused', { window: 10, order: 'live_first', ...settings })
  const sender = new Sender(all, { feed, clock, log: silentLogger, random: () => 0.999 })
  return { sender, clock, session: new ScriptedSession() }
}

test('fresh records go first, and the backlog has one message in five', async () => {
  const feed = new MemoryFeed({ async: true, liveFirst: true })
  const { sender, session } = setUp(feed)
  feed.append(1_000)
  sender.open(session)
  await turn()
  feed.append(100)
  await turnsUntil(() => session.inFlight === 10)
  session.answers = () => accepted
  for (const { answer } of session.sent.slice()) answer(accepted)
  await turnsUntil(() => session.seqs().flat().includes(1_100))
  const seqs = session.seqs().flat()
  const whileFresh = seqs.slice(10, seqs.indexOf(1_100) + 1)
  const backlog = whileFresh.filter((seq) => seq <= 1_000)
  const live = whileFresh.filter((seq) => seq > 1_000)
  assert.deepEqual(
    live,
    [...live].sort((a, b) => a - b),
    'the live lane is in order',
  )
  assert.ok(
    Math.abs(backlog.length - live.length / 4) <= 2,
    `${backlog.length} of the backlog for ${live.length} fresh`,
  )
  await turnsUntil(() => feed.pending === 0)
})

test('without fresh records the backlog has all of it, in order', async () => {
  const feed = new MemoryFeed({ async: true, liveFirst: true })
  const { sender, session } = setUp(feed)
  feed.append(3_000)
  session.answers = () => accepted
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(
    session.seqs().flat(),
    Array.from({ length: 3_000 }, (_, index) => index + 1),
  )
})

test('what was fresh and had no answer when the session ended is backlog in the next one', async () => {
  const feed = new MemoryFeed({ liveFirst: true })
  const { sender, session } = setUp(feed)
  sender.open(session)
  await turn()
  feed.append(5)
  await turn()
  session.sent[1]?.answer(accepted)
  await turn()
  sender.close()
  const second = new ScriptedSession()
  second.answers = () => accepted
  sender.open(second)
  await turn()
  feed.append(1)
  await turnsUntil(() => feed.pending === 0)
  assert.deepEqual(second.seqs().flat(), [1, 3, 4, 5, 6])
})

test('a batch of a rare topic does not wait until the others are done', async () => {
  const feed = new MemoryFeed()
  const batch = { recordsMax: 10, bytesMax: 100_000, waitMaxMs: 200 }
  const { sender, clock, session } = setUp(feed, { order: 'oldest_first', batch, window: 1 })
  feed.append(1, { source: 'rare' })
  feed.append(1_000_000 / 50)
  session.answers = () => accepted
  sender.open(session)
  await clock.pass(1_100)
  assert.ok(feed.pending > 0, 'the rest is still on its way')
  await turnsUntil(() => session.sent.some(({ topic }) => topic === 't/rare/data'))
  assert.ok(feed.pending > 0, 'it went before the rest was done')
})

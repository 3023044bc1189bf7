import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../../src/log.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turn, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

function setUp(feed: MemoryFeed, settings: Parameters<typeof mqttSettings>[1] = {}) {
  const clock = new ManualClock()
  const all = mqttSettings('mqtt://unused', { window: 10, delivery: 'at_most_once', ...settings })
  const sender = new Sender(all, { feed, clock, log: silentLogger, random: () => 0.999 })
  return { sender, clock, session: new ScriptedSession() }
}

for (const order of ['oldest_first', 'live_first'] as const) {
  test(`at most once, ${order}: a record is settled before it is sent, and sent once over any number of sessions`, async () => {
    const feed = new MemoryFeed({ async: true, liveFirst: order === 'live_first' })
    const { sender, session } = setUp(feed, { order })
    feed.append(1_000)
    const sent: number[] = []
    for (let round = 0; round < 4; round += 1) {
      const next = round === 0 ? session : new ScriptedSession()
      // The socket is full after so many bytes: the rest is settled and not written yet.
      const publish = next.publish.bind(next)
      next.publish = (message, onFate) => {
        const seq = Number(/\/(\d+)"/.exec(String(message.payload))?.[1])
        assert.ok(feed.spentSeqs.includes(seq), `${seq} was sent before it was settled`)
        assert.equal(message.qos, 0)
        sent.push(seq)
        next.backlog += 5_000
        publish(message, onFate)
      }
      sender.open(next)
      await turn()
      feed.append(50)
      await turnsUntil(() => next.backlog >= 1_048_576)
      sender.close()
    }
    assert.equal(new Set(sent).size, sent.length, 'nothing twice')
    const ahead = feed.spentSeqs.length - sent.length
    assert.ok(ahead >= 0 && ahead <= 256, `${ahead} settled and not sent`)
    assert.equal(sender.inFlight, 0)
  })
}

test('at most once: the window of the server does not count, for nobody answers', async () => {
  const feed = new MemoryFeed()
  const { sender, session } = setUp(feed)
  session.windowMax = 1
  feed.append(300)
  sender.open(session)
  await turnsUntil(() => session.sent.length === 300)
})

test('at most once: the pace lets out what is settled, and nothing is settled that must wait', async () => {
  const feed = new MemoryFeed()
  const { sender, clock, session } = setUp(feed, { pace: { messagesPerSecond: 1 } })
  feed.append(100)
  sender.open(session)
  await clock.pass(5_100)
  assert.ok(session.sent.length >= 5 && session.sent.length <= 7, `${session.sent.length} sent`)
  assert.equal(feed.spentSeqs.length, session.sent.length)
})

test('at most once: a stop waits until what is being settled is sent', async () => {
  const feed = new MemoryFeed()
  const { sender, session } = setUp(feed)
  let durable: () => void = () => {}
  feed.spend = async (records) => {
    feed.spentSeqs.push(...records.map(({ seq }) => seq))
    await new Promise<void>((resolve) => {
      durable = resolve
    })
  }
  feed.append(3)
  sender.open(session)
  await turnsUntil(() => feed.spentSeqs.length === 3)
  const finished = sender.finish()
  feed.append(3)
  await turn()
  assert.equal(session.sent.length, 0)
  durable()
  await finished
  assert.deepEqual(session.seqs().flat(), [1, 2, 3])
  assert.equal(feed.spentSeqs.length, 3, 'nothing more is taken')
})

test('at most once: a stop ends although the disk takes nothing, and a disk that fails is asked again', async () => {
  const feed = new MemoryFeed()
  const { sender, clock, session } = setUp(feed)
  let tries = 0
  feed.spend = (records) => {
    tries += 1
    if (tries === 1) return Promise.reject(new Error('disk I/O error'))
    feed.spentSeqs.push(...records.map(({ seq }) => seq))
    return tries === 2 ? Promise.resolve() : new Promise(() => {})
  }
  feed.append(3)
  sender.open(session)
  await clock.pass(3_000)
  assert.deepEqual(session.seqs().flat(), [1, 2, 3])
  feed.append(1)
  await clock.pass(100)
  assert.equal(tries, 3)
  const finished = sender.finish()
  await clock.pass(2_100)
  await finished
})

test('at most once: the points of one record go together, also when the socket is full', async () => {
  const feed = new MemoryFeed()
  const settings = {
    format: { type: 'json-flat' },
    topics: { data: 't/{device}/{point}', event: 't/event', result: 't/result' },
  } as const
  const { sender, session } = setUp(feed, settings)
  feed.append(3, { body: '"device":"d","values":{"a":1,"b":2,"c":3}' })
  const publish = session.publish.bind(session)
  session.publish = (message, onFate) => {
    session.backlog = 2_000_000
    publish(message, onFate)
  }
  sender.open(session)
  await turnsUntil(() => session.sent.length > 0)
  await sender.finish()
  assert.equal(session.sent.length, 3 * feed.spentSeqs.length)
})

test('at most once: nothing is settled or written while the session is closing', async () => {
  const feed = new MemoryFeed()
  const { sender, clock, session } = setUp(feed)
  sender.open(session)
  await turn()
  session.closedBecause = { reason: 'command_flood', detail: '', hurry: 'soon' }
  feed.append(500)
  await clock.pass(1_000)
  assert.equal(feed.spentSeqs.length, 0)
})

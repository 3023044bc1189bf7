import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { silentLogger } from '../../../src/log.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Pace } from '../../../src/uplink/sending/pace.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import { MemoryFeed } from '../../support/feed.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

/** Sends as fast as the pace allows for so long; gives the times. */
function sendFor(ms: number, pace: Pace, options: { bytes: number; from?: number; max?: number }): number[] {
  const times: number[] = []
  const from = options.from ?? 1_000
  let now = from
  while (now < from + ms && times.length < (options.max ?? 100_000)) {
    const wait = pace.waitMs(now)
    if (wait === 0) {
      pace.sent(options.bytes, now)
      times.push(now)
    } else now += wait
  }
  return times
}

test('without settings there is no limit', () => {
  const pace = new Pace()
  assert.equal(sendFor(1, pace, { bytes: 1_000_000, max: 5_000 }).length, 5_000)
})

test('in any window of n seconds go at most n + 1 seconds worth of messages and bytes', () => {
  const settings = fc.record({
    messagesPerSecond: fc.double({ min: 0.2, max: 200, noNaN: true }),
    bytesPerSecond: fc.double({ min: 100, max: 100_000, noNaN: true }),
  })
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 500 }), (limits, bytes) => {
      const times = sendFor(20_000, new Pace(limits), { bytes })
      for (let first = 0; first < times.length; first += 7) {
        const from = times[first] ?? 0
        for (const seconds of [1, 3, 10]) {
          const count = times.filter((at) => at >= from && at < from + seconds * 1_000).length
          const allowed = Math.max(1, limits.messagesPerSecond) + limits.messagesPerSecond * seconds
          assert.ok(count <= allowed + 1, `${count} messages in ${seconds} s, ${limits.messagesPerSecond}/s allowed`)
          const allowedBytes = limits.bytesPerSecond * (seconds + 1) + bytes
          assert.ok(count * bytes <= allowedBytes + 1, `${count * bytes} bytes in ${seconds} s`)
        }
      }
      const least = Math.min(limits.messagesPerSecond, limits.bytesPerSecond / bytes) * 20
      assert.ok(times.length >= Math.floor(least * 0.9), `${times.length} messages in 20 s, ${least} were possible`)
    }),
    { numRuns: 60 },
  )
})

test('a quota answer halves what was sent lately, once a second, and the pace grows back to what is configured', () => {
  const pace = new Pace({ messagesPerSecond: 100 })
  const times = sendFor(2_000, pace, { bytes: 10 })
  const last = times.at(-1) ?? 0
  pace.tooMuch(last)
  pace.tooMuch(last)
  const learnt = pace.messagesPerSecond(last)
  assert.ok(learnt <= 51 && learnt >= 40, `${learnt}/s after one quota answer`)
  pace.tooMuch(last + 1_500)
  assert.ok(pace.messagesPerSecond(last + 1_500) < learnt)
  assert.equal(pace.messagesPerSecond(last + 60_000), 100)
})

test('without a configured pace, one that was learnt is forgotten when it was outgrown', () => {
  const pace = new Pace()
  for (let count = 0; count < 400; count += 1) pace.sent(10, 5_000 + count)
  pace.tooMuch(5_400)
  assert.equal(pace.messagesPerSecond(5_400), 200)
  assert.ok(pace.messagesPerSecond(7_400) < 400)
  assert.equal(pace.messagesPerSecond(60_000), Number.POSITIVE_INFINITY)
  assert.equal(pace.waitMs(60_000), 0)
})

test('the sender keeps the pace, and sends on by itself', async () => {
  const clock = new ManualClock()
  const feed = new MemoryFeed()
  const settings = mqttSettings('mqtt://unused', { window: 100, pace: { messagesPerSecond: 10 } })
  const sender = new Sender(settings, { feed, clock, log: silentLogger, random: () => 0.5 })
  const session = new ScriptedSession()
  session.answers = () => pubackFate(0)
  feed.append(50)
  sender.open(session)
  await clock.pass(1_000)
  assert.ok(session.sent.length >= 18 && session.sent.length <= 21, `${session.sent.length} in the first second`)
  await clock.pass(3_100)
  assert.equal(feed.pending, 0)
})

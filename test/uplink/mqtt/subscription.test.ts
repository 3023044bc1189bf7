import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Subscription } from '../../../src/uplink/mqtt/subscription.ts'
import { until } from '../../support/until.ts'

/** Answers each question with the next of `answers`, and the last one for ever. */
function asking(answers: readonly (number | Error)[]) {
  const asked: string[] = []
  const ask = async (filter: string) => {
    asked.push(filter)
    const answer = answers[Math.min(asked.length, answers.length) - 1] ?? 0
    if (answer instanceof Error) throw answer
    return answer
  }
  return { asked, ask }
}

test('a subscription that is granted is asked for once', async (t) => {
  const { asked, ask } = asking([1])
  const subscription = new Subscription('cmd/+', { ask, againAfterMs: 1 })
  t.after(() => subscription.over())
  await subscription.begin()
  assert.deepEqual(asked, ['cmd/+'])
  assert.deepEqual(subscription.shortfalls, [])
})

test('one that is refused is a shortfall, asked for again until it is granted', async (t) => {
  const { asked, ask } = asking([0x87, 0x80, new Error('Connection closed'), 1])
  const subscription = new Subscription('cmd/+', { ask, againAfterMs: 1 })
  t.after(() => subscription.over())
  await subscription.begin()
  const reasons = new Set<string>()
  await until(
    () => {
      for (const { reason } of subscription.shortfalls) reasons.add(reason)
      return subscription.shortfalls.length === 0
    },
    { what: 'the subscription' },
  )
  assert.ok(reasons.has('subscribe_135'))
  assert.equal(asked.length, 4)
})

test('one that is granted at QoS 0 only is told, and kept', async (t) => {
  const { asked, ask } = asking([0])
  const subscription = new Subscription('cmd/+', { ask, againAfterMs: 1 })
  t.after(() => subscription.over())
  await subscription.begin()
  assert.deepEqual(
    subscription.shortfalls.map(({ reason }) => reason),
    ['subscribe_qos_0'],
  )
  assert.equal(asked.length, 1)
})

test('one that waits because it ended connections is a shortfall until then', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { asked, ask } = asking([1])
  const subscription = new Subscription('cmd/+', { ask })
  subscription.beginIn(60_000)
  assert.deepEqual(
    subscription.shortfalls.map(({ reason }) => reason),
    ['subscribe_cut'],
  )
  t.mock.timers.tick(59_999)
  assert.deepEqual(asked, [])
  t.mock.timers.tick(1)
  await new Promise(setImmediate)
  assert.deepEqual(asked, ['cmd/+'])
  assert.deepEqual(subscription.shortfalls, [])
})

test('nothing is asked any more when the connection is gone', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { asked, ask } = asking([0x87])
  const subscription = new Subscription('cmd/+', { ask })
  await subscription.begin()
  t.mock.timers.tick(180_000)
  await new Promise(setImmediate)
  assert.equal(asked.length, 2)
  subscription.over()
  t.mock.timers.tick(3_600_000)
  assert.equal(asked.length, 2)
})

test('an answer that comes when the connection is gone brings no further question', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { asked, ask } = asking([0x87])
  const subscription = new Subscription('cmd/+', { ask })
  const begun = subscription.begin()
  subscription.over()
  await begun
  t.mock.timers.tick(3_600_000)
  assert.equal(asked.length, 1)
})

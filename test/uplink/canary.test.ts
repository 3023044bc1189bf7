import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Canary, type CanarySettings } from '../../src/uplink/canary.ts'
import type { Delivery, Message } from '../../src/uplink/transport.ts'
import { ManualClock } from './manual-clock.ts'

const SETTINGS: CanarySettings = {
  topic: 'cmd/gw/canary',
  everyMs: 60_000,
  subscribe: '$queue/cmd-gw',
  key: { from: 'user-property', name: 'key' },
}

function rig(settings: Partial<CanarySettings> = {}, random = 0.5) {
  const clock = new ManualClock()
  const sent: Message[] = []
  const canary = new Canary(
    { ...SETTINGS, ...settings },
    { clock, random: () => random, publish: (message) => sent.push(message) },
  )
  return { clock, sent, canary }
}

/** Its shortfall as it is now. */
const found = (canary: Canary) => canary.shortfall

function delivery(topic: string, payload: string): Delivery & { confirmed: number } {
  return {
    topic,
    payload: Buffer.from(payload),
    retained: false,
    userProperties: {},
    duplicate: false,
    confirmed: 0,
    confirm() {
      this.confirmed += 1
    },
  }
}

const back = (message: Message | undefined) => delivery(message?.topic ?? '', String(message?.payload))

describe('the canary', () => {
  test('is sent with each session and then in its interval, each one another', () => {
    const { clock, sent, canary } = rig()
    canary.look()
    assert.equal(sent.length, 0, 'without a session')
    canary.open()
    assert.deepEqual(sent[0], {
      topic: 'cmd/gw/canary',
      payload: '{"canary":"80000000-1"}',
      properties: { user: { key: 'canary' } },
    })
    canary.receive(back(sent[0]))
    clock.jump(59_999)
    canary.look()
    assert.equal(sent.length, 1)
    clock.jump(1)
    canary.look()
    assert.equal(sent[1]?.payload, '{"canary":"80000000-2"}')
  })

  test('has no user property where the key is found elsewhere', () => {
    const { sent, canary } = rig({ key: { from: 'topic', level: -1 } })
    canary.open()
    assert.equal(sent[0]?.properties, undefined)
  })

  test('is confirmed when it comes back, and is no command', () => {
    const { sent, canary } = rig()
    canary.open()
    const ours = back(sent[0])
    assert.equal(canary.receive(ours), true)
    assert.equal(ours.confirmed, 1)
  })

  test('leaves everything else to the inbox', () => {
    const { sent, canary } = rig()
    canary.open()
    for (const other of [
      delivery('cmd/gw/setpoint', String(sent[0]?.payload)),
      delivery('cmd/gw/canary', '{"id":"x","value":1}'),
      delivery('cmd/gw/canary', '55'),
    ]) {
      assert.equal(canary.receive(other), false)
      assert.equal(other.confirmed, 0)
    }
  })

  test('that does not come back within the interval is a shortfall, until one does', () => {
    const { clock, sent, canary } = rig()
    canary.open()
    clock.jump(60_000)
    canary.look()
    assert.equal(found(canary)?.reason, 'canary_lost')
    assert.match(
      found(canary)?.detail ?? '',
      /the canary sent to cmd\/gw\/canary did not come back over \$queue\/cmd-gw within 60 s/,
    )
    canary.receive(back(sent[0]))
    assert.ok(found(canary), 'that was the one before')
    canary.receive(back(sent[1]))
    assert.equal(found(canary), undefined)
  })

  test('of another run of the agent is confirmed, but proves nothing', () => {
    const { clock, canary } = rig()
    const other = rig({}, 0.25)
    other.canary.open()
    canary.open()
    const strange = back(other.sent[0])
    assert.equal(canary.receive(strange), true)
    assert.equal(strange.confirmed, 1)
    clock.jump(60_000)
    canary.look()
    assert.equal(found(canary)?.reason, 'canary_lost')
  })

  test('that the server refuses says nothing about the queue, and says so', () => {
    const { clock, sent, canary } = rig()
    canary.open()
    canary.answered({ topic: 'r/info', payload: '' }, { fate: 'rejected', reason: 'not authorized (0x87)' })
    assert.ok(!found(canary), 'that was another message')
    if (sent[0]) canary.answered(sent[0], { fate: 'rejected', reason: 'not authorized (0x87)' })
    assert.equal(found(canary)?.reason, 'canary_refused')
    assert.match(found(canary)?.detail ?? '', /on cmd\/gw\/canary: not authorized \(0x87\)$/)
    clock.jump(60_000)
    canary.look()
    assert.equal(found(canary)?.reason, 'canary_refused')
    if (sent[1]) canary.answered(sent[1], { fate: 'accepted' })
    canary.receive(back(sent[1]))
    assert.equal(found(canary), undefined)
  })

  test('that was on its way when the session ended is not missed', () => {
    const { clock, canary } = rig()
    canary.open()
    canary.close()
    clock.jump(120_000)
    canary.look()
    assert.equal(found(canary), undefined)
    canary.open()
    assert.equal(found(canary), undefined)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OFFLINE, ONLINE, Surface, type SurfaceContent } from '../../src/uplink/surface.ts'
import type { Fate, Message } from '../../src/uplink/transport.ts'
import type { SurfaceSettings } from '../../src/uplink-settings.ts'
import { ManualClock, turn } from './manual-clock.ts'

const TOPICS = {
  state: 'r/state',
  info: 'r/info',
  health: { topic: 'r/health', everyMs: 300_000 },
  devices: 'r/devices',
  availability: 'r/{device}/availability',
}
const ACCEPTED: Fate = { fate: 'accepted' }
const REFUSED: Fate = { fate: 'rejected', reason: 'not authorized (0x87)' }

/** A surface whose content and answers the test gives. */
function rig(topics: SurfaceSettings = TOPICS, devices?: readonly string[]) {
  const clock = new ManualClock()
  const sent: Message[] = []
  const now = { health: '{"h":1}', verdicts: 'good' }
  const made = { info: 0, devices: 0 }
  const online = '{"state":"online"}'
  const states = new Map([
    ['a', online],
    ['b/1', online],
  ])
  const content: SurfaceContent = {
    info: () => {
      made.info += 1
      return '{"n":1}'
    },
    devices: (names) => {
      made.devices += 1
      return JSON.stringify(names ?? 'all')
    },
    health: () => now.health,
    verdicts: () => now.verdicts,
    availability: () => [...states].map(([device, text]) => ({ device, text })),
  }
  const surface = new Surface(topics, { content, devices, clock, publish: (message) => sent.push(message) })
  const taken = () => sent.splice(0).map(({ topic, payload }) => `${topic} ${payload}`)
  const answer = (fate: Fate) => {
    for (const message of sent.splice(0)) surface.answered(message, fate)
  }
  return { clock, sent, now, made, states, surface, taken, answer }
}

describe('what a session begins with', () => {
  test('everything there is to tell, retained', () => {
    const { surface, sent } = rig()
    surface.open({ retainAvailable: true })
    assert.deepEqual(
      sent.map(({ topic, payload, retain }) => [topic, payload, retain]),
      [
        ['r/state', ONLINE, true],
        ['r/devices', '"all"', true],
        ['r/info', '{"n":1}', true],
        ['r/a/availability', '{"state":"online"}', true],
        ['r/b_1/availability', '{"state":"online"}', true],
        ['r/health', '{"h":1}', true],
      ],
    )
  })

  test('the same again with the next session, not retained where the server cannot', () => {
    const { surface, sent } = rig()
    surface.open({ retainAvailable: true })
    surface.answered({ topic: 'r/state', payload: ONLINE }, ACCEPTED)
    surface.close()
    sent.length = 0
    surface.open({ retainAvailable: false })
    assert.equal(sent.length, 6)
    assert.ok(sent.every(({ retain }) => retain === false))
  })

  test('what cannot change while the agent runs is made once a session, however often one looks', () => {
    const { surface, made } = rig()
    surface.open({ retainAvailable: true })
    surface.look()
    surface.look()
    assert.deepEqual(made, { info: 1, devices: 1 })
    surface.close()
    surface.open({ retainAvailable: true })
    assert.deepEqual(made, { info: 2, devices: 2 })
  })

  test('nothing of what is switched off', () => {
    const { surface, taken } = rig({ info: 'r/info' })
    surface.open({ retainAvailable: true })
    assert.deepEqual(taken(), ['r/info {"n":1}'])
    const silent = rig({})
    silent.surface.open({ retainAvailable: true })
    assert.deepEqual(silent.taken(), [])
  })

  test('only devices that the uplink wants', () => {
    const { surface, taken } = rig({ devices: 'r/devices', availability: 'r/{device}/availability' }, ['a'])
    surface.open({ retainAvailable: true })
    assert.deepEqual(taken(), ['r/devices ["a"]', 'r/a/availability {"state":"online"}'])
  })
})

describe('what comes later', () => {
  test('only what changed, and nothing without a session', () => {
    const { surface, states, taken } = rig()
    surface.look()
    assert.deepEqual(taken(), [])
    surface.open({ retainAvailable: true })
    taken()
    surface.look()
    assert.deepEqual(taken(), [])
    states.set('a', '{"state":"offline","reason":"timeout"}')
    surface.look()
    assert.deepEqual(taken(), ['r/a/availability {"state":"offline","reason":"timeout"}'])
    surface.close()
    states.set('a', '{"state":"online"}')
    surface.look()
    assert.deepEqual(taken(), [])
  })

  test('health comes in its interval, and when a verdict changed, but not with every flutter', async () => {
    const { clock, surface, now, taken } = rig({ health: TOPICS.health })
    surface.open({ retainAvailable: true })
    assert.deepEqual(taken(), ['r/health {"h":1}'])
    now.health = '{"h":2}'
    now.verdicts = 'bad'
    await clock.pass(1_000)
    surface.look()
    assert.deepEqual(taken(), [], 'the last one is a second old')
    await clock.pass(4_000)
    surface.look()
    assert.deepEqual(taken(), ['r/health {"h":2}'])
    now.health = '{"h":3}'
    clock.jump(299_000)
    surface.look()
    assert.deepEqual(taken(), [], 'numbers alone wait for the interval')
    await clock.pass(1_000)
    surface.look()
    assert.deepEqual(taken(), ['r/health {"h":3}'])
  })
})

describe('leaving on purpose', () => {
  test('waits until the server has taken it', async () => {
    const { surface, sent, taken, answer } = rig()
    surface.open({ retainAvailable: true })
    answer(ACCEPTED)
    let isHeard: boolean | undefined
    const leaving = surface.leave(2_000).then((heard) => {
      isHeard = heard
    })
    await turn()
    assert.equal(isHeard, undefined)
    surface.look()
    assert.deepEqual(
      sent.map(({ topic, payload }) => `${topic} ${payload}`),
      [`r/state ${OFFLINE}`],
    )
    answer(ACCEPTED)
    await leaving
    assert.equal(isHeard, true)
    assert.deepEqual(taken(), [])
  })

  test('but not for ever, and the answer to an older word is not meant', async () => {
    const { clock, surface, sent } = rig({ state: 'r/state' })
    surface.open({ retainAvailable: true })
    let isHeard: boolean | undefined
    const leaving = surface.leave(2_000).then((heard) => {
      isHeard = heard
    })
    surface.answered({ topic: 'r/state', payload: ONLINE }, ACCEPTED)
    await clock.pass(1_990)
    assert.equal(isHeard, undefined)
    assert.equal(sent.length, 2)
    await clock.pass(20)
    await leaving
    assert.equal(isHeard, false)
  })

  test('is not heard without a session, when it ends meanwhile, and by a server that refuses it', async () => {
    const { surface } = rig()
    assert.equal(await surface.leave(2_000), false)
    surface.open({ retainAvailable: true })
    const leaving = surface.leave(2_000)
    surface.close()
    assert.equal(await leaving, false)
    const refusing = rig({ state: 'r/state' })
    refusing.surface.open({ retainAvailable: true })
    refusing.answer(ACCEPTED)
    const refused = refusing.surface.leave(2_000)
    refusing.answer(REFUSED)
    assert.equal(await refused, false)
  })

  test('has nothing to say where the topic is switched off', async () => {
    const { surface, taken } = rig({ info: 'r/info' })
    surface.open({ retainAvailable: true })
    taken()
    assert.equal(await surface.leave(2_000), true)
    assert.deepEqual(taken(), [])
  })
})

describe('a server that does not take it', () => {
  test('is said in one sentence, and the topic is left alone for some minutes', () => {
    const { clock, surface, states, taken, answer } = rig()
    surface.open({ retainAvailable: true })
    answer(REFUSED)
    const { reason, detail, hint } = surface.shortfall ?? {}
    assert.equal(reason, 'surface_refused')
    assert.match(detail ?? '', /on r\/state, r\/devices, r\/info and 3 more: not authorized \(0x87\)$/)
    assert.match(hint ?? '', /records are not affected/)
    states.set('a', '{"state":"offline"}')
    surface.look()
    assert.deepEqual(taken(), [])
    clock.jump(300_000)
    surface.look()
    assert.deepEqual(taken(), [
      `r/state ${ONLINE}`,
      'r/devices "all"',
      'r/info {"n":1}',
      'r/a/availability {"state":"offline"}',
      'r/b_1/availability {"state":"online"}',
      'r/health {"h":1}',
    ])
  })

  test('is forgiven as soon as it takes it', () => {
    const { clock, surface, answer } = rig({ info: 'r/info' })
    surface.open({ retainAvailable: true })
    answer(REFUSED)
    clock.jump(300_000)
    surface.look()
    assert.ok(surface.shortfall)
    answer(ACCEPTED)
    assert.equal(surface.shortfall, undefined)
  })

  test('by ending the connection three times in a row gets none of it for an hour', () => {
    const { clock, surface, taken, answer } = rig({ info: 'r/info' })
    for (let session = 0; session < 3; session++) {
      surface.open({ retainAvailable: true })
      assert.equal(surface.shortfall, undefined)
      assert.equal(taken().length, 1, `session ${session}`)
      surface.close()
    }
    surface.open({ retainAvailable: true })
    assert.deepEqual(taken(), [])
    assert.equal(surface.shortfall?.reason, 'surface_withheld')
    surface.close()
    clock.jump(3_600_000)
    surface.open({ retainAvailable: true })
    answer(ACCEPTED)
    surface.close()
    assert.equal(surface.shortfall, undefined)
  })

  test('what comes later is unanswered whenever a link breaks, and is not held against it', () => {
    const { clock, surface, now, taken, answer } = rig({ state: 'r/state', health: TOPICS.health })
    for (let session = 1; session <= 4; session++) {
      surface.open({ retainAvailable: true })
      answer(ACCEPTED)
      clock.jump(300_000)
      now.health = `{"h":1${session}}`
      surface.look()
      assert.deepEqual(taken(), [`r/health ${now.health}`])
      surface.close()
    }
    surface.open({ retainAvailable: true })
    assert.equal(taken().length, 2)
    assert.equal(surface.shortfall, undefined)
  })

  test('sessions that end after everything was answered are not held against it', () => {
    const { surface, taken, answer } = rig({ info: 'r/info' })
    for (const isAnswered of [false, false, true, false, false]) {
      surface.open({ retainAvailable: true })
      if (isAnswered) answer(ACCEPTED)
      surface.close()
    }
    taken()
    surface.open({ retainAvailable: true })
    assert.equal(taken().length, 1)
  })
})

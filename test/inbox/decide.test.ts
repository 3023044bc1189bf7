import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../src/inbox/command.ts'
import {
  type Arrival,
  CRASHES_MAX,
  type Decision,
  decide,
  type KeyRules,
  type KeyState,
  type Known,
  type Step,
} from '../../src/inbox/decide.ts'

const at = { boot: 'a', mono: 1000, wall: 5000 }
const rules: KeyRules = { key: 'k', mode: 'last_value', repeatable: true, readable: false, waitingMax: 1_000 }
const once: KeyRules = { ...rules, repeatable: false }
const queue: KeyRules = { ...rules, mode: 'queue', repeatable: false }
const nothing: Known = { byId: new Map(), redeliveries: new Set() }
const empty: KeyState = { live: [] }

let arrivals = 0
function arrive(id: string, more: Partial<Arrival> = {}): Step {
  arrivals += 1
  const deadline = { arrived: at, mono: 9999, holdMs: 1 }
  return {
    step: 'arrive',
    arrival: { uplink: 'cloud', arrival: arrivals, id, ownId: true, value: 1, deadline, ...more },
  }
}

function run(steps: readonly Step[], options: { rules?: KeyRules; state?: KeyState; known?: Known } = {}): Decision {
  return decide(options.rules ?? rules, options.state ?? empty, { steps, known: options.known ?? nothing, at })
}

const live = (decision: Decision) => decision.state.live.map((command) => `${command.id} ${command.state}`)
const ends = (decision: Decision) =>
  decision.outcomes.map(
    ({ command: { id, state, supersededBy } }) => `${id} ${state}${supersededBy ? ` by ${supersededBy}` : ''}`,
  )

interface Case {
  readonly claim: string
  readonly steps: readonly Step[]
  readonly rules?: KeyRules
  readonly live: readonly string[]
  readonly ends: readonly string[]
}

const begin = (id: string): Step => ({ step: 'begin', id })
const again = (id: string, doubt: boolean): Step => ({ step: 'again', id, doubt, reason: 'timeout' })
const crashed = (id: string): Step => ({ step: 'crashed', id })
const leave = (id: string, state: 'expired' | 'cancelled' = 'expired'): Step => ({
  step: 'leave',
  id,
  state,
  reason: 'r',
})

const cases: readonly Case[] = [
  { claim: 'the first command waits', steps: [arrive('a')], live: ['a waiting'], ends: [] },
  {
    claim: 'arrival decides without versions',
    steps: [arrive('a'), arrive('b')],
    live: ['b waiting'],
    ends: ['a superseded by b'],
  },
  {
    claim: 'each is told the next one, however they are batched',
    steps: [arrive('a'), arrive('b'), arrive('c')],
    live: ['c waiting'],
    ends: ['a superseded by b', 'b superseded by c'],
  },
  {
    claim: 'the higher version wins against arrival',
    steps: [arrive('a', { version: 2 }), arrive('b', { version: 1 })],
    live: ['a waiting'],
    ends: ['b superseded by a'],
  },
  {
    claim: 'the same version again is not newer',
    steps: [arrive('a', { version: 2 }), arrive('b', { version: 2 })],
    live: ['a waiting'],
    ends: ['b superseded by a'],
  },
  {
    claim: 'arrival decides when only one has a version',
    steps: [arrive('a', { version: 2 }), arrive('b')],
    live: ['b waiting'],
    ends: ['a superseded by b'],
  },
  {
    claim: 'the highest version counts also when its command is gone',
    steps: [arrive('a', { version: 2 }), arrive('b'), arrive('c', { version: 1 })],
    live: ['b waiting'],
    ends: ['a superseded by b', 'c superseded by a'],
  },
  {
    claim: 'a refused command supersedes nothing and raises no version',
    steps: [arrive('a', { version: 1 }), arrive('b', { version: 9, refused: 'no' }), arrive('c', { version: 2 })],
    live: ['c waiting'],
    ends: ['b refused', 'a superseded by c'],
  },
  {
    claim: 'a command that came too late replaces an older version',
    steps: [arrive('a', { version: 1 }), arrive('b', { version: 2, expired: 'late' }), arrive('c', { version: 1 })],
    live: [],
    ends: ['a superseded by b', 'b expired', 'c superseded by b'],
  },
  {
    claim: 'a command that came too late without a version replaces nothing',
    steps: [arrive('a'), arrive('b', { expired: 'late' })],
    live: ['a waiting'],
    ends: ['b expired'],
  },
  {
    claim: 'the same id twice in a batch is one command',
    steps: [arrive('a'), arrive('a')],
    live: ['a waiting'],
    ends: [],
  },
  {
    claim: 'the same id after its end in the same batch is answered with that end',
    steps: [arrive('a'), arrive('b'), arrive('a')],
    live: ['b waiting'],
    ends: ['a superseded by b', 'a superseded by b'],
  },
  {
    claim: 'a message sent again within a batch is one command',
    steps: [
      arrive('x', { ownId: false, redelivery: 'r' }),
      arrive('y', { ownId: false, redelivery: 'r', resent: true }),
    ],
    live: ['x waiting'],
    ends: [],
  },
  {
    claim: 'an equal message that is not marked as sent again is a new command',
    steps: [arrive('x', { ownId: false, redelivery: 'r' }), arrive('y', { ownId: false, redelivery: 'r' })],
    live: ['y waiting'],
    ends: ['x superseded by y'],
  },
  {
    claim: 'an attempt in progress is not superseded, the newer one waits',
    steps: [arrive('a'), begin('a'), arrive('b'), arrive('c')],
    live: ['a applying', 'c waiting'],
    ends: ['b superseded by c'],
  },
  {
    claim: 'no second attempt begins beside one in progress',
    steps: [arrive('a'), begin('a'), arrive('b'), begin('b')],
    live: ['a applying', 'b waiting'],
    ends: [],
  },
  {
    claim: 'an attempt that failed has no further turn when a newer one came',
    steps: [arrive('a'), begin('a'), arrive('b'), again('a', false)],
    live: ['b waiting'],
    ends: ['a superseded by b'],
  },
  {
    claim: 'an attempt that failed has no further turn also when the newer one is cancelled',
    steps: [arrive('a'), begin('a'), arrive('b'), leave('b', 'cancelled'), again('a', false)],
    live: [],
    ends: ['b cancelled', 'a superseded by b'],
  },
  {
    claim: 'nor when the newer one expires first',
    steps: [arrive('a'), begin('a'), arrive('b'), leave('b'), again('a', true)],
    live: [],
    ends: ['b expired', 'a superseded by b'],
  },
  {
    claim: 'nor when a higher version came too late',
    steps: [arrive('a', { version: 5 }), begin('a'), arrive('b', { version: 6, expired: 'late' }), again('a', false)],
    live: [],
    ends: ['b expired', 'a superseded by b'],
  },
  {
    claim: 'but it has one when what came too late has no version',
    steps: [arrive('a', { version: 5 }), begin('a'), arrive('b', { expired: 'late' }), again('a', false)],
    live: ['a waiting'],
    ends: ['b expired'],
  },
  {
    claim: 'an attempt that the agent did not survive has no further turn either',
    steps: [arrive('a'), begin('a'), arrive('b'), leave('b', 'cancelled'), crashed('a')],
    live: [],
    ends: ['b cancelled', 'a superseded by b'],
  },
  {
    claim: 'an attempt that succeeds is not superseded, whatever came',
    steps: [arrive('a'), begin('a'), arrive('b'), { step: 'end', id: 'a', state: 'applied' }],
    live: ['b waiting'],
    ends: ['a applied'],
  },
  {
    claim: 'what must not be repeated and may have been done is unknown, not superseded',
    rules: once,
    steps: [arrive('a'), begin('a'), again('a', true), arrive('b')],
    live: ['b waiting'],
    ends: ['a unknown by b'],
  },
  {
    claim: 'what may be repeated is superseded also after a doubt',
    steps: [arrive('a'), begin('a'), again('a', true), arrive('b')],
    live: ['b waiting'],
    ends: ['a superseded by b'],
  },
  {
    claim: 'a doubt never expires as if nothing had happened',
    steps: [arrive('a'), begin('a'), again('a', true), leave('a')],
    live: [],
    ends: ['a unknown'],
  },
  {
    claim: 'a waiting command can be cancelled',
    steps: [arrive('a'), leave('a', 'cancelled')],
    live: [],
    ends: ['a cancelled'],
  },
  {
    claim: 'a running attempt cannot be cancelled',
    steps: [arrive('a'), begin('a'), leave('a', 'cancelled')],
    live: ['a applying'],
    ends: [],
  },
  {
    claim: 'a crash in an attempt gives a repeatable command another one',
    steps: [arrive('a'), begin('a'), crashed('a')],
    live: ['a waiting'],
    ends: [],
  },
  {
    claim: 'a crash in an attempt ends what must not be repeated',
    rules: once,
    steps: [arrive('a'), begin('a'), crashed('a')],
    live: [],
    ends: ['a unknown'],
  },
  {
    claim: 'a crash in an attempt keeps what can be looked at',
    rules: { ...once, readable: true },
    steps: [arrive('a'), begin('a'), crashed('a')],
    live: ['a waiting'],
    ends: [],
  },
  {
    claim: 'a queue keeps all in order, whatever their versions',
    rules: queue,
    steps: [arrive('a', { version: 9 }), arrive('b', { version: 1 }), begin('a'), arrive('c')],
    live: ['a applying', 'b waiting', 'c waiting'],
    ends: [],
  },
  {
    claim: 'the order of a queue survives a failed attempt',
    rules: queue,
    steps: [arrive('a'), arrive('b'), begin('a'), again('a', false)],
    live: ['a waiting', 'b waiting'],
    ends: [],
  },
]

for (const { claim, steps, rules: own, live: expectedLive, ends: expectedEnds } of cases) {
  test(claim, () => {
    const decision = run(steps, own ? { rules: own } : {})
    assert.deepEqual(live(decision), expectedLive)
    assert.deepEqual(ends(decision), expectedEnds)
  })

  test(`${claim}: also when every step is decided by itself`, () => {
    let state = empty
    const byId = new Map<string, Command>()
    const redeliveries = new Set<string>()
    const told: string[] = []
    for (const step of steps) {
      const decision = run([step], { state, known: { byId, redeliveries }, ...(own ? { rules: own } : {}) })
      for (const command of decision.changed) byId.set(command.id, command)
      for (const command of decision.changed) if (command.redelivery) redeliveries.add(command.redelivery)
      state = decision.state
      told.push(...ends(decision))
    }
    assert.deepEqual(
      state.live.map((command) => `${command.id} ${command.state}`),
      expectedLive,
    )
    assert.deepEqual(told, expectedEnds)
  })
}

test('a repeat of a finished command is answered to whoever asked, and counted', () => {
  const first = run([arrive('a'), leave('a', 'cancelled')])
  const [done] = first.changed
  assert.ok(done)
  const repeat = run([arrive('a', { uplink: 'other', value: 7 })], {
    known: { ...nothing, byId: new Map([['a', done]]) },
  })
  assert.deepEqual(repeat.outcomes, [{ command: done, to: 'other', repeated: true }])
  assert.deepEqual(repeat.changed, [])
  assert.equal(repeat.duplicates, 1)
  assert.deepEqual(repeat.done, [false])
})

test('a full queue refuses with the number waiting and the number allowed', () => {
  const steps = Array.from({ length: queue.waitingMax + 1 }, (_, index) => arrive(`q${index}`))
  const decision = run(steps, { rules: queue })
  assert.equal(decision.state.live.length, queue.waitingMax)
  assert.equal(decision.outcomes[0]?.command.reason, '1000 commands wait already, at most 1000 may')
})

test('a command whose attempts the agent never survives is given up', () => {
  let state = run([arrive('a')]).state
  let crashes = 0
  while (state.live.length > 0) {
    state = run([begin('a'), crashed('a')], { state }).state
    crashes += 1
  }
  assert.equal(crashes, CRASHES_MAX + 1)
})

test('a step for a command that is not live does nothing', () => {
  const decision = run([begin('ghost'), leave('ghost'), again('ghost', true), crashed('ghost')])
  assert.deepEqual(decision.done, [false, false, false, false])
  assert.deepEqual(decision.changed, [])
})

test('what is half written keeps saying so, however it ends', () => {
  const half: Step = { step: 'again', id: 'a', doubt: true, reason: 'run failed after target: busy' }
  const before = 'an attempt before may have reached the device; last attempt: run failed after target: busy'
  const ends: readonly (readonly [string, readonly Step[]])[] = [
    [`unknown: expired: r; ${before}`, [leave('a')]],
    [`superseded: ${before}`, [arrive('b')]],
    [
      'unknown: expired: r; an attempt before may have reached the device; last attempt: ' +
        'the agent ended during an attempt; last attempt: run failed after target: busy',
      [begin('a'), crashed('a'), begin('a'), crashed('a'), leave('a')],
    ],
  ]
  for (const [wanted, steps] of ends) {
    const { outcomes } = run([arrive('a'), begin('a'), half, ...steps])
    assert.equal(`${outcomes[0]?.command.state}: ${outcomes[0]?.command.reason}`, wanted)
  }
})

test('a reason is short, because it is kept for every command', () => {
  const { changed } = run([arrive('a', { refused: 'x'.repeat(5_000) })])
  assert.equal(changed[0]?.reason?.length, 300)
})

test('the answer goes to where the latest repeat wants it, also of a command under way', () => {
  const first = { topic: 'r/1' }
  const second = { topic: 'r/2', correlation: 'BB==' }
  const { outcomes, duplicates } = run([
    arrive('a', { reply: first }),
    begin('a'),
    arrive('a', { reply: second }),
    arrive('a'),
    arrive('a', { reply: { topic: 'elsewhere' }, uplink: 'other' }),
    { step: 'end', id: 'a', state: 'applied' },
  ])
  assert.equal(duplicates, 3)
  assert.deepEqual(
    outcomes.map(({ to, reply }) => ({ to, reply })),
    [{ to: 'cloud', reply: second }],
  )
})

test('versions of a queue mean nothing, so they can be forgotten while its commands wait', () => {
  assert.deepEqual(run([arrive('a', { version: 1 }), { step: 'forget' }], { rules: queue }).done, [true, true])
  assert.deepEqual(run([arrive('a', { version: 1 }), { step: 'forget' }]).done, [true, false])
})

test('an expired command says why it had not been applied before', () => {
  const decision = run([arrive('a'), begin('a'), again('a', false), leave('a')])
  assert.equal(decision.outcomes[0]?.command.reason, 'r; last attempt: timeout')
})

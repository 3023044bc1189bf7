import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Turns } from '../../../../src/uplink/mqtt/opening/turns.ts'
import type { Closed } from '../../../../src/uplink/transport.ts'

const soon: Closed = { reason: 'tcp', detail: 'refused', hurry: 'soon' }
const slow: Closed = { reason: 'refused_134', detail: 'credentials', hurry: 'slow' }
const busy: Closed = { reason: 'refused_137', detail: 'busy', hurry: 'soon', pauseMinMs: 5_000 }
const moved: Closed = { reason: 'refused_157', detail: 'moved', hurry: 'slow' }

test('a single server is tried again and again, and what it says stays as it is', () => {
  const turns = new Turns(1)
  for (const closed of [soon, slow, busy, moved]) {
    assert.equal(turns.next(0), 0)
    assert.deepEqual(turns.failed(0, closed, 0), closed)
    assert.deepEqual(turns.ended(0, closed, 0), closed)
  }
})

test('servers are tried in turn, and the one that answered is the first after a lost session', () => {
  const turns = new Turns(3)
  assert.equal(turns.next(0), 0)
  turns.failed(0, soon, 0)
  assert.equal(turns.next(0), 1)
  turns.opened(1)
  assert.deepEqual(turns.ended(1, soon, 0), soon)
  assert.equal(turns.next(0), 1)
  turns.failed(1, soon, 0)
  assert.equal(turns.next(0), 2)
  turns.failed(2, soon, 0)
  assert.equal(turns.next(0), 0)
})

test('what only a human can correct on one server is no reason to wait before the next one', () => {
  const turns = new Turns(2)
  const { pauseMinMs, hurry } = turns.failed(0, slow, 0)
  assert.deepEqual({ pauseMinMs, hurry }, { pauseMinMs: undefined, hurry: 'soon' })
  assert.equal(turns.next(0), 1)
  // The other is down: it is tried again and again, the first one only after a minute.
  for (const now of [0, 20_000, 59_999]) {
    assert.equal(turns.next(now), 1)
    assert.equal(turns.failed(1, soon, now).hurry, 'soon')
  }
  assert.equal(turns.next(60_000), 0)
})

test('when all want to be left alone there is a pause until the first may be tried', () => {
  const turns = new Turns(2)
  turns.failed(0, busy, 0)
  const { hurry, pauseMinMs } = turns.failed(1, slow, 1_000)
  assert.deepEqual({ hurry, pauseMinMs }, { hurry: 'slow', pauseMinMs: 4_000 })
  assert.equal(turns.next(2_000), 0)
})

test('a server that sends us away is left at once for the next, and not asked again for minutes', () => {
  const turns = new Turns(2)
  turns.opened(0)
  assert.equal(turns.ended(0, moved, 0).hurry, 'soon')
  assert.equal(turns.next(0), 1)
  turns.failed(1, soon, 0)
  assert.equal(turns.next(299_999), 1)
  assert.equal(turns.next(300_000), 0)
})

test('a ban or a stolen session is about us: no other server is knocked at instead', () => {
  for (const reason of ['taken_over', 'refused_138']) {
    const turns = new Turns(2)
    const closed: Closed = { reason, detail: reason, hurry: 'slow', pauseMinMs: 300_000 }
    assert.deepEqual(turns.failed(0, closed, 0), closed)
    assert.deepEqual(turns.ended(0, closed, 0), closed)
  }
})

test('whatever happens, the server that is next exists, and no rest is forgotten', () => {
  const step = fc.record({
    closed: fc.constantFrom(soon, slow, busy, moved),
    after: fc.integer({ min: 0, max: 90_000 }),
    opens: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 5 }), fc.array(step, { maxLength: 40 }), (servers, steps) => {
      const turns = new Turns(servers)
      const restUntil = new Map<number, number>()
      let now = 0
      for (const { closed, after, opens } of steps) {
        now += after
        const server = turns.next(now)
        assert.ok(server >= 0 && server < servers)
        const free = [...Array(servers).keys()].some((index) => (restUntil.get(index) ?? 0) <= now)
        assert.ok(!free || (restUntil.get(server) ?? 0) <= now, 'one that rests was taken before one that does not')
        if (opens) {
          turns.opened(server)
          restUntil.delete(server)
          continue
        }
        const result = turns.failed(server, closed, now)
        restUntil.set(server, now + restOf(closed))
        const soonest = Math.min(...[...Array(servers).keys()].map((index) => restUntil.get(index) ?? 0))
        assert.equal(result.pauseMinMs, soonest > now ? soonest - now : undefined)
      }
    }),
  )
})

function restOf({ reason, hurry, pauseMinMs }: Closed): number {
  const rest = reason === 'refused_157' ? 300_000 : hurry === 'slow' ? 60_000 : 0
  return Math.max(rest, pauseMinMs ?? 0)
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { RecordKind } from '../../src/model.ts'
import { Tail, type TailEntry } from '../../src/outbox/tail.ts'

function push(tail: Tail, options: { readonly kind?: RecordKind; readonly wantedBy?: number } = {}): TailEntry {
  const { kind = 'data', wantedBy = 1 } = options
  return tail.push({
    kind,
    source: 'meter',
    body: '"n":1',
    mono: 0,
    target: 0,
    expires: 0,
    appendedAt: 0,
    wantedBy,
    held: false,
  })
}

function filled(count: number): Tail {
  const tail = new Tail(1)
  for (let i = 0; i < count; i += 1) push(tail)
  return tail
}

const seqs = (tail: Tail) => [...tail].map((entry) => entry.seq)

describe('the tail', () => {
  test('numbers go on from the first one given', () => {
    const tail = new Tail(42)
    assert.equal(tail.first, 42)
    assert.equal(tail.head, 41)
    assert.equal(push(tail).seq, 42)
    assert.equal(tail.first, 42)
    assert.equal(tail.head, 42)
  })

  test('what is stored is forgotten, the head stays', () => {
    const tail = filled(5)
    tail.forgetThrough(3)
    assert.deepEqual(seqs(tail), [4, 5])
    assert.equal(tail.get(3), undefined)
    assert.equal(tail.get(4)?.seq, 4)
    tail.forgetThrough(9)
    assert.equal(tail.size, 0)
    assert.equal(tail.first, 6)
    assert.equal(tail.head, 5)
    assert.equal(tail.bytes, 0)
  })

  test('only settled entries at the front are forgotten', () => {
    const tail = filled(4)
    for (const seq of [1, 2, 4]) {
      const entry = tail.get(seq)
      if (entry) entry.wantedBy = 0
    }
    tail.forgetSettled()
    assert.deepEqual(seqs(tail), [3, 4])
  })

  test('giving up takes the oldest that may go, and every number is still found', () => {
    const tail = new Tail(1)
    for (const kind of ['data', 'event', 'data', 'outcome', 'data', 'data'] as const) push(tail, { kind })
    const bytes = tail.bytes
    const given = tail.giveUp(3, (entry) => entry.kind === 'data')
    assert.deepEqual(
      given.map((entry) => entry.seq),
      [1, 3, 5],
    )
    assert.deepEqual(seqs(tail), [2, 4, 6])
    assert.equal(tail.bytes, bytes / 2)
    for (const seq of [1, 3, 5, 7]) assert.equal(tail.get(seq), undefined)
    for (const seq of [2, 4, 6]) assert.equal(tail.get(seq)?.seq, seq)
    assert.equal(push(tail).seq, 7)
    assert.equal(tail.get(7)?.seq, 7)
  })

  test('after a hole has gone by, numbers are found by position again', () => {
    const tail = filled(4)
    tail.giveUp(1, (entry) => entry.seq === 2)
    tail.forgetThrough(4)
    push(tail)
    push(tail)
    assert.equal(tail.get(6)?.seq, 6)
    assert.equal(tail.get(4), undefined)
  })

  test('thousands go through it without a trace', () => {
    const tail = new Tail(1)
    for (let round = 0; round < 100; round += 1) {
      for (let i = 0; i < 100; i += 1) push(tail)
      tail.forgetThrough(tail.head - 3)
      assert.equal(tail.size, 3)
      assert.deepEqual(seqs(tail), [tail.head - 2, tail.head - 1, tail.head])
    }
    tail.forgetThrough(tail.head)
    assert.equal(tail.bytes, 0)
  })
})

test('a tail holds what a plain list would', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('push' as const), kind: fc.constantFrom('data' as const, 'event' as const) }),
    fc.record({ type: fc.constant('forget' as const), through: fc.nat(60) }),
    fc.record({ type: fc.constant('settle' as const), seq: fc.nat(60) }),
    fc.record({ type: fc.constant('give up' as const), max: fc.integer({ min: 1, max: 4 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const tail = new Tail(1)
      let plain: { seq: number; kind: string; wanted: boolean }[] = []
      let next = 1
      for (const it of steps) {
        if (it.type === 'push') {
          push(tail, { kind: it.kind })
          plain.push({ seq: next, kind: it.kind, wanted: true })
          next += 1
        } else if (it.type === 'forget') {
          tail.forgetThrough(it.through)
          plain = plain.filter(({ seq }) => seq > it.through)
        } else if (it.type === 'settle') {
          const entry = tail.get(it.seq)
          if (entry) entry.wantedBy = 0
          tail.forgetSettled()
          plain = plain.map((one) => (one.seq === it.seq ? { ...one, wanted: false } : one))
          while (plain[0] && !plain[0].wanted) plain.shift()
        } else {
          const given = tail.giveUp(it.max, (entry) => entry.kind === 'data').map(({ seq }) => seq)
          const expected = plain.filter(({ kind }) => kind === 'data').slice(0, it.max)
          assert.deepEqual(
            given,
            expected.map(({ seq }) => seq),
          )
          plain = plain.filter((one) => !expected.includes(one))
        }
        assert.deepEqual(
          seqs(tail),
          plain.map(({ seq }) => seq),
        )
        assert.equal(tail.first, plain[0]?.seq ?? next)
        for (let seq = 0; seq <= next; seq += 1) {
          assert.equal(tail.get(seq)?.seq, plain.find((one) => one.seq === seq)?.seq, `get ${seq}`)
        }
      }
    }),
    { numRuns: 200 },
  )
})

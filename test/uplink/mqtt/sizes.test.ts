import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type SizeEvidence, Sizes } from '../../../src/uplink/mqtt/sizes.ts'

const TOPIC = 't/boiler/data'
const HOUR_MS = 3_600_000

/** A session that was cut with a packet of so many bytes on its way. */
function cut(bytes: number, changes: Partial<SizeEvidence> = {}): SizeEvidence {
  const largest = { bytes, fullBytes: bytes, topic: TOPIC }
  return { silent: true, largest, answeredBytes: 0, topicAnswered: false, ...changes }
}

/** So many sessions in a row that ended alike; gives what was learned from each. */
function repeat(sizes: Sizes, count: number, evidence: SizeEvidence, now = 0) {
  return Array.from({ length: count }, () => {
    sizes.opened(now)
    return sizes.ended(evidence, now)
  })
}

describe('what several records share', () => {
  test('is halved after three sessions in vain, and with each one more, until single records are left', () => {
    const sizes = new Sizes(true)
    assert.deepEqual(repeat(sizes, 3, cut(64_000)), [undefined, undefined, 'smaller'])
    assert.equal(sizes.batchBytesMax, 32_000)
    assert.deepEqual(repeat(sizes, 1, cut(31_000)), ['smaller'])
    assert.equal(sizes.batchBytesMax, 15_500)
    // A record that is larger for itself.
    assert.deepEqual(repeat(sizes, 3, cut(20_000)), [undefined, undefined, 'without'])
    assert.equal(sizes.batchBytesMax, 15_500)
  })

  test('may be large again after an hour', () => {
    const sizes = new Sizes(true)
    repeat(sizes, 3, cut(64_000))
    sizes.opened(HOUR_MS - 1)
    assert.equal(sizes.batchBytesMax, 32_000)
    sizes.opened(HOUR_MS)
    assert.equal(sizes.batchBytesMax, undefined)
  })

  test('is not there without batches', () => {
    const sizes = new Sizes(false)
    sizes.refused(64_000, 0)
    assert.equal(sizes.batchBytesMax, undefined)
    assert.deepEqual(repeat(sizes, 3, cut(64_000)), [undefined, undefined, 'without'])
  })
})

describe('a packet with a single record', () => {
  test('is given up alone, and when its topic is answered then, twice as many the next time', () => {
    const sizes = new Sizes(false)
    for (const count of [1, 2, 4, 8]) {
      assert.deepEqual(repeat(sizes, 3, cut(20_000)), [undefined, undefined, 'without'])
      assert.deepEqual(sizes.suspect, { topic: TOPIC, bytes: 20_000, count })
      // Smaller ones on the same topic got through, until the next large one.
      repeat(sizes, 1, cut(20_100, { answeredBytes: 250, topicAnswered: true }))
      assert.equal(sizes.suspect?.count, 0, 'one session only')
      sizes.ended({ ...cut(0), silent: false }, 0)
    }
  })

  test('three are given up when it does not help: a topic that is not allowed looks the same', () => {
    const sizes = new Sizes(false)
    const changes = repeat(sizes, 1_000, cut(250))
    assert.equal(changes.filter((change) => change === 'without').length, 3)
    assert.equal(repeat(sizes, 1_000, cut(250), HOUR_MS).filter((change) => change === 'without').length, 1)
  })

  test('is not given up when another one was there each time', () => {
    const sizes = new Sizes(false)
    for (let bytes = 250; bytes < 280; bytes++) assert.equal(sizes.ended(cut(bytes), 0), undefined)
  })
})

describe('a link that breaks', () => {
  test('teaches nothing while packets as large are answered, or none is on its way, or the end has a reason', () => {
    for (const evidence of [
      cut(20_000, { answeredBytes: 20_000 }),
      cut(20_000, { largest: undefined }),
      cut(20_000, { silent: false }),
    ]) {
      const sizes = new Sizes(true)
      assert.ok(repeat(sizes, 50, evidence).every((change) => change === undefined))
      repeat(sizes, 2, cut(20_000))
      assert.deepEqual(repeat(sizes, 1, evidence), [undefined])
      assert.deepEqual(repeat(sizes, 3, cut(20_000)), [undefined, undefined, 'smaller'], 'the count begins anew')
    }
  })

  test('never costs more than three messages whose topic is not answered, whatever happens', () => {
    const evidence = fc.record({
      silent: fc.boolean(),
      largest: fc.option(fc.constantFrom(cut(250).largest, cut(251).largest, cut(20_000).largest), { nil: undefined }),
      answeredBytes: fc.constantFrom(0, 60, 250),
      topicAnswered: fc.constant(false),
    })
    fc.assert(
      fc.property(fc.array(evidence, { maxLength: 300 }), (sessions) => {
        const sizes = new Sizes(false)
        let given = 0
        for (const one of sessions) {
          sizes.opened(0)
          given += sizes.suspect?.count ?? 0
          sizes.ended(one, 0)
        }
        assert.ok(given <= 3, `${given}`)
      }),
    )
  })
})

/** Points read by raw questions: they mean what the driver says they mean, and a refusal hides no more than it must. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readPoints, type Unit } from '../../src/cli/profiles/raw-points.ts'
import { loadProfile } from '../../src/config/profiles.ts'
import type { RawQuestion, RawReply } from '../../src/device-api.ts'
import type { RegisterTable } from '../../src/settings.ts'
import { pointWith } from '../support/bus-settings.ts'
import { bundledFolder } from './bundled.ts'
import { images } from './images.ts'

interface Range {
  readonly register: RegisterTable
  readonly address: number
  readonly count: number
}

/** A unit that answers from `wordAt`, and refuses a range in which it knows a place no word for. */
class FakeUnit implements Unit {
  readonly unitId = 7
  readonly asked: Range[] = []
  readonly #wordAt: (register: RegisterTable, address: number) => number | undefined | 'silent'

  constructor(wordAt: (register: RegisterTable, address: number) => number | undefined | 'silent') {
    this.#wordAt = wordAt
  }

  readonly ask: Unit['ask'] = async ({ questions }) => questions.map((question) => this.#answer(question))

  #answer(question: RawQuestion): RawReply {
    assert.equal(question.unitId, 7)
    assert.ok(!('identify' in question))
    const { register, address, count } = question
    this.asked.push({ register, address, count })
    const words = Array.from({ length: count }, (_, index) => this.#wordAt(register, address + index))
    if (words.includes('silent')) return { ok: false, code: 'timeout', tookMs: 100 }
    if (words.includes(undefined)) return { ok: false, code: 'exception_2', tookMs: 5 }
    const bytes = Buffer.alloc(count * 2)
    words.forEach((word, index) => {
      bytes.writeUInt16BE(Number(word), index * 2)
    })
    return { ok: true, hex: bytes.toString('hex'), tookMs: 5 }
  }
}

const limits = { registersMax: 125, holeMax: 10, onePointPerRequest: false }

describe('points by raw questions', () => {
  for (const [index, image] of images.entries()) {
    it(`say the same as through the driver: ${image.profile} (${index + 1})`, async () => {
      const { points, defaults } = loadProfile(image.profile, { folders: [bundledFolder] })
      const words = new Map<string, number>()
      for (const [register, address, text] of image.words) {
        const bytes = Buffer.from(text.replaceAll(' ', ''), 'hex')
        for (let at = 0; at < bytes.length; at += 2)
          words.set(`${register} ${address + at / 2}`, bytes.readUInt16BE(at))
      }
      const unit = new FakeUnit((register, address) => words.get(`${register} ${address}`) ?? 0)
      const answers = await readPoints(unit, points, defaults)
      assert.deepEqual(
        answers.map(({ point }) => point.name),
        points.map(({ name }) => name),
      )
      for (const { point, value, error } of answers) {
        const wanted = image.expected[point.name]
        if (wanted === undefined) continue
        const got = typeof value === 'bigint' ? Number(value) : value
        assert.deepEqual(error === undefined ? got : { error }, wanted, point.name)
      }
      assert.equal(unit.asked.length, image.requests)
    })
  }

  it('asks a unit that does not answer only once', async () => {
    const unit = new FakeUnit(() => 'silent')
    const answers = await readPoints(
      unit,
      [pointWith({ name: 'a', address: 0 }), pointWith({ name: 'b', address: 900 })],
      limits,
    )
    assert.deepEqual(unit.asked, [{ register: 'holding', address: 0, count: 1 }])
    assert.deepEqual(
      answers.map(({ error }) => error),
      ['timeout', 'timeout'],
    )
  })

  it('asks point by point where a range is refused, and keeps what is good', async () => {
    const unit = new FakeUnit((_, address) => (address === 1 ? undefined : 40 + address))
    const points = [0, 1, 2].map((address) => pointWith({ name: `r${address}`, address }))
    const answers = await readPoints(unit, points, limits)
    assert.deepEqual(
      answers.map(({ value, error }) => value ?? error),
      [40, 'exception_2', 42],
    )
    assert.deepEqual(
      unit.asked.map(({ count }) => count),
      [3, 1, 1, 1],
    )
  })

  it('reads a power of ten from another request before and after the values', async () => {
    const scaled = pointWith({ name: 'v', address: 0, type: 'int16', scaleFrom: 'sf' })
    const points = [scaled, pointWith({ name: 'sf', address: 900, type: 'int16' })]
    for (const [after, expected] of [
      [0xffff, 23.1],
      [0xfffe, 'invalid'],
      [undefined, 'exception_2'],
    ] as const) {
      let asked = 0
      const unit = new FakeUnit((_, address) => {
        if (address === 0) return 231
        asked += 1
        return asked === 1 ? 0xffff : after
      })
      // The point of the power is a value of its own, too.
      const [answer] = await readPoints(unit, points, limits)
      assert.deepEqual(answer?.value ?? answer?.error, expected)
      assert.deepEqual(
        unit.asked.map(({ address }) => address),
        [900, 0, 900, 900],
      )
    }
  })

  it('reads value and power of ten apart where both together are refused', async () => {
    const scaled = pointWith({ name: 'v', address: 0, type: 'int16', scaleFrom: 'sf' })
    const points = [scaled, pointWith({ name: 'sf', address: 2, type: 'int16' })]
    const unit = new FakeUnit((_, address) => [231, undefined, 0xffff][address])
    const answers = await readPoints(unit, points, limits)
    assert.deepEqual(
      answers.map(({ value }) => value),
      [23.1, -1],
    )
    assert.deepEqual(
      unit.asked.map(({ address, count }) => [address, count]),
      [
        [0, 3],
        [2, 1],
        [0, 1],
        [2, 1],
        [2, 1],
      ],
    )
  })

  it('asks for no more in one order than the agent takes', async () => {
    const orders: number[] = []
    const fake = new FakeUnit((_, address) => address)
    const ask: Unit['ask'] = (order) => {
      orders.push(order.questions.length)
      return fake.ask(order)
    }
    const unit: Unit = { unitId: 7, ask }
    const points = Array.from({ length: 80 }, (_, index) => pointWith({ name: `r${index}`, address: index }))
    const answers = await readPoints(unit, points, { ...limits, onePointPerRequest: true })
    assert.deepEqual(
      answers.map(({ value }) => value),
      points.map(({ address }) => address),
    )
    assert.deepEqual(orders, [1, 32, 32, 15])
  })

  it('reads bits, and leaves out what can only be written', async () => {
    const unit: Unit = { unitId: 7, ask: async () => [{ ok: true, hex: '05', tookMs: 1 }] }
    const points = [0, 1, 2].map((address) =>
      pointWith({ name: `c${address}`, register: 'coil', type: 'bool', address }),
    )
    const writeOnly = pointWith({ name: 'w', register: 'coil', type: 'bool', address: 3, access: 'wo' })
    const answers = await readPoints(unit, [...points, writeOnly], limits)
    assert.deepEqual(
      answers.map(({ point, value }) => [point.name, value]),
      [
        ['c0', true],
        ['c1', false],
        ['c2', true],
      ],
    )
  })

  it('takes a reply with too few bytes for no value', async () => {
    const unit: Unit = { unitId: 7, ask: async () => [{ ok: true, hex: '0102', tookMs: 1 }] }
    const [answer] = await readPoints(unit, [pointWith({ name: 'a', type: 'uint32' })], limits)
    assert.equal(answer?.error, 'short_reply')
  })

  it('asks nothing when there is nothing to ask', async () => {
    const unit = new FakeUnit(() => 0)
    assert.deepEqual(await readPoints(unit, [], limits), [])
    assert.deepEqual(unit.asked, [])
  })
})

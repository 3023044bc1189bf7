import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Refusals, type RefusedRange } from '../../../src/drivers/modbus/refusals.ts'
import { pointWith } from '../../support/bus-settings.ts'
import { holding, pointsAt, rigWith } from '../../support/unit-rig.ts'

const DAY_MS = 86_400_000

describe('a point the device does not have', () => {
  it('never blinds its neighbours, and is left out of their requests from then on', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2, 3, 4), holding(0, 1, 3, 4))
    const expected = { r0: 0, r1: 1, r2: 'exception_2', r3: 3, r4: 4 }
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(rig.asked(), ['3 0+5', '3 0+3', '3 0+2', '3 2+1', '3 3+2'])
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(rig.asked(), ['3 0+2', '3 3+2', '3 2+1'])
  })

  it('one among a hundred is found by halving', async () => {
    const addresses = Array.from({ length: 100 }, (_, index) => index)
    const rig = await rigWith(pointsAt(...addresses), holding(...addresses.filter((address) => address !== 61)))
    const values = await rig.read()
    assert.equal(values['r61'], 'exception_2')
    assert.equal(Object.values(values).filter((value) => typeof value === 'number').length, 99)
    assert.ok(rig.asked().length <= 1 + 2 * 7, 'the whole, and two halves for each doubling')
    await rig.read()
    assert.deepEqual(rig.asked(), ['3 0+61', '3 62+38', '3 61+1'])
  })

  it('is read as soon as the device has it', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2), holding(0, 2))
    assert.deepEqual(await rig.read(), { r0: 0, r1: 'exception_2', r2: 2 })
    rig.unit.setWord('holding', 1, 11)
    assert.deepEqual(await rig.read(), { r0: 0, r1: 11, r2: 2 })
    rig.asked()
    assert.deepEqual(await rig.read(), { r0: 0, r1: 11, r2: 2 })
    assert.deepEqual(rig.asked(), ['3 0+3'])
  })

  it('several cost one request a poll: they are asked in turn, and when one is there all are asked', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2, 3), holding(0))
    const refused = { r0: 0, r1: 'exception_2', r2: 'exception_2', r3: 'exception_2' }
    await rig.read()
    rig.asked()
    const seen: string[] = []
    for (let poll = 0; poll < 4; poll++) {
      assert.deepEqual(await rig.read(), refused)
      seen.push(...rig.asked())
    }
    assert.deepEqual(seen.toSorted(), [...Array(4).fill('3 0+1'), '3 1+1', '3 1+1', '3 2+1', '3 3+1'].toSorted())
    for (const address of [1, 2, 3]) rig.unit.setWord('holding', address, address)
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1, r2: 2, r3: 3 })
    rig.asked()
    await rig.read()
    assert.deepEqual(rig.asked(), ['3 0+4'])
  })

  it('in a hole between points stops that hole from being read along, and no other', async () => {
    const rig = await rigWith(pointsAt(0, 5, 8), holding(0, 5, 6, 7, 8))
    assert.deepEqual(await rig.read(), { r0: 0, r5: 5, r8: 8 })
    assert.deepEqual(rig.asked(), ['3 0+9', '3 0+6', '3 0+1', '3 5+1', '3 8+1'])
    assert.deepEqual(await rig.read(), { r0: 0, r5: 5, r8: 8 })
    assert.deepEqual(rig.asked(), ['3 0+1', '3 5+4'])
  })

  it('a range refused though each of its points is there is cut until it is not', async () => {
    const addresses = [0, 1, 2, 3, 4, 5, 6, 7]
    const rig = await rigWith(pointsAt(...addresses), holding(...addresses), {
      refuse: ({ pdu }) => ((pdu[4] ?? 0) > 3 ? 3 : 0),
    })
    const expected = Object.fromEntries(addresses.map((address) => [`r${address}`, address]))
    for (let poll = 0; poll < 4; poll++) {
      assert.deepEqual(await rig.read(), expected)
      rig.asked()
    }
    await rig.read()
    assert.ok(rig.asked().length <= 4)
  })

  it('another exception is the device speaking: all points of the request carry it, nothing is tried again', async () => {
    const rig = await rigWith(pointsAt(0, 1), holding(0, 1), { refuse: () => 4 })
    assert.deepEqual(await rig.read(), { r0: 'exception_4', r1: 'exception_4' })
    assert.deepEqual(rig.asked(), ['3 0+2'])
  })

  it('a reply that is lost while halving ends it, and nothing is learnt from what came before', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2, 3), holding(0, 1, 3))
    rig.refuse = ({ index }) => (index === 1 ? undefined : 0)
    assert.deepEqual(await rig.read(), { r0: 'timeout', r1: 'timeout', r2: 'timeout', r3: 'timeout' })
    rig.refuse = () => 0
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1, r2: 'exception_2', r3: 3 })
  })
})

describe('what was learnt about a device', () => {
  it('outlives the connection', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2), holding(0, 2))
    await rig.read()
    await rig.driver.close()
    await rig.clock.run(rig.driver.open())
    rig.asked()
    await rig.read()
    assert.deepEqual(rig.asked(), ['3 0+1', '3 2+1', '3 1+1'])
  })

  it('is found out anew after a day', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2), holding(0, 2))
    await rig.read()
    rig.asked()
    await rig.clock.advance(DAY_MS - 1_000)
    await rig.read()
    assert.deepEqual(rig.asked(), ['3 0+1', '3 2+1', '3 1+1'])
    await rig.clock.advance(1_000)
    await rig.read()
    assert.equal(rig.asked()[0], '3 0+3')
  })

  it('is in the plan, in words', async () => {
    const rig = await rigWith(pointsAt(0, 1, 2), holding(0, 2))
    const plan = () => rig.driver.plan?.(rig.device, rig.device.points) ?? []
    assert.deepEqual(
      plan().map(({ range, count, points, learnt }) => ({ range, count, points, learnt })),
      [{ range: 'holding 0..2', count: 3, points: ['r0', 'r1', 'r2'], learnt: undefined }],
    )
    assert.ok(plan().every(({ wireMs }) => wireMs > 0))
    await rig.read()
    assert.deepEqual(
      plan().map(({ range, learnt }) => [range, learnt]),
      [
        ['holding 0', 'not in one request with its neighbours (exception 2)'],
        ['holding 2', 'not in one request with its neighbours (exception 2)'],
        ['holding 1', 'refused (exception 2)'],
      ],
    )
  })

  it('is nothing while an exception may be a late one', async () => {
    const rig = await rigWith(pointsAt(0, 1), holding(0, 1))
    rig.refuse = () => undefined
    await rig.read('r0')
    // The reply that was lost is still owed, so an exception to a request of the same kind may be its; and to requests of
    // other kinds, which would settle that, nothing is said.
    rig.refuse = ({ pdu }) => (pdu[0] === 3 ? 2 : undefined)
    const values = await rig.read()
    assert.ok(Object.values(values).every((value) => typeof value === 'string'))
    rig.refuse = () => 0
    await rig.clock.advance(120_000)
    rig.asked()
    assert.deepEqual(await rig.read(), { r0: 0, r1: 1 })
    assert.equal(rig.asked().at(-1), '3 0+2')
  })

  it('counts its day from when it was learnt, however often it is learnt', () => {
    let now = 0
    const refusals = new Refusals(() => now)
    const range: RefusedRange = { kind: 'place', register: 'holding', from: 1, to: 2, exception: 2 }
    refusals.learn(range)
    now = DAY_MS - 1
    refusals.learn(range)
    assert.deepEqual(refusals.known, [range])
    now = DAY_MS
    assert.deepEqual(refusals.known, [])
  })
})

describe('points of one register, and points over others', () => {
  it('a wide point whose second half is missing does not take a narrow one along', async () => {
    const wide = pointWith({ name: 'wide', address: 1, type: 'uint32' })
    const rig = await rigWith([...pointsAt(0, 1), wide], holding(0, 1))
    const expected = { r0: 0, r1: 1, wide: 'exception_2' }
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(await rig.read(), expected)
    rig.asked()
    assert.deepEqual(await rig.read(), expected)
    assert.deepEqual(rig.asked(), ['3 0+2', '3 1+2'])
  })

  it('bits of a register that is not there are refused together', async () => {
    const bits = [1, 2].map((bit) => pointWith({ name: `b${bit}`, address: 9, type: 'bit', bit }))
    const rig = await rigWith(bits, [])
    assert.deepEqual(await rig.read(), { b1: 'exception_2', b2: 'exception_2' })
    assert.deepEqual(rig.asked(), ['3 9+1'])
  })
})

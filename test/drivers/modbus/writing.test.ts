import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WriteError } from '../../../src/drivers/driver.ts'
import { pointWith } from '../../support/bus-settings.ts'
import { holding, pointsAt, rigWith } from '../../support/unit-rig.ts'

describe('writing', () => {
  it('a coil goes out as function 5, a register as 6, several as 16 in one request', async () => {
    const wide = pointWith({ name: 'wide', address: 10, type: 'float32', access: 'rw' })
    const coil = pointWith({ name: 'pump', register: 'coil', address: 3, type: 'bool', access: 'rw' })
    const rig = await rigWith(
      [...pointsAt(0), wide, coil],
      [
        ...holding(0),
        { register: 'holding', address: 10, type: 'float32', value: 0, writable: true },
        { register: 'coil', address: 3, type: 'bool', value: false, writable: true },
      ],
    )
    await rig.write('r0', 42)
    await rig.write('wide', 12.5)
    await rig.write('pump', true)
    assert.deepEqual(rig.asked(), ['6 0+42', '16 10+2', '5 3+65280'])
    assert.deepEqual(await rig.read(), { r0: 42, wide: 12.5, pump: true })
  })

  it('a device that knows only the functions for several gets those, and is not asked again', async () => {
    const coil = pointWith({ name: 'pump', register: 'coil', address: 3, type: 'bool', access: 'rw' })
    const rig = await rigWith(
      [...pointsAt(0), coil],
      [...holding(0), { register: 'coil', address: 3, type: 'bool', value: false, writable: true }],
      { refuse: (request) => (request.pdu[0] === 5 || request.pdu[0] === 6 ? 1 : 0) },
    )
    await rig.write('r0', 7)
    await rig.write('r0', 8)
    await rig.write('pump', true)
    assert.deepEqual(rig.asked(), ['6 0+7', '16 0+1', '16 0+1', '15 3+1'])
    assert.deepEqual(await rig.read(), { r0: 8, pump: true })
  })

  const refused: readonly (readonly [number, 'no' | 'maybe', boolean])[] = [
    [2, 'no', false],
    [3, 'no', false],
    [4, 'maybe', true],
    [5, 'maybe', true],
    [6, 'no', true],
    [10, 'no', true],
    [11, 'maybe', true],
  ]
  for (const [exception, happened, retriable] of refused) {
    it(`exception ${exception}: happened ${happened}, ${retriable ? 'may' : 'must not'} be tried again`, async () => {
      const rig = await rigWith(pointsAt(0), holding(0), { refuse: () => exception })
      await assert.rejects(rig.write('r0', 1), (error) => {
        assert.ok(error instanceof WriteError)
        assert.equal(error.code, `exception_${exception}`)
        assert.equal(error.happened, happened)
        assert.equal(error.retriable, retriable)
        return true
      })
    })
  }

  it('input registers and discrete inputs cannot be written: nothing is sent', async () => {
    const input = pointWith({ name: 'in', register: 'input' })
    const rig = await rigWith([input], [])
    await assert.rejects(rig.write('in', 1), (error) => error instanceof WriteError && error.code === 'read_only')
    assert.deepEqual(rig.asked(), [])
  })

  it('a write-only point is written, and never read', async () => {
    const reset = pointWith({ name: 'reset', address: 9, access: 'wo' })
    const rig = await rigWith([reset], holding(9))
    await rig.write('reset', 1)
    assert.deepEqual(await rig.read(), { reset: 'write_only' })
    assert.deepEqual(rig.asked(), ['6 9+1'])
  })

  it('more registers than one request may write are refused: nothing is sent', async () => {
    const long = pointWith({ name: 'long', type: 'string', length: 124, access: 'rw' })
    const rig = await rigWith([long], [])
    await assert.rejects(rig.write('long', 'x'), (error) => error instanceof WriteError && error.code === 'unsupported')
    assert.deepEqual(rig.asked(), [])
  })
})

describe('writing bits of a register', () => {
  const bits = [0, 7].map((bit) => pointWith({ name: `b${bit}`, address: 5, type: 'bit', bit, access: 'rw' }))
  const mode = pointWith({ name: 'mode', address: 5, type: 'bits', bit: 12, width: 3, access: 'rw' })
  const register = [{ register: 'holding', address: 5, type: 'uint16', value: 0xff01, writable: true }] as const

  it('function 22 changes them and nothing else', async () => {
    const rig = await rigWith([...bits, mode], register)
    await rig.write('b7', true)
    assert.equal(rig.unit.word('holding', 5), 0xff81)
    await rig.write('b0', false)
    assert.equal(rig.unit.word('holding', 5), 0xff80)
    await rig.write('mode', 2)
    assert.equal(rig.unit.word('holding', 5), 0xaf80)
    assert.deepEqual(
      rig.asked().map((request) => request.split(' ')[0]),
      ['22', '22', '22'],
    )
    assert.deepEqual(await rig.read(), { b0: false, b7: true, mode: 2 })
  })

  it('a unit without function 22: the register is read, changed and written, and 22 is not tried again', async () => {
    const rig = await rigWith([...bits, mode], register, { refuse: ({ pdu }) => (pdu[0] === 22 ? 1 : 0) })
    await rig.write('b7', true)
    assert.equal(rig.unit.word('holding', 5), 0xff81)
    await rig.write('mode', 2)
    assert.equal(rig.unit.word('holding', 5), 0xaf81)
    assert.deepEqual(rig.asked(), [`22 5+${0xffff & ~0x80}`, '3 5+1', `6 5+${0xff81}`, '3 5+1', `6 5+${0xaf81}`])
  })

  it('a unit that is silent at function 22: nobody knows what happened, and the next time it is another way', async () => {
    const rig = await rigWith([...bits], register, { refuse: ({ pdu }) => (pdu[0] === 22 ? undefined : 0) })
    await assert.rejects(rig.write('b7', true), (error) => error instanceof WriteError && error.happened === 'maybe')
    rig.asked()
    await rig.write('b7', true)
    assert.equal(rig.unit.word('holding', 5), 0xff81)
    assert.ok(!rig.asked().some((request) => request.startsWith('22 ')))
  })

  it('a unit that is dead at the first function 22 is not taken for one that does not know it', async () => {
    const rig = await rigWith([...bits], register, { refuse: () => undefined })
    const [first] = bits
    await assert.rejects(rig.write(first?.name ?? '', true), WriteError)
    rig.refuse = () => 0
    await rig.clock.advance(61_000) // nothing is owed any longer
    rig.asked()
    await rig.write(first?.name ?? '', true)
    assert.match(rig.asked().at(-1) ?? '', /^22 /)
  })

  it('a unit that knows function 22 and is silent once is asked the same way again', async () => {
    const rig = await rigWith([...bits], register)
    await rig.write('b7', true)
    rig.refuse = () => undefined
    await assert.rejects(rig.write('b0', false), (error) => error instanceof WriteError && error.happened === 'maybe')
    rig.refuse = () => 0
    await rig.write('b0', false)
    assert.equal(rig.unit.word('holding', 5), 0xff80)
    assert.equal(rig.asked().filter((request) => /^(6|16) /.test(request)).length, 0)
  })

  it('what is known of a unit outlives the connection', async () => {
    const rig = await rigWith([...bits], register, { refuse: ({ pdu }) => (pdu[0] === 22 ? 1 : 0) })
    await rig.write('b7', true)
    await rig.driver.close()
    await rig.clock.run(rig.driver.open())
    rig.asked()
    await rig.write('b0', false)
    assert.deepEqual(rig.asked(), ['3 5+1', `6 5+${0xff80}`])
  })
})

describe('writing a point that takes its scale from another', () => {
  const limit = pointWith({ name: 'limit', address: 0, type: 'uint16', access: 'rw', scaleFrom: 'sf', max: 100 })
  const power = pointWith({ name: 'sf', address: 1, type: 'int16' })
  const registers = (sf: number) =>
    [
      { register: 'holding', address: 0, type: 'uint16', value: 0, writable: true },
      { register: 'holding', address: 1, type: 'int16', value: sf },
    ] as const

  it('the power of ten is read first', async () => {
    const rig = await rigWith([limit, power], registers(-2))
    await rig.write('limit', 99.5)
    assert.deepEqual(rig.asked(), ['3 1+1', '6 0+9950'])
    assert.deepEqual(await rig.read(), { limit: 99.5, sf: -2 })
    await assert.rejects(rig.write('limit', 100.5), (error) => error instanceof WriteError && error.code === 'range')
  })

  it('without one nothing is sent', async () => {
    const rig = await rigWith([limit, power], registers(-32_768))
    await assert.rejects(rig.write('limit', 50), (error) => {
      assert.ok(error instanceof WriteError)
      assert.deepEqual([error.code, error.happened, error.retriable], ['invalid', 'no', true])
      return true
    })
    assert.deepEqual(rig.asked(), ['3 1+1'])
  })

  it('when it cannot be read, nothing happened', async () => {
    const rig = await rigWith([limit, power], registers(0), { refuse: () => undefined })
    await assert.rejects(rig.write('limit', 50), (error) => error instanceof WriteError && error.happened === 'no')
  })
})

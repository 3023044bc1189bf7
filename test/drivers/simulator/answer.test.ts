/** The simulated unit answers as the specification demands, exceptions included. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedUnit, type UnitOptions } from '../../../src/drivers/simulator/unit.ts'

const identity = { 0: 'Acme', 1: 'M1', 2: '1.0', 4: 'Meter one', 128: 'x'.repeat(200), 129: 'y'.repeat(200) }

/** Holding 10..14 (12 read-only), input 0..1, coils 0..9, discrete 5. */
function unit(options: UnitOptions = {}): SimulatedUnit {
  const rw = { register: 'holding', type: 'uint16', writable: true } as const
  return new SimulatedUnit(
    1,
    [
      { ...rw, address: 10, value: 0x1234 },
      { ...rw, address: 11, value: 0x0012 },
      { ...rw, address: 12, value: 7, writable: false },
      { ...rw, address: 13, value: 13 },
      { ...rw, address: 14, value: 14 },
      { ...rw, address: 65_535, value: 1 },
      { register: 'input', address: 0, type: 'float32', value: 1.5 },
      ...Array.from({ length: 10 }, (_, address) => {
        return { register: 'coil', address, type: 'bool', value: address % 3 === 0, writable: true } as const
      }),
      { register: 'discrete', address: 5, type: 'bool', value: true },
    ],
    { identity, ...options },
  )
}

/** Request and reply in hexadecimal, each asked of a fresh unit. */
const table: readonly (readonly [what: string, request: string, reply: string])[] = [
  ['1 reads coils, the last byte padded', '01 0000 000A', '01 02 49 02'],
  ['1 with a count of 0', '01 0000 0000', '81 03'],
  ['1 with 2001 coils', '01 0000 07D1', '81 03'],
  ['1 beyond the last coil', '01 0009 0002', '81 02'],
  ['2 reads a discrete input', '02 0005 0001', '02 01 01'],
  ['3 reads registers', '03 000A 0002', '03 04 1234 0012'],
  ['3 with 126 registers, before the address is looked at', '03 0000 007E', '83 03'],
  ['3 into a hole', '03 000E 0002', '83 02'],
  ['3 beyond 65535', '03 FFFF 0002', '83 02'],
  ['3 too short', '03 000A 00', '83 03'],
  ['3 too long', '03 000A 0001 00', '83 03'],
  ['4 reads input registers', '04 0000 0002', '04 04 3FC0 0000'],
  ['5 switches on', '05 0001 FF00', '05 0001 FF00'],
  ['5 with a value that is neither', '05 0001 0001', '85 03'],
  ['5 where there is no coil', '05 000A FF00', '85 02'],
  ['6 writes', '06 000A BEEF', '06 000A BEEF'],
  ['6 to a read-only register', '06 000C 0001', '86 02'],
  ['7 is unknown', '07', '87 01'],
  ['15 writes coils', '0F 0000 000A 02 FF 03', '0F 0000 000A'],
  ['15 whose byte count contradicts its count', '0F 0000 000A 01 FF', '8F 03'],
  ['15 with 1969 coils', `0F 0000 07B1 F7 ${'00'.repeat(247)}`, '8F 03'],
  ['16 writes registers', '10 000A 0002 04 0001 0002', '10 000A 0002'],
  ['16 whose byte count contradicts its count', '10 000A 0002 02 0001', '90 03'],
  ['16 with 124 registers', `10 000A 007C F8 ${'0000'.repeat(124)}`, '90 03'],
  ['16 over a read-only register', '10 000B 0002 04 0001 0002', '90 02'],
  ['22 masks, the example of the specification', '16 000B 00F2 0025', '16 000B 00F2 0025'],
  ['22 where nothing is', '16 0001 00F2 0025', '96 02'],
  ['23 writes, then reads', '17 000D 0002 000D 0001 02 0099', '17 04 0099 000E'],
  ['23 with 122 registers to write', `17 000D 0001 000D 007A F4 ${'0000'.repeat(122)}`, '97 03'],
  ['43/14 basic', '2B 0E 01 00', '2B 0E 01 83 00 00 03 00 04 41636D65 01 02 4D31 02 03 312E30'],
  ['43/14 one object', '2B 0E 04 01', '2B 0E 04 83 00 00 01 01 02 4D31'],
  ['43/14 one that is not there', '2B 0E 04 03', 'AB 02'],
  ['43/14 with an unknown read code', '2B 0E 05 00', 'AB 03'],
  ['43 of another type', '2B 0D 01 00', 'AB 01'],
]

describe('a simulated unit', () => {
  for (const [what, request, reply] of table) {
    it(`function ${what}`, () => assert.equal(ask(unit(), request), hex(reply)))
  }

  it('has written what it confirmed, and nothing where it refused', () => {
    const one = unit()
    ask(one, '10 000A 0002 04 0001 0002')
    ask(one, '10 000B 0002 04 0009 0009')
    assert.deepEqual([one.word('holding', 10), one.word('holding', 11), one.word('holding', 12)], [1, 2, 7])
    ask(one, '16 000B 00F2 0025')
    assert.equal(one.word('holding', 11), (2 & 0xf2) | (0x25 & ~0xf2))
    ask(one, '0F 0000 0003 01 02')
    assert.deepEqual(
      [0, 1, 2, 3].map((address) => one.word('coil', address)),
      [0, 1, 0, 1],
    )
  })

  it('tells long identifications in parts', () => {
    const one = unit()
    const first = Buffer.from(ask(one, '2B 0E 03 00'), 'hex')
    assert.deepEqual([first[4], first[5], first.length <= 253], [0xff, 0x81, true])
    const second = Buffer.from(ask(one, '2B 0E 03 81'), 'hex')
    assert.deepEqual([second[4], second[6], second[7]], [0, 1, 0x81])
  })

  it('can be poorer: fewer functions, fewer registers, no identification, zeros in holes', () => {
    const poor = unit({ functions: [3, 6], registersMax: 2, identity: {}, zeroHoles: true })
    assert.equal(ask(poor, '10 000A 0001 02 0001'), hex('90 01'))
    assert.equal(ask(poor, '03 000A 0003'), hex('83 03'))
    assert.equal(ask(poor, '03 0001 0002'), hex('03 04 0000 0000'))
    assert.equal(ask(unit({ identity: {} }), '2B 0E 01 00'), hex('AB 01'))
    assert.equal(ask(unit({ identity: {} }), '11'), hex('91 01'))
    assert.equal(ask(unit({ identity: { 0: 'Acme', 1: 'M1' } }), '11'), hex('11 09 01 FF 41636D65 20 4D31'))
  })

  it('a written point stays as it was written, the others go on', () => {
    const rw = { register: 'holding', type: 'uint16', value: (seconds: number) => seconds, writable: true } as const
    const one = new SimulatedUnit(1, [
      { ...rw, address: 0 },
      { ...rw, address: 1 },
    ])
    assert.equal(ask(one, '03 0000 0002', 5), hex('03 04 0005 0005'))
    ask(one, '06 0000 0063', 6)
    assert.equal(ask(one, '03 0000 0002', 7), hex('03 04 0063 0007'))
  })

  it('bits of several points share a register, scale factors are followed, numbers fit', () => {
    const holding = { register: 'holding' } as const
    const one = new SimulatedUnit(1, [
      { ...holding, address: 0, type: 'bit', bit: 3, value: true },
      { ...holding, address: 0, type: 'bits', bit: 8, width: 4, value: 9 },
      { ...holding, name: 'factor', address: 1, type: 'int16', value: -2 },
      { ...holding, address: 2, type: 'uint16', scaleFrom: 'factor', value: 230.41 },
      { ...holding, address: 3, type: 'int16', value: 99_999 },
      { ...holding, address: 4, type: 'uint16', kind: 'counter', value: 65_535 + 12 },
    ])
    assert.equal(ask(one, '03 0000 0005'), hex('03 0A 0908 FFFE 5A01 7FFF 000C'))
  })
})

function ask(one: SimulatedUnit, request: string, seconds = 0): string {
  return Buffer.from(one.answer(Uint8Array.from(Buffer.from(hex(request), 'hex')), seconds)).toString('hex')
}

function hex(text: string): string {
  return text.replaceAll(' ', '').toLowerCase()
}

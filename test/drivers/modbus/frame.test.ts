import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { crc16 } from '../../../src/drivers/modbus/crc.ts'
import { type Request, rtu, rtuFrame, type Scan, tcp, tcpFrame } from '../../../src/drivers/modbus/frame.ts'
import { bytesOf } from '../../support/bus.ts'

/** Holding registers 100..101 of unit 17. */
const request: Request = { unitId: 17, pdu: bytesOf('03 0064 0002'), transaction: 0x1234 }
const reply = bytesOf('03 04 000a0102')
const sound = rtuFrame(17, reply)
const exception = rtuFrame(17, bytesOf('83 02'))
const foreignUnit = rtuFrame(18, reply)
const wrongFunction = rtuFrame(17, bytesOf('04 04 000a0102'))
const wrongLength = rtuFrame(17, bytesOf('03 02 000a'))
const damaged = Uint8Array.from(sound, (byte, index) => (index === 4 ? byte ^ 0x10 : byte))

/** What is found; `strangers` where a row is about them. */
type Found = Omit<Scan, 'strangers' | 'rubbish'> & { readonly strangers?: readonly number[] }

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}

describe('checksum', () => {
  it('is the one of the specification example (02 07 gives 1241)', () => {
    assert.equal(crc16(bytesOf('0207')), 0x1241)
  })
})

describe('finding the reply on a serial line', () => {
  const rows: readonly (readonly [string, Uint8Array, Found])[] = [
    ['the reply alone', sound, { reply, rest: bytesOf(''), troubles: [] }],
    ['an exception', exception, { reply: bytesOf('8302'), rest: bytesOf(''), troubles: [] }],
    ['nothing', bytesOf(''), { rest: bytesOf(''), troubles: [] }],
    ['half of the reply', sound.subarray(0, 5), { rest: sound.subarray(0, 5), troubles: [] }],
    ['another unit', foreignUnit, { rest: bytesOf(''), troubles: ['foreign_reply'] }],
    ['another function', wrongFunction, { rest: bytesOf(''), troubles: ['foreign_reply'] }],
    ['another length', wrongLength, { rest: bytesOf(''), troubles: ['foreign_reply'] }],
    // 1a 01 02 could be the beginning of another frame, so it is kept.
    ['damage', damaged, { rest: damaged.subarray(4), troubles: ['crc', 'noise'] }],
    ['noise, then the reply', joined(bytesOf('00ff7f'), sound), { reply, rest: bytesOf(''), troubles: ['noise'] }],
    ['the reply, then noise', joined(sound, bytesOf('00ff')), { reply, rest: bytesOf('00ff'), troubles: [] }],
    ['two replies glued', joined(sound, sound), { reply, rest: sound, troubles: [] }],
    [
      'another unit, then the reply',
      joined(foreignUnit, sound),
      { reply, rest: bytesOf(''), troubles: ['foreign_reply'] },
    ],
    ['the echo, then the reply', joined(rtu.build(request), sound), { reply, rest: bytesOf(''), troubles: ['echo'] }],
    [
      'the reply hidden inside a foreign frame',
      rtuFrame(18, joined(bytesOf('03'), Uint8Array.of(sound.length), sound)),
      { rest: bytesOf(''), troubles: ['foreign_reply'] },
    ],
  ]
  for (const [name, bytes, expected] of rows) {
    it(name, () => {
      const scan = rtu.scan(bytes, request)
      assert.deepEqual(plain(scan), plain(expected))
    })
  }

  it('names the units whose frames were left out', () => {
    assert.deepEqual(rtu.scan(joined(foreignUnit, wrongFunction), request).strangers, [18, 17])
    assert.deepEqual(rtu.scan(joined(rtu.build(request), damaged, sound), request).strangers, [])
  })

  describe('device identification, the length of which only its objects tell', () => {
    const asked: Request = { ...request, pdu: bytesOf('2b 0e01 00') }
    const part = bytesOf('2b 0e01 01 ff 02 02 00 04 41434d45 01 02 5058')
    const whole = rtuFrame(17, part)
    const totalled = rtuFrame(
      17,
      Uint8Array.from(part, (byte, index) => (index === 6 ? 7 : byte)),
    )

    for (const [name, frame] of [
      ['objects counted in this part', whole],
      ['objects counted over all parts', totalled],
    ] as const) {
      it(`${name}: found at once, and however it is cut`, () => {
        for (let cut = 0; cut < frame.length; cut++) {
          const first = rtu.scan(frame.subarray(0, cut), asked)
          assert.equal(first.reply, undefined, `cut at ${cut}`)
          const second = rtu.scan(joined(first.rest, frame.subarray(cut)), asked)
          assert.deepEqual(Buffer.from(second.reply ?? []), Buffer.from(frame.subarray(1, -2)), `cut at ${cut}`)
        }
      })
    }

    it('without objects', () => {
      const none = rtuFrame(17, bytesOf('2b 0e01 01 00 00 00'))
      assert.ok(rtu.scan(none, asked).reply)
    })

    it('no single damaged bit makes a text', () => {
      for (let bit = 0; bit < whole.length * 8; bit++) {
        const bytes = whole.map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
        assert.equal(rtu.scan(bytes, asked).reply, undefined, `bit ${bit}`)
      }
    })
  })

  it('a mask write is confirmed by the same bytes', () => {
    const asked: Request = { ...request, pdu: bytesOf('16 0004 00f2 0025') }
    assert.deepEqual(Buffer.from(rtu.scan(rtu.build(asked), asked).reply ?? []), Buffer.from(asked.pdu))
  })

  it('the reply is found however the bytes are cut into pieces', () => {
    for (let cut = 1; cut < sound.length; cut++) {
      const first = rtu.scan(sound.subarray(0, cut), request)
      assert.equal(first.reply, undefined)
      assert.deepEqual(
        Buffer.from(rtu.scan(joined(first.rest, sound.subarray(cut)), request).reply ?? []),
        Buffer.from(reply),
      )
    }
  })

  it('no single damaged bit makes a value', () => {
    for (let bit = 0; bit < sound.length * 8; bit++) {
      const bytes = Uint8Array.from(sound, (byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      assert.equal(rtu.scan(bytes, request).reply, undefined, `bit ${bit}`)
    }
  })

  it('random bytes are taken apart without a reply, and never keep more than a frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const scan = rtu.scan(bytes, request)
        assert.equal(scan.reply, undefined)
        assert.ok(scan.rest.length < 260)
      }),
    )
  })
})

describe('finding the reply in a TCP stream', () => {
  const good = tcpFrame({ ...request, pdu: reply })
  const late = tcpFrame({ ...request, pdu: reply, transaction: 0x1233 })
  const rows: readonly (readonly [string, Uint8Array, Found])[] = [
    ['the reply alone', good, { reply, rest: bytesOf(''), troubles: [] }],
    ['half of it', good.subarray(0, 8), { rest: good.subarray(0, 8), troubles: [] }],
    ['a late reply', late, { rest: bytesOf(''), troubles: ['foreign_reply'] }],
    ['a late reply, then the reply', joined(late, good), { reply, rest: bytesOf(''), troubles: ['foreign_reply'] }],
    [
      'the reply, then the half of another',
      joined(good, late.subarray(0, 5)),
      { reply, rest: late.subarray(0, 5), troubles: [] },
    ],
    [
      'another unit under our transaction',
      tcpFrame({ ...request, pdu: reply, unitId: 18 }),
      { rest: bytesOf(''), troubles: ['foreign_reply'], wrong: true },
    ],
    [
      'another length under our transaction',
      tcpFrame({ ...request, pdu: bytesOf('03 02 000a') }),
      { rest: bytesOf(''), troubles: ['foreign_reply'], wrong: true },
    ],
    [
      'no Modbus at all',
      bytesOf('485454502f312e31'),
      { rest: bytesOf('485454502f312e31'), troubles: ['noise'], broken: true },
    ],
    [
      'a length over the limit',
      bytesOf('123400000fff11'),
      { rest: bytesOf('123400000fff11'), troubles: ['noise'], broken: true },
    ],
  ]
  for (const [name, bytes, expected] of rows) {
    it(name, () => assert.deepEqual(plain(tcp.scan(bytes, request)), plain(expected)))
  }

  it('without an open request every frame is foreign', () => {
    assert.deepEqual(plain(tcp.scan(good, undefined)), { rest: '', troubles: ['foreign_reply'] })
    assert.deepEqual(tcp.scan(good, undefined).strangers, [17])
  })

  it('the header carries transaction, protocol 0, length and unit', () => {
    assert.equal(Buffer.from(tcp.build(request)).toString('hex'), '123400000006110300640002')
  })
})

/** Byte arrays as text, so that views of larger buffers compare by content. */
function plain(scan: Found & { readonly rubbish?: number }): unknown {
  const hex = (bytes: Uint8Array | undefined) => (bytes ? Buffer.from(bytes).toString('hex') : undefined)
  const { reply: found, strangers: _, rubbish: __, ...others } = scan
  return { ...others, rest: hex(scan.rest), ...(found ? { reply: hex(found) } : {}) }
}

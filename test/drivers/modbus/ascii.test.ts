import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ascii, asciiFrame } from '../../../src/drivers/modbus/ascii.ts'
import type { Request, Scan } from '../../../src/drivers/modbus/frame.ts'
import { bytesOf } from '../../support/bus.ts'

/** Holding registers 100..101 of unit 17. */
const request: Request = { unitId: 17, pdu: bytesOf('03 0064 0002'), transaction: 0 }
const reply = bytesOf('03 04 000a0102')
const sound = text(asciiFrame(17, reply))
const foreignUnit = text(asciiFrame(18, reply))

describe('an ASCII frame', () => {
  it('is a colon, hexadecimal digits, the LRC and the end of the line', () => {
    // 11 03 00 6B 00 03 sums up to 82; the LRC is 7E.
    assert.equal(text(asciiFrame(0x11, bytesOf('03 006b 0003'))), ':1103006B00037E\r\n')
  })

  it('has the length the bound on its time is made of', () => {
    assert.equal(ascii.replyBytes(request), sound.length)
    const mask = { ...request, pdu: bytesOf('16 0003 fffe 0001') }
    assert.equal(ascii.replyBytes(mask), asciiFrame(17, mask.pdu).length)
  })
})

describe('finding the reply on an ASCII line', () => {
  const damaged = sound.replace('0A', '0B')
  interface Found {
    readonly reply?: Uint8Array
    readonly rest?: string
    readonly troubles?: readonly string[]
    readonly strangers?: readonly number[]
  }
  const rows: readonly (readonly [string, string, Found])[] = [
    ['the reply alone', sound, { reply }],
    ['in small letters', sound.toLowerCase(), { reply }],
    ['an exception', text(asciiFrame(17, bytesOf('8302'))), { reply: bytesOf('8302') }],
    ['nothing', '', {}],
    ['half of the reply', sound.slice(0, 9), { rest: sound.slice(0, 9) }],
    ['all but the line feed', sound.slice(0, -1), { rest: sound.slice(0, -1) }],
    ['another unit', foreignUnit, { troubles: ['foreign_reply'], strangers: [18] }],
    [
      'another function',
      text(asciiFrame(17, bytesOf('04 04 000a0102'))),
      { troubles: ['foreign_reply'], strangers: [17] },
    ],
    ['another length', text(asciiFrame(17, bytesOf('03 02 000a'))), { troubles: ['foreign_reply'], strangers: [17] }],
    ['another digit', damaged, { troubles: ['crc'] }],
    ['a digit that is none', sound.replace('0A', '0X'), { troubles: ['crc'] }],
    ['a digit too few', sound.replace('0A', 'A'), { troubles: ['crc'] }],
    ['no carriage return', sound.replace('\r', ''), { troubles: ['crc'] }],
    ['damage in the head', sound.replace(':11', ':1Q'), { troubles: ['noise'] }],
    ['no colon', sound.slice(1), { troubles: ['noise'] }],
    ['a torn reply, then the reply', sound.slice(0, 9) + sound, { reply, troubles: ['crc'] }],
    ['a torn frame of another, then the reply', foreignUnit.slice(0, 9) + sound, { reply, troubles: ['noise'] }],
    ['noise, then the reply', `\x00\xff5A${sound}`, { reply, troubles: ['noise'] }],
    ['the reply, then noise', `${sound}\x00`, { reply, rest: '\x00' }],
    ['two replies glued', sound + sound, { reply, rest: sound }],
    ['another unit, then the reply', foreignUnit + sound, { reply, troubles: ['foreign_reply'], strangers: [18] }],
    ['the echo, then the reply', text(ascii.build(request)) + sound, { reply, troubles: ['echo'] }],
    ['an endless line', `:${'00'.repeat(300)}`, { troubles: ['noise'] }],
    ['a frame without content', ':00\r\n', { troubles: ['noise'] }],
  ]
  for (const [name, bytes, expected] of rows) {
    it(name, () => {
      const scan = ascii.scan(Buffer.from(bytes, 'latin1'), request)
      assert.deepEqual(plain(scan), { rest: '', troubles: [], strangers: [], ...expected, ...hexed(expected.reply) })
    })
  }

  it('an echo that could pass for the reply is still an echo', () => {
    // Coils 0x0300..0x0317: the count of bytes at the right place, and as long as a reply.
    const coils = { unitId: 17, pdu: bytesOf('01 0300 0018'), transaction: 0 }
    assert.deepEqual(ascii.scan(ascii.build(coils), coils).troubles, ['echo'])
  })

  it('the reply is found however the characters are cut into pieces', () => {
    for (let cut = 1; cut < sound.length; cut++) {
      const first = ascii.scan(Buffer.from(sound.slice(0, cut)), request)
      assert.equal(first.reply, undefined)
      const second = ascii.scan(Buffer.concat([first.rest, Buffer.from(sound.slice(cut))]), request)
      assert.deepEqual(hexed(second.reply), hexed(reply))
    }
  })

  it('no single damaged bit makes another value', () => {
    for (let bit = 0; bit < sound.length * 8; bit++) {
      const bytes = Buffer.from(sound).map((byte, index) => (index === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      const found = ascii.scan(bytes, request).reply
      assert.ok(found === undefined || Buffer.compare(found, reply) === 0, `bit ${bit}`)
    }
  })

  it('random characters are taken apart without a reply, and never keep more than a frame', () => {
    const characters = fc.array(fc.constantFrom(...':\r\n0123456789ABCDEFaf\x00\xff'), { maxLength: 1_500 })
    fc.assert(
      fc.property(characters, (drawn) => {
        const scan = ascii.scan(Buffer.from(drawn.join(''), 'latin1'), request)
        assert.equal(scan.reply, undefined)
        assert.ok(scan.rest.length <= 513)
      }),
    )
  })

  it('half a reply is told from noise', () => {
    assert.ok(ascii.mayBeReply(Buffer.from(sound.slice(0, 3)), request))
    assert.ok(ascii.mayBeReply(Buffer.from(sound.slice(0, 8)), request))
    assert.ok(!ascii.mayBeReply(Buffer.from(foreignUnit.slice(0, 8)), request))
    assert.ok(!ascii.mayBeReply(Buffer.from('rubbish'), request))
  })
})

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function hexed(bytes: Uint8Array | undefined) {
  return bytes ? { reply: Buffer.from(bytes).toString('hex') } : {}
}

function plain(scan: Scan): unknown {
  const { reply: found, rest, rubbish: _, ...others } = scan
  return { ...others, rest: text(rest), ...hexed(found) }
}

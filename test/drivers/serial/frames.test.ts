import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type ChecksumSettings, isSound } from '../../../src/drivers/serial/checksum.ts'
import {
  betweenFrames,
  cutFrames,
  endFrames,
  FRAME_MAX,
  type FrameState,
  inMidFrame,
} from '../../../src/drivers/serial/frames.ts'
import type { Trouble } from '../../../src/drivers/serial/messages.ts'
import type { BinaryFrameSettings } from '../../../src/settings.ts'
import { bytesOf } from '../../support/bus.ts'

const sum8: ChecksumSettings = { kind: 'sum8', from: 0, behind: 0, littleEndian: false }
/** AA, five bytes, their sum. */
const fixed: BinaryFrameSettings = { startsWith: bytesOf('AA'), length: { fixed: 7 }, checksum: sum8 }
/** 42 4D, the bytes that follow as two bytes, so many bytes, the sum of all before as two bytes. */
const counted: BinaryFrameSettings = {
  startsWith: bytesOf('42 4D'),
  length: { at: 2, bytes: 2, littleEndian: false, adds: 4 },
  checksum: { kind: 'sum16', from: 0, behind: 0, littleEndian: false },
}

type End = 'quiet' | 'torn'

/** What comes out of these pieces; `quiet` and `torn` are silences. */
function cutAll(pieces: readonly (string | Uint8Array)[], frame: BinaryFrameSettings, from: FrameState = inMidFrame) {
  let state = from
  const frames: string[] = []
  const troubles: Trouble[] = []
  for (const piece of pieces) {
    const isEnd = piece === 'quiet' || piece === 'torn'
    const bytes = typeof piece === 'string' && !isEnd ? bytesOf(piece) : piece
    const cut = isEnd
      ? endFrames(state, { frame, ending: piece as End })
      : cutFrames(state, { bytes: bytes as Uint8Array, frame })
    state = cut.state
    frames.push(...cut.messages.map((message) => Buffer.from(message).toString('hex').toUpperCase()))
    troubles.push(...cut.troubles)
  }
  return { frames, troubles, state }
}

const good = 'AA 01 02 03 04 05 B9'
const other = 'AA 11 12 13 14 15 09'
const plain = (text: string) => text.replaceAll(' ', '')

describe('the checksum of a frame', () => {
  const rows: readonly (readonly [string, string, Partial<ChecksumSettings>, boolean])[] = [
    ['sum8', good, {}, true],
    ['sum8, wrong', 'AA 01 02 03 04 05 B8', {}, false],
    ['sum8 of the middle, with a tail (SDS011)', 'AA C0 D4 04 3A 0A A1 60 1D AB', { from: 2, behind: 1 }, true],
    ['complement8 (MH-Z19)', 'FF 86 01 C1 3C 04 3C C1 7B', { kind: 'complement8', from: 1 }, true],
    ['complement8, wrong', 'FF 86 01 C2 3C 04 3C C1 7B', { kind: 'complement8', from: 1 }, false],
    ['complement8 of nothing but zeros', '00 00 00', { kind: 'complement8' }, true],
    ['xor8', '01 02 04 07', { kind: 'xor8' }, true],
    ['xor8, wrong', '01 02 04 06', { kind: 'xor8' }, false],
    ['sum16, high byte first (PMS5003)', '42 4D 00 04 01 F4 01 88', { kind: 'sum16' }, true],
    ['sum16, low byte first', '42 4D 00 04 01 F4 88 01', { kind: 'sum16', littleEndian: true }, true],
    ['crc16_modbus, low byte first', '01 03 00 00 00 01 84 0A', { kind: 'crc16_modbus', littleEndian: true }, true],
    ['crc16_ccitt of "123456789" is 29B1', '31 32 33 34 35 36 37 38 39 29 B1', { kind: 'crc16_ccitt' }, true],
    ['crc16_ccitt, bytes swapped', '31 32 33 34 35 36 37 38 39 B1 29', { kind: 'crc16_ccitt' }, false],
    ['a frame too short to hold it', '01', { from: 2 }, false],
  ]
  for (const [what, hex, given, sound] of rows) {
    it(`${what}: ${sound ? 'right' : 'wrong'}`, () => {
      assert.equal(isSound(bytesOf(hex), { ...sum8, ...given }), sound)
    })
  }
})

describe('cutting frames', () => {
  const rows: readonly (readonly [
    string,
    { readonly pieces: readonly string[]; readonly frames: readonly string[]; readonly troubles: readonly Trouble[] },
  ])[] = [
    ['a frame between silences', { pieces: ['quiet', good, 'quiet'], frames: [good], troubles: [] }],
    ['behind a silence it need not be waited for', { pieces: ['quiet', good], frames: [good], troubles: [] }],
    ['just opened, it must be followed by silence', { pieces: [good], frames: [], troubles: [] }],
    ['or by the next', { pieces: [good, 'AA'], frames: [good], troubles: [] }],
    ['but by nothing else', { pieces: [good, '00'], frames: [], troubles: [] }],
    ['the tail of a frame before is dropped', { pieces: ['03 04 05 B9', good, 'quiet'], frames: [good], troubles: [] }],
    ['two glued', { pieces: ['quiet', `${good} ${other}`], frames: [good, other], troubles: [] }],
    ['one in pieces', { pieces: ['quiet', 'AA 01', '02', 'quiet', '03 04 05 B9'], frames: [good], troubles: [] }],
    [
      'a damaged one is left out, the next is found',
      { pieces: ['quiet', 'AA 01 02 FF 04 05 B9', good, 'quiet'], frames: [good], troubles: ['checksum'] },
    ],
    [
      'each damaged one counts once',
      {
        pieces: ['quiet', 'AA 01 02 FF 04 05 B9', 'AA 01 AA FF 04 05 B9', good, 'quiet'],
        frames: [good],
        troubles: ['checksum', 'checksum'],
      },
    ],
    [
      'one that lacks a byte does not take the next along',
      { pieces: ['quiet', 'AA 01 02 04 05 B9', good, 'quiet'], frames: [good], troubles: ['checksum'] },
    ],
    [
      'one that breaks off is given up after a long silence only',
      { pieces: ['quiet', 'AA 01 02', 'quiet', 'torn', good, 'quiet'], frames: [good], troubles: ['short_reply'] },
    ],
    [
      'what hides in one that breaks off is found',
      { pieces: ['quiet', `AA ${good.slice(0, -3)}`, 'B9', 'torn'], frames: [good], troubles: ['checksum'] },
    ],
    [
      'noise before and after counts once each',
      {
        pieces: ['quiet', '00 01 02 03', good, '77 78', 'quiet', other, 'quiet'],
        frames: [other],
        troubles: ['noise'],
      },
    ],
    [
      'noise behind a frame that was taken',
      { pieces: ['quiet', good, '77 78', other, 'quiet'], frames: [good, other], troubles: ['noise'] },
    ],
  ]
  for (const [what, { pieces, frames, troubles }] of rows) {
    it(what, () => {
      const cut = cutAll(pieces, fixed)
      assert.deepEqual(cut.frames, frames.map(plain))
      assert.deepEqual(cut.troubles, troubles)
    })
  }

  it('takes the length from the frame', () => {
    const cut = cutAll(['quiet', '42 4D 00 04 01 F4 01 88', '42 4D 00 02 00 91'], counted)
    assert.deepEqual(cut.frames, ['424D000401F40188', '424D00020091'])
    assert.deepEqual(cut.troubles, [])
  })

  it('a length that cannot be is no frame, and does not swallow what follows', () => {
    const sound = '42 4D 00 02 00 91'
    assert.deepEqual(cutAll(['quiet', '42 4D FF FF', sound, 'quiet'], counted), {
      frames: [plain(sound)],
      troubles: ['too_long'],
      state: betweenFrames,
    })
    assert.deepEqual(cutAll(['quiet', '42 4D 00 00', sound, 'quiet'], counted).troubles, ['noise'])
  })

  it('low byte first, one byte, and a negative addition', () => {
    const little = { ...counted, length: { at: 2, bytes: 2, littleEndian: true, adds: 4 } } as const
    assert.deepEqual(cutAll(['quiet', '42 4D 02 00 00 91'], little).frames, ['424D02000091'])
    const whole = { ...counted, length: { at: 2, bytes: 1, littleEndian: false, adds: -2 } } as const
    assert.deepEqual(cutAll(['quiet', '42 4D 08 00 00 97'], whole).frames, ['424D08000097'])
  })

  it('a damaged frame of a real sensor, two bytes short, gives nothing', () => {
    // As printed by a PMS5003 on a UART that lost two bytes.
    const short = Uint8Array.of(
      66,
      77,
      0,
      28,
      0,
      4,
      0,
      5,
      0,
      5,
      0,
      4,
      0,
      5,
      0,
      3,
      126,
      0,
      226,
      0,
      23,
      0,
      2,
      0,
      0,
      0,
      0,
      151,
      0,
      2,
    )
    const cut = cutAll(['quiet', short, short, 'torn'], counted)
    assert.deepEqual(cut.frames, [])
    assert.ok(cut.troubles.includes('checksum'))
  })

  describe('without a checksum', () => {
    const frame: BinaryFrameSettings = { startsWith: bytesOf('AA'), length: { fixed: 4 } }
    it('a frame counts when silence or the next one follows', () => {
      assert.deepEqual(cutAll(['quiet', 'AA 01 02 03'], frame).frames, [])
      assert.deepEqual(cutAll(['quiet', 'AA 01 02 03', 'quiet'], frame).frames, ['AA010203'])
      assert.deepEqual(cutAll(['quiet', 'AA 01 02 03 AA'], frame).frames, ['AA010203'])
    })
    it('one that lost a byte is not filled up from the next', () => {
      const cut = cutAll(['quiet', 'AA 01 02', 'AA 04 05 06', 'quiet'], frame)
      assert.deepEqual(cut.frames, ['AA040506'])
      assert.deepEqual(cut.troubles, ['noise'])
    })
  })

  describe('without start and checksum', () => {
    const frame: BinaryFrameSettings = { startsWith: bytesOf(''), length: { fixed: 3 } }
    it('only silence tells a frame', () => {
      assert.deepEqual(cutAll(['01', 'torn', '01 02 03', 'quiet', '04 05', '06', 'quiet'], frame).frames, [
        '010203',
        '040506',
      ])
    })
    it('what was heard before the first silence is no frame', () => {
      assert.deepEqual(cutAll(['01 02 03', 'quiet'], frame), { frames: [], troubles: [], state: betweenFrames })
    })
    it('more or less than a frame is none', () => {
      const more = cutAll(['quiet', '01 02 03 04 05 06', 'quiet'], frame)
      assert.deepEqual([more.frames, more.troubles], [[], ['noise']])
      const less = cutAll(['quiet', '01 02', 'quiet', 'torn'], frame)
      assert.deepEqual([less.frames, less.troubles], [[], ['short_reply']])
    })
    it('is limited in memory', () => {
      const { state } = cutAll(['quiet', new Uint8Array(100_000)], frame)
      assert.ok(state.held.length <= FRAME_MAX)
    })
  })

  it('with a checksum and no start, damage is found a way out of', () => {
    const frame: BinaryFrameSettings = { startsWith: bytesOf(''), length: { fixed: 7 }, checksum: sum8 }
    const cut = cutAll(['quiet', good, '00', other, good, 'quiet'], frame)
    assert.deepEqual(cut.frames, [good, other, good].map(plain))
    assert.deepEqual(cut.troubles, ['checksum'])
  })
})

describe('any stream of bytes', () => {
  const byte = fc.integer({ min: 0, max: 255 })
  const payload = fc.uint8Array({ minLength: 0, maxLength: 30 })
  const sound = payload.map((content) => {
    const body = Uint8Array.of(0x42, 0x4d, 0, content.length + 2, ...content)
    const sum = body.reduce((so, each) => so + each, 0)
    return Uint8Array.of(...body, sum >> 8, sum & 0xff)
  })
  const piece = fc.oneof(
    { weight: 4, arbitrary: sound },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    // start bytes with an absurd length, a frame that breaks off, a frame with one byte changed
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }).map((rest) => Uint8Array.of(0x42, 0x4d, ...rest)) },
    { weight: 1, arbitrary: fc.tuple(sound, fc.nat(40)).map(([frame, end]) => frame.subarray(0, end)) },
    {
      weight: 1,
      arbitrary: fc.tuple(sound, fc.nat(40), byte).map(([frame, at, value]) => frame.with(at % frame.length, value)),
    },
  )
  const stream = fc.array(piece, { maxLength: 12 }).map((pieces) => Uint8Array.from(pieces.flatMap((one) => [...one])))
  const frames = [
    counted,
    { ...counted, startsWith: bytesOf('42') },
    { startsWith: bytesOf('42'), length: { fixed: 8 } },
    fixed,
  ]

  it('gives the same frames and troubles however it is cut into pieces, and none whose checksum is wrong', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (bytes, sizes) => {
        for (const frame of frames) {
          const pieces: Uint8Array[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1
            pieces.push(bytes.subarray(at, at + size))
            at += size
          }
          const whole = cutAll([bytes, 'quiet', 'torn'], frame)
          const cut = cutAll([...pieces, 'quiet', 'torn'], frame)
          assert.deepEqual(cut, whole)
          assert.equal(whole.state.held.length, 0)
          for (const hex of whole.frames) {
            assert.ok(!frame.checksum || isSound(bytesOf(hex), frame.checksum))
            assert.ok(Buffer.from(bytes).includes(Buffer.from(hex, 'hex')))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('gives every sound frame that stands between silences, whatever came before them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(stream, sound), { maxLength: 5 }), (pairs) => {
        const pieces = pairs.flatMap(([rubbish, frame]) => [rubbish, 'quiet', 'torn', frame, 'quiet'])
        const { frames: found } = cutAll(pieces, counted)
        for (const [, frame] of pairs) assert.ok(found.includes(Buffer.from(frame).toString('hex').toUpperCase()))
      }),
      { numRuns: 200 },
    )
  })

  it('never holds more than a frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), (pieces) => {
        let state = inMidFrame
        for (const each of pieces) {
          state = cutFrames(state, { bytes: Uint8Array.of(0x42, 0x4d, 0x03, ...each), frame: counted }).state
          assert.ok(state.held.length <= FRAME_MAX)
        }
      }),
      { numRuns: 100 },
    )
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ascii, asciiFrame } from '../../../src/drivers/modbus/ascii.ts'
import { begin, type Exchange, type ExchangeContext, type Input, step } from '../../../src/drivers/modbus/exchange.ts'
import { type Framing, rtu, rtuFrame, tcp, tcpFrame } from '../../../src/drivers/modbus/frame.ts'
import { bytesOf } from '../../support/bus.ts'

const read = { unitId: 17, pdu: bytesOf('03 0064 0001'), transaction: 7 }
const write = { unitId: 17, pdu: bytesOf('06 0064 002a'), transaction: 7 }
const reply = bytesOf('03 02 000a')
const sound = rtuFrame(17, reply)
const other = rtuFrame(17, bytesOf('03 02 00ff'))
const foreign = rtuFrame(18, reply)
const confirmed = rtuFrame(17, write.pdu)

interface Row {
  readonly name: string
  /** Hex: bytes arrive. */
  readonly inputs: readonly (Uint8Array | 'quiet' | 'deadline')[]
  readonly ends: string
  readonly troubles?: readonly string[]
  readonly given?: Partial<ExchangeContext>
}

const serial: readonly Row[] = [
  { name: 'nothing, deadline', inputs: ['deadline'], ends: 'failed timeout' },
  { name: 'silence alone decides nothing', inputs: ['quiet', 'quiet'], ends: 'waiting' },
  { name: 'reply, quiet', inputs: [sound, 'quiet'], ends: 'answered' },
  { name: 'reply, not yet quiet', inputs: [sound], ends: 'settling' },
  { name: 'reply, deadline before the silence', inputs: [sound, 'deadline'], ends: 'settling' },
  { name: 'reply, deadline, then the silence', inputs: [sound, 'deadline', 'quiet'], ends: 'answered' },
  {
    name: 'a second reply behind the deadline',
    inputs: [sound, 'deadline', other, 'quiet'],
    ends: 'failed foreign_reply',
  },
  {
    name: 'a line that never falls silent',
    inputs: [sound, 'deadline', bytesOf('55'), 'deadline'],
    ends: 'failed noise',
  },
  { name: 'reply in two pieces', inputs: [sound.slice(0, 3), 'quiet', sound.slice(3), 'quiet'], ends: 'answered' },
  { name: 'half a reply', inputs: [sound.slice(0, 4), 'quiet', 'deadline'], ends: 'failed short_reply' },
  {
    name: 'reply of another unit',
    inputs: [foreign, 'deadline'],
    ends: 'failed foreign_reply',
    troubles: ['foreign_reply'],
  },
  { name: 'another unit, then ours', inputs: [foreign, sound, 'quiet'], ends: 'answered', troubles: ['foreign_reply'] },
  {
    name: 'two different replies glued',
    inputs: [Buffer.concat([sound, other]), 'quiet'],
    ends: 'failed foreign_reply',
  },
  { name: 'a second reply within the silence', inputs: [sound, other, 'quiet'], ends: 'failed foreign_reply' },
  { name: 'a second reply, torn', inputs: [sound, other.slice(0, 4), 'quiet'], ends: 'failed foreign_reply' },
  {
    name: 'a second reply, damaged',
    inputs: [sound, other.map((byte, index) => (index === 4 ? byte ^ 1 : byte)), 'quiet'],
    ends: 'failed foreign_reply',
  },
  { name: 'the same reply twice', inputs: [sound, sound, 'quiet'], ends: 'failed foreign_reply' },
  { name: 'damaged', inputs: [bytesOf('1103020000ffff'), 'deadline'], ends: 'failed crc', troubles: ['crc', 'noise'] },
  { name: 'noise only', inputs: [bytesOf('00ff00ff'), 'deadline'], ends: 'failed noise' },
  { name: 'noise before', inputs: [bytesOf('00ff'), sound, 'quiet'], ends: 'answered', troubles: ['noise'] },
  { name: 'noise behind', inputs: [sound, bytesOf('ff'), 'quiet'], ends: 'answered', troubles: ['noise'] },
  { name: 'echo only', inputs: [rtu.build(read), 'deadline'], ends: 'failed timeout', troubles: ['echo'] },
  { name: 'echo and reply', inputs: [rtu.build(read), sound, 'quiet'], ends: 'answered', troubles: ['echo'] },
  { name: 'exception', inputs: [rtuFrame(17, bytesOf('8302')), 'quiet'], ends: 'answered' },
  { name: 'lingering: the silence is not enough', inputs: [sound, 'quiet'], ends: 'settling', given: { linger: true } },
  {
    name: 'lingering: alone until the deadline',
    inputs: [sound, 'quiet', 'deadline'],
    ends: 'answered',
    given: { linger: true },
  },
  {
    name: 'lingering: a second one',
    inputs: [sound, 'quiet', other, 'deadline', 'quiet'],
    ends: 'failed foreign_reply',
    given: { linger: true },
  },
  { name: 'write confirmed', inputs: [confirmed, 'quiet'], ends: 'answered', given: { request: write } },
  {
    name: 'write echoed and confirmed',
    inputs: [confirmed, confirmed, 'quiet'],
    ends: 'answered',
    given: { request: write },
  },
  {
    name: 'on a line with echo the echo confirms nothing',
    inputs: [confirmed, 'quiet', 'deadline'],
    ends: 'failed timeout',
    given: { request: write, echoes: true },
    troubles: ['echo'],
  },
  {
    name: 'on a line with echo the second one confirms',
    inputs: [Buffer.concat([confirmed, confirmed]), 'quiet'],
    ends: 'answered',
    given: { request: write, echoes: true },
    troubles: ['echo'],
  },
  {
    name: 'a little rubbish behind it',
    inputs: [sound, bytesOf('00ff00'), 'quiet'],
    ends: 'answered',
    troubles: ['noise'],
  },
  { name: 'as much of it as a frame is long', inputs: [sound, bytesOf('00ff00ff'), 'quiet'], ends: 'failed noise' },
  { name: 'final states stay', inputs: ['deadline', sound, 'quiet'], ends: 'failed timeout' },
]

const lines: readonly Row[] = [
  { name: 'reply, quiet', inputs: [asciiFrame(17, reply), 'quiet'], ends: 'answered' },
  { name: 'half a reply', inputs: [asciiFrame(17, reply).slice(0, 8), 'deadline'], ends: 'failed short_reply' },
  {
    name: 'reply in two pieces',
    inputs: [asciiFrame(17, reply).slice(0, 8), 'quiet', asciiFrame(17, reply).slice(8), 'quiet'],
    ends: 'answered',
  },
  { name: 'another unit', inputs: [asciiFrame(18, reply), 'deadline'], ends: 'failed foreign_reply' },
  { name: 'damaged', inputs: [Buffer.from(':110302000AFF\r\n'), 'deadline'], ends: 'failed crc' },
  { name: 'noise only', inputs: [Buffer.from('rubbish'), 'deadline'], ends: 'failed noise' },
  {
    name: 'two replies',
    inputs: [asciiFrame(17, reply), asciiFrame(17, bytesOf('03 02 00ff')), 'quiet'],
    ends: 'failed foreign_reply',
  },
  {
    name: 'a second reply, damaged',
    inputs: [asciiFrame(17, reply), Buffer.from(':110302000AFF\r\n'), 'quiet'],
    ends: 'failed foreign_reply',
  },
  { name: 'a little noise behind', inputs: [asciiFrame(17, reply), Buffer.from('\0\0'), 'quiet'], ends: 'answered' },
  {
    name: 'much noise behind',
    inputs: [asciiFrame(17, reply), Buffer.from('.........'), 'quiet'],
    ends: 'failed noise',
  },
  {
    name: 'echo and reply',
    inputs: [ascii.build(read), asciiFrame(17, reply), 'quiet'],
    ends: 'answered',
    troubles: ['echo'],
  },
  {
    name: 'on a line with echo the echo confirms nothing',
    inputs: [asciiFrame(17, write.pdu), 'quiet', 'deadline'],
    ends: 'failed timeout',
    given: { request: write, echoes: true },
  },
]

const stream: readonly Row[] = [
  { name: 'reply', inputs: [tcpFrame({ ...read, pdu: reply })], ends: 'answered' },
  {
    name: 'late reply, then ours',
    inputs: [late(), tcpFrame({ ...read, pdu: reply })],
    ends: 'answered',
    troubles: ['foreign_reply'],
  },
  { name: 'late reply only', inputs: [late(), 'deadline'], ends: 'failed foreign_reply' },
  { name: 'another unit', inputs: [tcpFrame({ ...read, unitId: 18, pdu: reply })], ends: 'failed foreign_reply' },
  {
    name: 'half a frame',
    inputs: [tcpFrame({ ...read, pdu: reply }).slice(0, 9), 'deadline'],
    ends: 'failed short_reply renew',
  },
  { name: 'no Modbus', inputs: [Buffer.from('HTTP/1.1 400')], ends: 'failed noise renew', troubles: ['noise'] },
  { name: 'nothing', inputs: ['deadline'], ends: 'failed timeout' },
]

function late(): Uint8Array {
  return tcpFrame({ ...read, pdu: reply, transaction: 6 })
}

for (const [kind, framing, rows] of [
  ['serial line', rtu, serial],
  ['ASCII line', ascii, lines],
  ['TCP', tcp, stream],
] as const) {
  describe(`exchange on ${kind}`, () => {
    for (const row of rows) {
      it(`${row.name}: ${row.ends}`, () => {
        const final = play(row, framing)
        const renew = final.at === 'failed' && final.renew ? ' renew' : ''
        assert.equal(`${final.at}${final.at === 'failed' ? ` ${final.code}` : ''}${renew}`, row.ends)
        if (row.troubles) assert.deepEqual(final.troubles, row.troubles)
        if (final.at === 'answered' && row.given?.request === undefined && row.name !== 'exception') {
          assert.equal(Buffer.from(final.reply).toString('hex'), Buffer.from(reply).toString('hex'))
        }
      })
    }
  })
}

function play(row: Row, framing: Framing): Exchange {
  const context = { request: read, framing, linger: false, echoes: false, ...row.given }
  return row.inputs.reduce<Exchange>((state, input) => {
    const given: Input = typeof input === 'string' ? { type: input } : { type: 'bytes', bytes: input }
    return step(state, given, context)
  }, begin())
}

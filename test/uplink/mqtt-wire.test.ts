import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { AckFilter } from '../../src/uplink/mqtt-wire.ts'

const ids = fc.integer({ min: 1, max: 65_535 })
const success = ids.map((messageId) => ({
  ack: messageId,
  bytes: bytesOf({ cmd: 'puback', messageId, reasonCode: 0 }),
}))
/** Success with its code and without subscribers, as brokers write them: with or without an empty property length. */
const spelledOut = fc.tuple(ids, fc.constantFrom(0x00, 0x10), fc.boolean()).map(([ack, code, properties]) => ({
  ack,
  bytes: Buffer.from(properties ? [0x40, 4, ack >> 8, ack & 255, code, 0] : [0x40, 3, ack >> 8, ack & 255, code]),
}))
const foreign = fc
  .oneof(
    ids.map((messageId): Packet => ({ cmd: 'puback', messageId, reasonCode: 0x97 })),
    ids.map(
      (messageId): Packet => ({ cmd: 'puback', messageId, reasonCode: 0, properties: { reasonString: 'as you like' } }),
    ),
    fc.constant<Packet>({ cmd: 'pingresp' }),
    fc.tuple(ids, fc.string({ maxLength: 300 })).map(
      ([messageId, payload]): Packet => ({
        cmd: 'publish',
        topic: 'cmd',
        payload,
        qos: 1,
        dup: false,
        retain: false,
        messageId,
      }),
    ),
  )
  .map((packet) => ({ ack: undefined, bytes: bytesOf(packet) }))

function bytesOf(packet: Packet): Buffer {
  return generate(packet, { protocolVersion: 5 })
}

test('successful acknowledgements are taken out and all else stays as it is, however the stream is cut', () => {
  const packets = fc.array(fc.oneof(success, spelledOut, foreign), { maxLength: 30 })
  fc.assert(
    fc.property(packets, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, cuts) => {
      const acks: number[] = []
      const filter = new AckFilter((id) => acks.push(id))
      const stream = Buffer.concat(list.map(({ bytes }) => bytes))
      const rest: Uint8Array[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = cuts[turn % cuts.length] ?? 1
        rest.push(filter.filter(stream.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(
        acks,
        list.flatMap(({ ack }) => ack ?? []),
      )
      const expected = Buffer.concat(list.flatMap(({ ack, bytes }) => (ack === undefined ? bytes : [])))
      assert.deepEqual(Buffer.concat(rest), expected)
    }),
  )
})

test('noise goes to the parser, which knows how to refuse it', () => {
  const filter = new AckFilter(() => assert.fail('an acknowledgement in noise'))
  const noise = Buffer.from([0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])
  assert.deepEqual(Buffer.from(filter.filter(noise)), noise)
  assert.deepEqual(Buffer.from(filter.filter(Buffer.from([0x40, 2, 0, 1]))), Buffer.from([0x40, 2, 0, 1]))
})

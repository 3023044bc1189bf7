import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { generate, type Packet } from 'mqtt-packet'
import { AckFilter } from '../../../src/uplink/mqtt/wire.ts'

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

const deliveries = fc
  .record({
    messageId: ids,
    topic: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
    payload: fc.string({ maxLength: 300 }),
    qos: fc.constantFrom(1 as const, 2 as const),
    dup: fc.boolean(),
    retain: fc.boolean(),
  })
  .map((delivery) => {
    const packet = { cmd: 'publish', properties: { messageExpiryInterval: 5 }, ...delivery } as const
    return {
      bytes: bytesOf(packet),
      rest: bytesOf({ ...packet, qos: 1 }),
      ...(delivery.qos === 2 ? { exactlyOnce: delivery.messageId } : {}),
    }
  })

interface Piece {
  readonly bytes: Buffer
  /** What the library gets of it; absent: the same, unless it is an acknowledgement. */
  readonly rest?: Buffer
  readonly ack?: number | undefined
  readonly exactlyOnce?: number
}

test('successful acknowledgements are taken out, QoS 2 is noted, and all else stays as it is, however the stream is cut', () => {
  const packets = fc.array(fc.oneof(success, spelledOut, foreign, deliveries), { maxLength: 30 })
  fc.assert(
    fc.property(packets, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list: Piece[], cuts) => {
      const acks: number[] = []
      const exactlyOnce: number[] = []
      const filter = new AckFilter({
        onAck: (id) => void acks.push(id),
        onExactlyOnce: (id) => void exactlyOnce.push(id),
      })
      const stream = Buffer.concat(list.map(({ bytes }) => bytes))
      const rest: Uint8Array[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = cuts[turn % cuts.length] ?? 1
        rest.push(filter.filter(stream.subarray(at, at + size)))
        at += size
      }
      const noted = (pick: (piece: Piece) => number | undefined) => list.flatMap((piece) => pick(piece) ?? [])
      assert.deepEqual(
        acks,
        noted(({ ack }) => ack),
      )
      assert.deepEqual(
        exactlyOnce,
        noted((piece) => piece.exactlyOnce),
      )
      const expected = list.flatMap(({ ack, bytes, rest: left }) => (ack === undefined ? (left ?? bytes) : []))
      assert.deepEqual(Buffer.concat(rest), Buffer.concat(expected))
    }),
  )
})

test('noise goes to the parser, which knows how to refuse it', () => {
  const filter = new AckFilter({
    onAck: () => assert.fail('an acknowledgement in noise'),
    onExactlyOnce: () => assert.fail('a delivery in noise'),
  })
  const noise = Buffer.from([0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3])
  assert.deepEqual(Buffer.from(filter.filter(noise)), noise)
  assert.deepEqual(Buffer.from(filter.filter(Buffer.from([0x40, 2, 0, 1]))), Buffer.from([0x40, 2, 0, 1]))
})

test('a delivery at QoS 2 that is none goes to the parser as it is', () => {
  const handlers = { onAck() {}, onExactlyOnce: () => assert.fail('a delivery in noise') }
  for (const noise of [
    // A topic longer than the packet, and a length that never ends.
    [0x34, 5, 0x10, 0x00, 0x61, 0x62, 0x63],
    [0x34, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 0x61, 0, 1],
  ]) {
    assert.deepEqual([...new AckFilter(handlers).filter(Uint8Array.from(noise))], noise)
  }
})

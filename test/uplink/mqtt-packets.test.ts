import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type IPublishPacket, parser as makeParser, type Packet } from 'mqtt-packet'
import { type ProtocolVersion, PublishEncoder, pubackPacket } from '../../src/uplink/mqtt-packets.ts'

/** Reads bytes with the parser of mqtt-packet. */
function parse(bytes: Uint8Array, protocolVersion: ProtocolVersion): Packet[] {
  const packets: Packet[] = []
  const parser = makeParser({ protocolVersion })
  parser.on('packet', (packet: Packet) => packets.push(packet))
  parser.on('error', (error: Error) => assert.fail(error))
  assert.equal(parser.parse(Buffer.from(bytes)), 0, 'bytes are left over')
  return packets
}

const messages = fc.array(
  fc.record({
    topic: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((topic) => !/[+#\0]/.test(topic)),
    payload: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.uint8Array({ maxLength: 400 })),
    id: fc.integer({ min: 1, max: 65_535 }),
    contentType: fc.option(fc.string({ minLength: 1, maxLength: 20 }), { nil: undefined }),
  }),
  { maxLength: 20 },
)

test('what the encoder writes, another implementation reads the same', () => {
  fc.assert(
    fc.property(messages, fc.constantFrom<ProtocolVersion>(4, 5), (list, version) => {
      const chunks: Uint8Array[] = []
      const encoder = new PublishEncoder(version, (chunk) => chunks.push(chunk))
      for (const { topic, payload, id, contentType } of list) {
        const size = encoder.sizeOf(topic, payload, contentType)
        assert.equal(encoder.add(topic, payload, { id, contentType }), size)
      }
      encoder.flush()
      assert.equal(encoder.pendingBytes, 0)
      const packets = parse(Buffer.concat(chunks), version) as IPublishPacket[]
      assert.equal(packets.length, list.length)
      for (const [index, packet] of packets.entries()) {
        const sent = list[index]
        assert.ok(sent)
        const { cmd, qos, retain, dup, topic, messageId } = packet
        assert.deepEqual(
          { cmd, qos, retain, dup, topic, messageId },
          { cmd: 'publish', qos: 1, retain: false, dup: false, topic: sent.topic, messageId: sent.id },
        )
        assert.deepEqual(Buffer.from(packet.payload), Buffer.from(sent.payload))
        if (version === 5) assert.equal(packet.properties?.contentType, sent.contentType)
      }
    }),
  )
})

test('sizes around each step of the length field are right', () => {
  for (const bytes of [100, 127, 128, 16_383, 16_384, 65_536, 200_000, 2_097_151, 2_097_152]) {
    const chunks: Uint8Array[] = []
    const encoder = new PublishEncoder(5, (chunk) => chunks.push(chunk))
    const payload = 'x'.repeat(bytes)
    const size = encoder.add('t', payload, { id: 7 })
    encoder.flush()
    const all = Buffer.concat(chunks)
    assert.equal(all.length, size)
    const [packet] = parse(all, 5) as IPublishPacket[]
    assert.equal(packet?.payload.length, bytes)
  }
})

test('written chunks are never written into again', () => {
  const chunks: { chunk: Uint8Array; copy: Uint8Array }[] = []
  const encoder = new PublishEncoder(4, (chunk) => chunks.push({ chunk, copy: chunk.slice() }))
  for (let id = 1; id <= 3_000; id++) {
    encoder.add('topic', `payload ${id}`.repeat(10), { id })
    if (id % 7 === 0) encoder.flush()
  }
  encoder.flush()
  assert.ok(chunks.length > 400)
  for (const { chunk, copy } of chunks) assert.deepEqual(chunk, copy)
})

test('a topic that MQTT cannot carry is an error, not a broken packet', () => {
  const encoder = new PublishEncoder(4, () => {})
  assert.throws(() => encoder.add('t'.repeat(65_536), '', { id: 1 }), RangeError)
})

test('our PUBACK is a PUBACK with success in both versions', () => {
  for (const version of [4, 5] as const) {
    const [packet] = parse(pubackPacket(0x1234), version)
    assert.equal(packet?.cmd, 'puback')
    assert.equal(packet?.messageId, 0x1234)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type IPublishPacket, parser as makeParser, type Packet } from 'mqtt-packet'
import type { ProtocolVersion } from '../../../src/uplink/mqtt/heads.ts'
import { PublishEncoder, type PublishTerms, pubackPacket, pubrecPacket } from '../../../src/uplink/mqtt/packets.ts'
import type { Message } from '../../../src/uplink/transport.ts'

/** Reads bytes with the parser of mqtt-packet. */
function parse(bytes: Uint8Array, protocolVersion: ProtocolVersion): Packet[] {
  const packets: Packet[] = []
  const parser = makeParser({ protocolVersion })
  parser.on('packet', (packet: Packet) => packets.push(packet))
  parser.on('error', (error: Error) => assert.fail(error))
  assert.equal(parser.parse(Buffer.from(bytes)), 0, 'bytes are left over')
  return packets
}

const strings = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\0'))
const topics = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((topic) => !/[+#\0]/.test(topic))

/** As the sender makes them: a few topics and a few sets of properties that come again and again. */
const messages = fc
  .tuple(
    fc.array(topics, { minLength: 1, maxLength: 6 }),
    fc.array(
      fc.option(
        fc.record(
          {
            contentType: strings,
            expirySeconds: fc.integer({ min: 1, max: 0xffff_ffff }),
            user: fc.dictionary(strings, strings, { maxKeys: 4 }),
            correlationData: fc.uint8Array({ maxLength: 200 }),
          },
          { requiredKeys: [] },
        ),
        { nil: undefined },
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .chain(([someTopics, someProperties]) =>
    fc.array(
      fc
        .record(
          {
            topic: fc.constantFrom(...someTopics),
            payload: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.uint8Array({ maxLength: 400 })),
            properties: fc.constantFrom(...someProperties),
            id: fc.oneof(fc.constant('gw/17-3f9a2c/184467'), strings, fc.string({ minLength: 100, maxLength: 200 })),
            retain: fc.boolean(),
            reply: fc.constant(true),
          },
          { requiredKeys: ['topic', 'payload'] },
        )
        .chain((message) => fc.tuple(fc.constant(message as Message), fc.integer({ min: 0, max: 65_535 }))),
      { maxLength: 40 },
    ),
  )

const plain: PublishTerms = { version: 5, topicAliasMax: 0, packetBytesMax: 268_435_455, retainAvailable: true }

/** What a server understands of the packets: topics in full, aliases looked up as it has to. */
class ServerSide {
  readonly aliases = new Map<number, string>()
  announced = 0

  understand(packet: IPublishPacket) {
    const { topicAlias, messageExpiryInterval, contentType, userProperties, correlationData } = packet.properties ?? {}
    if (topicAlias !== undefined && packet.topic !== '') {
      this.announced += 1
      this.aliases.set(topicAlias, packet.topic)
    }
    const topic = packet.topic === '' ? this.aliases.get(topicAlias ?? 0) : packet.topic
    const { qos, retain, dup, messageId } = packet
    const payload = Buffer.from(packet.payload)
    return {
      topic,
      qos,
      retain,
      dup,
      messageId,
      payload,
      messageExpiryInterval,
      contentType,
      correlationData,
      ...userOf(userProperties),
    }
  }
}

/** The id comes last, after the operator's own. */
function userOf(all: Readonly<Record<string, string | string[]>> | undefined) {
  return { user: Object.entries(all ?? {}).map(([name, value]) => [name, [value].flat()]) }
}

const bufferOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes)

function meantFor(message: Message, packetId: number, version: ProtocolVersion) {
  const all: [string, string[]][] =
    version === 4 ? [] : Object.entries(message.properties?.user ?? {}).map(([name, value]) => [name, [value]])
  if (version === 5 && message.id !== undefined) {
    const own = all.find(([name]) => name === 'id')
    if (own) own[1].push(message.id)
    else all.push(['id', [message.id]])
  }
  return {
    topic: message.topic,
    qos: packetId === 0 ? 0 : 1,
    retain: message.retain ?? false,
    dup: false,
    messageId: packetId === 0 ? undefined : packetId,
    payload: Buffer.from(message.payload),
    messageExpiryInterval: version === 5 ? message.properties?.expirySeconds : undefined,
    contentType: version === 5 ? message.properties?.contentType : undefined,
    correlationData: version === 5 ? bufferOf(message.properties?.correlationData) : undefined,
    user: all,
  }
}

test('what the encoder writes, another implementation reads the same, topic aliases or not', () => {
  const termsOf = fc.record({
    version: fc.constantFrom<ProtocolVersion>(4, 5),
    topicAliasMax: fc.constantFrom(0, 1, 3, 65_535),
    packetBytesMax: fc.constantFrom(60, 268_435_455),
    retainAvailable: fc.constant(true),
  })
  fc.assert(
    fc.property(messages, termsOf, (list, terms) => {
      const chunks: Uint8Array[] = []
      const encoder = new PublishEncoder(terms, (chunk) => chunks.push(chunk))
      for (const [message, packetId] of list) {
        const largest = encoder.sizeOf(message)
        const size = encoder.add(message, packetId)
        if (terms.topicAliasMax === 0 && packetId !== 0) assert.equal(size, largest)
        // A packet that would fit never becomes too large by what is added to it.
        assert.ok(size <= Math.max(largest, terms.packetBytesMax), `${size} of ${largest}`)
      }
      encoder.flush()
      assert.equal(encoder.pendingBytes, 0)
      const server = new ServerSide()
      const packets = parse(Buffer.concat(chunks), terms.version) as IPublishPacket[]
      assert.deepEqual(
        packets.map((packet) => server.understand(packet)),
        list.map(([message, packetId]) => meantFor(message, packetId, terms.version)),
      )
      assert.ok(server.aliases.size <= terms.topicAliasMax)
      assert.equal(server.announced, server.aliases.size)
    }),
    { numRuns: 300 },
  )
})

function encoded(terms: Partial<PublishTerms>, list: readonly Message[]): IPublishPacket[] {
  const chunks: Uint8Array[] = []
  const encoder = new PublishEncoder({ ...plain, ...terms }, (chunk) => chunks.push(chunk))
  list.forEach((message, index) => void encoder.add(message, index + 1))
  encoder.flush()
  return parse(Buffer.concat(chunks), 5) as IPublishPacket[]
}

test('a topic is a number from its third message on, whatever properties come with it', () => {
  const topic = 'tidegate/plant7-gw01/boiler/data'
  const message = { topic, payload: '1' }
  const packets = encoded({ topicAliasMax: 10 }, [message, message, message, { ...message, properties: { user: {} } }])
  assert.deepEqual(
    packets.map((packet) => [packet.topic, packet.properties?.topicAlias]),
    [
      [topic, undefined],
      [topic, 1],
      ['', 1],
      ['', 1],
    ],
  )
})

test('no alias for what is retained, for a topic that is as short as a number, and beyond what the server remembers', () => {
  const three = (message: Message) => [message, message, message]
  const lists = [
    three({ topic: 'tidegate/gw/state', payload: '1', retain: true }),
    three({ topic: 'a/b', payload: '1' }),
    three({ topic: 'topic/one', payload: '1' }),
    three({ topic: 'topic/two', payload: '1' }),
  ]
  const packets = encoded({ topicAliasMax: 1 }, lists.flat())
  assert.deepEqual([...new Set(packets.map(({ properties }) => properties?.topicAlias))], [undefined, 1])
  assert.deepEqual(
    packets.flatMap(({ topic }, index) => (topic === '' ? [index] : [])),
    [8],
  )
})

test('announcing a number never makes a packet too large that would have fitted', () => {
  const properties = { user: { a: 'x'.repeat(118) } }
  for (const bytes of [50, 200, 20_000, 3_000_000]) {
    const message = { topic: 'tidegate/gw/boiler/data', payload: 'x'.repeat(bytes), properties, id: 'gw/1-2/3' }
    const bare = new PublishEncoder(plain, () => {}).sizeOf(message)
    for (let more = 0; more <= 12; more++) {
      const terms = { ...plain, topicAliasMax: 1, packetBytesMax: bare + more }
      const encoder = new PublishEncoder(terms, () => {})
      const sizes = [1, 2, 3].map((id) => encoder.add(message, id))
      assert.ok(Math.max(...sizes) <= terms.packetBytesMax, `${sizes} of ${terms.packetBytesMax}`)
      if (more === 0) assert.equal(sizes[2], bare)
      if (more === 12) assert.ok((sizes[2] ?? bare) < bare)
    }
  }
})

test('answers take no number, and none of what is remembered for the records', () => {
  const data = { topic: 'tidegate/plant7-gw01/boiler/data', payload: '1' }
  // More topics than are remembered.
  const answers = Array.from({ length: 10_000 }, (_, n) => ({
    topic: `asker/${n % 5_000}/answers`,
    payload: '{}',
    reply: true as const,
    ...(n % 2 === 0 ? { properties: { correlationData: Uint8Array.of(n & 0xff) } } : {}),
  }))
  const packets = encoded({ topicAliasMax: 10 }, [data, data, ...answers, data])
  assert.ok(packets.slice(2, -1).every(({ topic, properties }) => topic !== '' && properties?.topicAlias === undefined))
  assert.deepEqual([packets.at(-1)?.topic, packets.at(-1)?.properties?.topicAlias], ['', 1])
})

test('a server without retained messages gets none', () => {
  const [packet] = encoded({ retainAvailable: false }, [{ topic: 't', payload: '1', retain: true }])
  assert.equal(packet?.retain, false)
})

test('sizes around each step of the length field are right', () => {
  for (const bytes of [100, 127, 128, 16_383, 16_384, 65_536, 200_000, 2_097_151, 2_097_152]) {
    const chunks: Uint8Array[] = []
    const encoder = new PublishEncoder(plain, (chunk) => chunks.push(chunk))
    const payload = 'x'.repeat(bytes)
    const size = encoder.add({ topic: 't', payload }, 7)
    encoder.flush()
    const all = Buffer.concat(chunks)
    assert.equal(all.length, size)
    const [packet] = parse(all, 5) as IPublishPacket[]
    assert.equal(packet?.payload.length, bytes)
  }
})

test('written chunks are never written into again', () => {
  const chunks: { chunk: Uint8Array; copy: Uint8Array }[] = []
  const encoder = new PublishEncoder({ ...plain, version: 4 }, (chunk) => chunks.push({ chunk, copy: chunk.slice() }))
  for (let id = 1; id <= 3_000; id++) {
    encoder.add({ topic: 'topic', payload: `payload ${id}`.repeat(10) }, id)
    if (id % 7 === 0) encoder.flush()
  }
  encoder.flush()
  assert.ok(chunks.length > 400)
  for (const { chunk, copy } of chunks) assert.deepEqual(chunk, copy)
})

test('a topic that MQTT cannot carry is an error, not a broken packet', () => {
  const encoder = new PublishEncoder(plain, () => {})
  assert.throws(() => encoder.add({ topic: 't'.repeat(65_536), payload: '' }, 1), RangeError)
})

test('our answers are answers with success in both versions', () => {
  for (const version of [4, 5] as const) {
    const answers = parse(Buffer.concat([pubackPacket(0x1234), pubrecPacket(0xfedc)]), version)
    assert.deepEqual(
      answers.map((packet) => [packet.cmd, packet.messageId]),
      [
        ['puback', 0x1234],
        ['pubrec', 0xfedc],
      ],
    )
  }
})

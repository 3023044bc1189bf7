/**
 * Formats, batches and compression together: whatever was recorded comes out of the messages again, all of it, once, and
 * in order on each topic.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { silentLogger } from '../../../src/log.ts'
import { parseJson, type StoredRecord } from '../../../src/model.ts'
import { recordText } from '../../../src/uplink/formats/envelope.ts'
import { formatOf } from '../../../src/uplink/formats/formats.ts'
import { pubackFate } from '../../../src/uplink/mqtt/fates.ts'
import { Sender } from '../../../src/uplink/sending/sender.ts'
import type { Message } from '../../../src/uplink/transport.ts'
import type { BatchSettings, FormatSettings, MqttSettings } from '../../../src/uplink-settings.ts'
import { MemoryFeed, record } from '../../support/feed.ts'
import { anyReading } from '../../support/readings.ts'
import { mqttSettings } from '../../support/uplink-settings.ts'
import { ManualClock, turnsUntil } from '../manual-clock.ts'
import { ScriptedSession } from '../scripted-session.ts'

const topics = { data: 't/{device}/{point}', event: 't/event', result: 't/command/{key}/result' }
const accepted = pubackFate(0)
const never = pubackFate(0x99)

const anyRecord: fc.Arbitrary<StoredRecord> = fc.oneof(
  { weight: 8, arbitrary: anyReading.map(({ stored }) => stored) },
  fc.constantFrom(
    record({ kind: 'event', source: '', body: '"event":"started","note":"größer"' }),
    record({ kind: 'outcome', source: 'setpoint', body: '"id":"cmd-7","key":"setpoint","state":"applied"' }),
  ),
)

/** Few devices, so that they share topics, with the seqs of a feed. */
const anyRecords = fc
  .array(fc.tuple(anyRecord, fc.constantFrom('a', 'b', 'c')), { maxLength: 40, size: 'max' })
  .map((all) =>
    all.map(([stored, source], index): StoredRecord => {
      const seq = index + 1
      return stored.kind === 'data' ? { ...stored, source, seq } : { ...stored, seq }
    }),
  )

const anyBatch: fc.Arbitrary<BatchSettings> = fc.record({
  recordsMax: fc.integer({ min: 1, max: 12 }),
  bytesMax: fc.constantFrom(1, 400, 2_000, 100_000),
  waitMaxMs: fc.constant(0),
  gzip: fc.boolean(),
})

const formats: readonly FormatSettings[] = [
  { type: 'json-flat' },
  { type: 'template', per: 'record', contentType: 'application/json', template: '{"t":{ts},"r":{record}}' },
  { type: 'template', per: 'point', contentType: 'text/plain', template: '{id} {point} {value} {error}' },
]

interface Run {
  readonly settings?: Partial<MqttSettings>
  readonly answers?: (message: Message) => typeof accepted
  readonly packetBytesMax?: number
}

/** Sends all records in one session; gives the messages as they were published. */
async function sendAll(records: readonly StoredRecord[], run: Run): Promise<{ sent: Message[]; feed: MemoryFeed }> {
  const feed = new MemoryFeed({ async: true })
  feed.records.push(...records)
  const settings = mqttSettings('mqtt://unused', { topics, ...run.settings })
  const parts = { feed, clock: new ManualClock(), log: silentLogger, random: () => 0.5 }
  const sender = new Sender(settings, parts)
  const session = new ScriptedSession()
  session.packetBytesMax = run.packetBytesMax ?? session.packetBytesMax
  const sent: Message[] = []
  session.answers = (message) => {
    // What the sender does with its message later must not change what was published.
    sent.push({ ...message })
    return run.answers?.(message) ?? accepted
  }
  sender.open(session)
  await turnsUntil(() => feed.pending === 0)
  sender.close()
  return { sent, feed }
}

function textOf({ payload }: Message): string {
  if (typeof payload === 'string') return payload
  assert.deepEqual([...payload.subarray(0, 2)], [0x1f, 0x8b])
  return gunzipSync(payload).toString()
}

/** The records in a message: an array of readings, or one event or result as it is. */
function membersOf(message: Message): unknown[] {
  const parsed = parseJson(textOf(message))
  const isArray = Array.isArray(parsed)
  assert.equal(isArray, !/^t\/(event|command)/.test(message.topic), message.topic)
  if (!isArray) assert.equal(typeof message.payload, 'string')
  return isArray ? parsed : [parsed]
}

test('json in batches, compressed or not: the records are those that went in, in order on each topic', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, anyBatch, async (records, batch) => {
      const { sent, feed } = await sendAll(records, { settings: { batch } })
      const expected = Map.groupBy(records, (each) => formatOf({ type: 'json' }, topics).pieces(each)[0]?.topic)
      const got = Map.groupBy(sent, ({ topic }) => topic)
      assert.deepEqual(new Set(got.keys()), new Set(expected.keys()))
      for (const [topic, messages] of got) {
        const members = messages.flatMap((message) => membersOf(message))
        assert.deepEqual(
          members,
          expected.get(topic)?.map((each) => parseJson(recordText(each))),
        )
      }
      assert.equal(feed.rejectedRecords.length, 0)
      for (const message of sent) {
        const text = textOf(message)
        const count = membersOf(message).length
        assert.ok(count <= batch.recordsMax)
        assert.ok(count === 1 || Buffer.byteLength(text) <= batch.bytesMax)
        assert.ok(message.payload.length <= Buffer.byteLength(text))
        const marked = message.properties?.user?.['content-encoding'] === 'gzip'
        assert.equal(marked, typeof message.payload !== 'string')
      }
    }),
    { numRuns: 60 },
  )
})

test('a large payload that takes its time to compress is not overtaken by small ones', async () => {
  const notes = ['x'.repeat(4_000_000), 'y'.repeat(100), 'z'.repeat(100)]
  const records = notes.map((note, index) => record({ seq: index + 1, body: `"note":"${note}"` }))
  const batch = { recordsMax: 1, bytesMax: 100_000, waitMaxMs: 0, gzip: true }
  const { sent } = await sendAll(records, { settings: { batch } })
  assert.deepEqual(
    sent.map((message) => textOf(message)),
    records.map((each) => `[${recordText(each)}]`),
  )
  for (const { payload } of sent) assert.equal(typeof payload, 'object')
})

test('a broker that takes only small packets gets the same records', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, anyBatch, async (records, batch) => {
      // Larger than any single record of these, smaller than most batches with what a packet may need beside them.
      const { sent, feed } = await sendAll(records, { settings: { batch }, packetBytesMax: 4_000 })
      const seqs = sent.flatMap((message) => (membersOf(message) as { id?: string; record?: string }[]).map(seqOf))
      assert.deepEqual(
        seqs.toSorted((a, b) => a - b),
        records.map(({ seq }) => seq),
      )
      assert.deepEqual(feed.rejectedRecords, [])
    }),
    { numRuns: 40 },
  )
})

function seqOf({ id, record: name }: { readonly id?: string; readonly record?: string }): number {
  return Number((name ?? id ?? '').split('/').at(-1))
}

test('a batch that is refused goes record by record, and only the refused ones are rejected', async () => {
  await fc.assert(
    fc.asyncProperty(anyRecords, anyBatch, async (records, batch) => {
      const isBad = (message: Message) =>
        (membersOf(message) as { id?: string; record?: string }[]).some((each) => seqOf(each) % 5 === 0)
      const { feed } = await sendAll(records, {
        settings: { batch },
        answers: (message) => (isBad(message) ? never : accepted),
      })
      const rejected = feed.rejectedRecords.map(({ seq }) => seq)
      assert.deepEqual(
        rejected.toSorted((a, b) => a - b),
        records.map(({ seq }) => seq).filter((seq) => seq % 5 === 0),
      )
    }),
    { numRuns: 40 },
  )
})

for (const format of formats) {
  const name = format.type === 'template' ? `template per ${format.per}` : format.type

  test(`${name}: every piece of every record is sent once, in order, and then the record is delivered`, async () => {
    await fc.assert(
      fc.asyncProperty(anyRecords, async (records) => {
        const { sent, feed } = await sendAll(records, { settings: { format, window: 7 } })
        const { pieces } = formatOf(format, topics)
        assert.deepEqual(
          sent.map(({ topic, payload }) => ({ topic, payload })),
          records.flatMap((each) => pieces(each)),
        )
        assert.deepEqual(
          feed.deliveredSeqs.toSorted((a, b) => a - b),
          records.map(({ seq }) => seq),
        )
      }),
      { numRuns: 40 },
    )
  })

  test(`${name}: one refused piece makes its record rejected, once, and no other`, async () => {
    await fc.assert(
      fc.asyncProperty(anyRecords, fc.integer({ min: 2, max: 5 }), async (records, every) => {
        let count = 0
        const { sent, feed } = await sendAll(records, {
          settings: { format },
          answers: () => {
            count += 1
            return count % every === 0 ? never : accepted
          },
        })
        const owners = records.flatMap((each) =>
          formatOf(format, topics)
            .pieces(each)
            .map(() => each.seq),
        )
        const expected = new Set(owners.filter((_, index) => (index + 1) % every === 0))
        assert.equal(sent.length, owners.length)
        assert.deepEqual(new Set(feed.rejectedRecords.map(({ seq }) => seq)), expected)
        assert.equal(feed.deliveredSeqs.length + expected.size, records.length)
      }),
      { numRuns: 40 },
    )
  })
}

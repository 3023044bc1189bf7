import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { deviceEventRecord, expiries, readingRecord, readingRecords } from '../../src/lastvalue/record.ts'
import type { Sample } from '../../src/model.ts'
import { deviceWith, pointWith } from '../support/bus-settings.ts'

const body = (...samples: Sample[]) => readingRecord({ device: 'boiler', samples, mono: 7 }).body

const bodies: readonly (readonly [claim: string, samples: readonly Sample[], expected: string])[] = [
  [
    'values and errors stand side by side',
    [
      { point: 'supply_temp', value: 61.3 },
      { point: 'setpoint', error: 'timeout' },
    ],
    '"values":{"supply_temp":61.3},"errors":{"setpoint":"timeout"}',
  ],
  ['errors are left out when there are none', [{ point: 'a', value: true }], '"values":{"a":true}'],
  [
    'values stay, empty, when there are only errors',
    [{ point: 'a', error: 'crc' }],
    '"values":{},"errors":{"a":"crc"}',
  ],
  ['a reading without samples has empty values', [], '"values":{}'],
  [
    'no digit of a 64-bit integer is lost',
    [{ point: 'a', value: 18446744073709551615n }],
    '"values":{"a":18446744073709551615}',
  ],
  ['minus zero keeps its sign', [{ point: 'a', value: -0 }], '"values":{"a":-0}'],
  [
    'what is no number is an error, never null',
    [{ point: 'a', value: Number.NaN }],
    '"values":{},"errors":{"a":"invalid"}',
  ],
  ['an infinity is an error', [{ point: 'a', value: -Infinity }], '"values":{},"errors":{"a":"invalid"}'],
  ['text is escaped, lone surrogates too', [{ point: 'a"b', value: '\n\ud800' }], '"values":{"a\\"b":"\\n\\ud800"}'],
  [
    'a point stands once, with its last sample',
    [
      { point: 'a', value: 1 },
      { point: 'a', error: 'crc' },
    ],
    '"values":{},"errors":{"a":"crc"}',
  ],
  [
    'points keep their order, also when named like numbers',
    [
      { point: 'b', value: 1 },
      { point: '1', value: 2 },
    ],
    '"values":{"b":1,"1":2}',
  ],
]

for (const [claim, samples, expected] of bodies) {
  test(claim, () => {
    assert.equal(body(...samples), `"device":"boiler",${expected}`)
  })
}

test('a data record names its device and its time', () => {
  const { kind, source, mono } = readingRecord({ device: 'boiler', samples: [], mono: 7 })
  assert.deepEqual({ kind, source, mono }, { kind: 'data', source: 'boiler', mono: 7 })
})

test('every finite number comes back from the record as it was', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const parsed = JSON.parse(`{${body({ point: 'a', value })}}`) as { values: { a: number } }
      assert.ok(Object.is(parsed.values.a, value))
    }),
  )
})

test('any name and text make valid JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (point, value) => {
      const parsed = JSON.parse(`{${body({ point, value })}}`) as { values: Record<string, string> }
      assert.deepEqual(Object.entries(parsed.values), [[point, value]])
    }),
  )
})

test('a device that goes or comes is an event with its reason', () => {
  assert.deepEqual(deviceEventRecord({ event: 'device_offline', device: 'boiler', reason: 'timeout' }, 9), {
    kind: 'event',
    source: 'boiler',
    body: '"event":"device_offline","device":"boiler","reason":"timeout"',
    mono: 9,
  })
  assert.equal(
    deviceEventRecord({ event: 'device_online', device: 'boiler' }, 9).body,
    '"event":"device_online","device":"boiler"',
  )
})

describe('points with different expires_after', () => {
  const points = [
    pointWith({ name: 'power', expiresAfterMs: 600_000 }),
    pointWith({ name: 'energy', expiresAfterMs: 30 * 86_400_000 }),
    pointWith({ name: 'text', expiresAfterMs: 600_000 }),
  ]
  const plain = deviceWith({ name: 'plain', points: [pointWith({ name: 'a' })] })
  const expiryOf = expiries([deviceWith({ name: 'meter', points }), plain])

  test('make a record each, in the order of the reading, and each point stands in one of them', () => {
    const samples: Sample[] = [
      { point: 'power', value: 1 },
      { point: 'energy', value: 2 },
      { point: 'text', error: 'timeout' },
    ]
    const records = readingRecords({ device: 'meter', samples, mono: 7 }, expiryOf)
    assert.deepEqual(
      records.map(({ expiresAfterMs, body, mono }) => [expiresAfterMs, body, mono]),
      [
        [600_000, '"device":"meter","values":{"power":1},"errors":{"text":"timeout"}', 7],
        [30 * 86_400_000, '"device":"meter","values":{"energy":2}', 7],
      ],
    )
  })

  test('do not split a reading of points that expire alike', () => {
    const samples: Sample[] = [
      { point: 'power', value: 1 },
      { point: 'text', value: 'x' },
    ]
    const records = readingRecords({ device: 'meter', samples, mono: 7 }, expiryOf)
    assert.deepEqual(
      records.map((record) => record.expiresAfterMs),
      [600_000],
    )
  })

  test('a device without any makes one record that never expires, also of an empty reading', () => {
    for (const samples of [[{ point: 'a', value: 1 }], []]) {
      const reading = { device: 'plain', samples, mono: 7 }
      assert.deepEqual(readingRecords(reading, expiryOf), [readingRecord(reading)])
    }
  })
})

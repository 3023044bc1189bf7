import fc from 'fast-check'
import { readingRecord } from '../../src/lastvalue/record.ts'
import type { Sample, StoredRecord, Value } from '../../src/model.ts'
import { record } from './feed.ts'

/** Any value a driver may bring that JSON can hold. */
export const anyValue: fc.Arbitrary<Value> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 61.3, 5e-324, Number.MAX_VALUE, 0.1 + 0.2),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).filter((value) => !Number.isSafeInteger(Number(value))),
  fc.integer(),
  fc.boolean(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"', '\\', '","late":true,"x":"', '{value}', '\n', '\u2028', '</script>'),
)

const anyName = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/), fc.string({ minLength: 1, unit: 'binary' }))

/** The samples of one reading, each point once. */
const anySamples: fc.Arbitrary<readonly Sample[]> = fc.uniqueArray(
  fc.oneof(
    fc.record({ point: anyName, value: anyValue }),
    fc.record({ point: anyName, error: fc.oneof(fc.constant('timeout'), fc.string()) }),
  ),
  { selector: ({ point }) => point, maxLength: 8 },
)

export interface StoredReading {
  readonly device: string
  readonly samples: readonly Sample[]
  readonly stored: StoredRecord
}

/** A reading as an uplink gets it from the outbox. */
export const anyReading: fc.Arbitrary<StoredReading> = fc
  .record({
    device: anyName,
    samples: anySamples,
    seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    ts: fc.integer({ min: 0, max: 4_102_444_800_000 }),
    after: fc.option(fc.nat(), { nil: undefined }),
    late: fc.boolean(),
    clockKnown: fc.boolean(),
  })
  .map(({ device, samples, after, ...stamps }) => {
    const { source, body } = readingRecord({ device, samples, mono: 0 })
    const about = after === undefined ? {} : { after }
    return {
      device,
      samples,
      stored: record({ source, body, idPrefix: 'plant7-gw01/17-3f9a2c/', ...about, ...stamps }),
    }
  })

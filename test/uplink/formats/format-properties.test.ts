import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseJson, type Sample, type Value, valueJson } from '../../../src/model.ts'
import { formatOf } from '../../../src/uplink/formats/formats.ts'
import { samplesOf } from '../../../src/uplink/formats/samples.ts'
import type { FormatSettings } from '../../../src/uplink-settings.ts'
import { record } from '../../support/feed.ts'
import { anyReading, anyValue, type StoredReading } from '../../support/readings.ts'

const topics = { data: 't/{device}/{point}', event: 't/event', result: 't/result' }

interface Flat {
  readonly id: string
  readonly ts: number
  readonly after?: number
  readonly clock?: string
  readonly late?: boolean
  readonly device: string
}

/** What every message of a record says about it. */
function stampsOf({ stored }: StoredReading): Omit<Flat, 'device'> {
  return {
    id: `${stored.idPrefix}${stored.seq}`,
    ts: stored.ts,
    ...(stored.after === undefined ? {} : { after: stored.after }),
    ...(stored.clockKnown ? {} : { clock: 'unsynced' }),
    ...(stored.late ? { late: true } : {}),
  }
}

function payloads(settings: FormatSettings, { stored }: StoredReading): string[] {
  return formatOf(settings, topics)
    .pieces(stored)
    .map(({ payload }) => String(payload))
}

/** The order of the members of a JSON object means nothing. */
function sorted<T extends { readonly point: string }>(samples: readonly T[]): T[] {
  return samples.toSorted((a, b) => (a.point < b.point ? -1 : 1))
}

function valuesOf(samples: readonly Sample[]): Record<string, Value> {
  return Object.fromEntries(
    samples.flatMap(({ point, value }) => (value === undefined ? [] : [[point, value] as const])),
  )
}

/** Numbers are compared by their digits: which of them are large integers, JSON does not say. */
function same(actual: unknown, expected: unknown): void {
  assert.deepEqual(digits(actual), digits(expected))
}

function digits(given: unknown): unknown {
  if (typeof given === 'bigint' || typeof given === 'number') return { number: valueJson(given) }
  if (typeof given !== 'object' || given === null) return given
  if (Array.isArray(given)) return given.map(digits)
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, digits(value)]))
}

test('the samples of a stored reading are those that were put in', () => {
  fc.assert(
    fc.property(anyReading, ({ samples, stored }) => {
      same(sorted(samplesOf(stored) ?? []), sorted(samples))
    }),
  )
})

test('a value keeps every digit on its way through JSON', () => {
  for (const digit of ['9007199254740993', '-9007199254740993']) assert.equal(parseJson(digit), BigInt(digit))
  fc.assert(
    fc.property(anyValue, (value) => {
      const json = valueJson(value) ?? ''
      assert.equal(valueJson(parseJson(json) as Value), json)
    }),
  )
})

test('json: the records of a batch are those that went in, in their order, and it is no longer than was reckoned', () => {
  fc.assert(
    fc.property(fc.array(anyReading, { minLength: 1, maxLength: 5 }), (readings) => {
      const { batch, pieces } = formatOf({ type: 'json' }, topics)
      assert.ok(batch)
      const parts = readings.flatMap(({ stored }) => pieces(stored)).map(({ payload }) => payload)
      const joined = String(batch.join(parts))
      same(
        parseJson(joined),
        readings.map((reading) => ({
          ...stampsOf(reading),
          device: reading.device,
          values: valuesOf(reading.samples),
          ...errorsOf(reading.samples),
        })),
      )
      const reckoned = parts.reduce((sum, part) => sum + Buffer.byteLength(part) + batch.overheadBytes, 0)
      assert.ok(Buffer.byteLength(joined) <= reckoned)
    }),
  )
})

function errorsOf(samples: readonly Sample[]): { readonly errors?: Record<string, string> } {
  const errors = samples.flatMap(({ point, error }) => (error === undefined ? [] : [[point, error] as const]))
  return errors.length === 0 ? {} : { errors: Object.fromEntries(errors) }
}

test('json-flat: the points of the messages are the samples of the reading', () => {
  fc.assert(
    fc.property(anyReading, (reading) => {
      const messages = payloads({ type: 'json-flat' }, reading).map((text) => parseJson(text) as Flat & Sample)
      const expected = reading.samples.map((sample) => ({ ...stampsOf(reading), device: reading.device, ...sample }))
      same(sorted(messages), sorted(expected))
    }),
  )
})

test('template per record: whatever the values are, each word stays what and where it is', () => {
  const template = '{"v":{values},"t":"{values}","e":{errors},"d":"{device}","r":{record},"rt":"{record}"}'
  fc.assert(
    fc.property(anyReading, (reading) => {
      const [text = '', ...rest] = payloads({ type: 'template', template, per: 'record', contentType: '' }, reading)
      assert.deepEqual(rest, [])
      const got = parseJson(text) as Record<string, unknown>
      const errors = errorsOf(reading.samples).errors ?? {}
      const whole = parseJson(payloads({ type: 'json' }, reading)[0] ?? '')
      same(got['v'], valuesOf(reading.samples))
      same(parseJson(String(got['t'])), got['v'])
      assert.deepEqual({ e: got['e'], d: got['d'] }, { e: errors, d: reading.device })
      same(got['r'], whole)
      same(parseJson(String(got['rt'])), whole)
    }),
  )
})

test('template per point: whatever the values are, each word stays what and where it is', () => {
  const template = '{"v":{value},"t":"{value}","e":{error},"et":"{error}","p":"{point}","id":"{id}"}'
  fc.assert(
    fc.property(anyReading, (reading) => {
      const settings = { type: 'template', template, per: 'point', contentType: '' } as const
      const got = payloads(settings, reading).map((text) => parseJson(text) as { readonly p: string })
      const expected = reading.samples.map(({ point, value, error }) => ({
        v: value ?? null,
        t: value === undefined ? '' : typeof value === 'string' ? value : valueJson(value),
        e: error ?? null,
        et: error ?? '',
        p: point,
        id: `${reading.stored.idPrefix}${reading.stored.seq}`,
      }))
      const byPoint = <T extends { readonly p: string }>(all: readonly T[]) =>
        all.toSorted((a, b) => (a.p < b.p ? -1 : 1))
      same(byPoint(got), byPoint(expected))
    }),
  )
})

test('a text is one line, whatever is in it, unless the template has more', () => {
  fc.assert(
    fc.property(anyReading, (reading) => {
      const template = '{device};{point};{value};{error}'
      for (const text of payloads({ type: 'template', template, per: 'point', contentType: 'text/csv' }, reading)) {
        assert.doesNotMatch(text, /[\n\r\0]/)
      }
    }),
  )
})

test('no stored text makes a format fail or lose the record', () => {
  const anyJson = fc.json().map((json) => `"device":"d","values":${json}`)
  const settings: readonly FormatSettings[] = [
    { type: 'json' },
    { type: 'json-flat' },
    { type: 'template', template: '{values} {errors}', per: 'record', contentType: '' },
    { type: 'template', template: '{value} {error}', per: 'point', contentType: '' },
  ]
  fc.assert(
    fc.property(fc.oneof(fc.string(), anyJson), fc.constantFrom(...settings), (body, format) => {
      const stored = record({ body })
      const pieces = formatOf(format, topics).pieces(stored)
      const points = samplesOf(stored)?.length ?? 1
      assert.equal(pieces.length, format.type === 'json' || ('per' in format && format.per === 'record') ? 1 : points)
    }),
    { numRuns: 300 },
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ID_LENGTH_MAX, PAYLOAD_BYTES_MAX, parseCommand } from '../../src/inbox/parse.ts'

const parse = (text: string) => parseCommand(Buffer.from(text))

const accepted: readonly (readonly [payload: string, expected: object])[] = [
  ['55', { value: 55 }],
  [' 55\n', { value: 55 }],
  ['-0', { value: -0 }],
  ['5.5e1', { value: 55 }],
  ['true', { value: true }],
  ['"text"', { value: 'text' }],
  ['""', { value: '' }],
  ['Green', { value: 'Green' }],
  ['007', { value: '007' }],
  ['18446744073709551615', { value: 18446744073709551615n }],
  ['{"value":-9223372036854775808}', { value: -9223372036854775808n }],
  [
    '{"id":"a","value":1,"version":3,"expires_at":1763683200000}',
    { id: 'a', value: 1, version: 3, expiresAt: 1763683200000 },
  ],
  ['{"id":17,"value":1}', { id: '17', value: 1 }],
  ['{}', {}],
  ['{"id":"a"}', { id: 'a' }],
  ['{"__proto__":{"value":1}}', {}],
  ['{"value":{"r":1,"on":true,"big":18446744073709551615}}', { value: { r: 1, on: true, big: 18446744073709551615n } }],
  ['{"value":1,"issued_at":"2026-01-31T12:00:00Z"}', { value: 1, issuedAt: Date.UTC(2026, 0, 31, 12) }],
  ['{"id":18446744073709551615,"value":1}', { id: '18446744073709551615', value: 1 }],
  ['{"id":null,"value":1,"version":null,"expires_at":null}', { value: 1 }],
  ['{"value":1,"color":"red","n":[1,{}]}', { value: 1 }],
  ['{"value":1,"expires_at":"2026-01-31T12:00:00Z"}', { value: 1, expiresAt: Date.UTC(2026, 0, 31, 12) }],
  [
    '{"value":1,"expires_at":"2026-01-31T12:00:00.5+02:00"}',
    { value: 1, expiresAt: Date.UTC(2026, 0, 31, 10, 0, 0, 500) },
  ],
]

for (const [payload, expected] of accepted) {
  test(`the payload ${JSON.stringify(payload)} is a command`, () => {
    assert.deepEqual(parse(payload), { ok: true, ...expected })
  })
}

const refused: readonly (readonly [payload: string, reason: RegExp, id?: string])[] = [
  ['', /payload is empty/],
  ['  \n', /payload is empty/],
  ['{"value":', /not valid JSON/],
  ['"open', /not valid JSON/],
  ['[1]', /value is a list, wanted a number/],
  ['null', /value is null/],
  ['1e999', /beyond what a 64-bit float can hold/],
  ['{"id":"a","value":null}', /value is null, wanted a number, true, false or text/, 'a'],
  ['{"id":"a","value":{"x":{"y":1}}}', /value\.x is an object, wanted a number/, 'a'],
  ['{"id":"a","value":{"x":1,"y":1e999}}', /value\.y is a number beyond/, 'a'],
  ['{"id":"a","value":1,"issued_at":"yesterday"}', /issued_at is "yesterday", wanted Unix milliseconds/, 'a'],
  ['{"id":"a","value":1,"issued_at":1763683200}', /issued_at is 1763683200, which looks like seconds/, 'a'],
  ['{"id":"a","value":1,"version":1.5}', /version is 1\.5, wanted an integer/, 'a'],
  ['{"id":"a","value":1,"version":9007199254740992}', /version is 9007199254740992/, 'a'],
  ['{"id":"a","value":1,"version":"3"}', /version is "3"/, 'a'],
  ['{"id":"a","value":1,"expires_at":1763683200}', /looks like seconds; wanted Unix milliseconds/, 'a'],
  ['{"id":"a","value":1,"expires_at":"2026-01-31T12:00:00"}', /expires_at is "2026-01-31T12:00:00", wanted/, 'a'],
  ['{"id":"a","value":1,"expires_at":-5}', /expires_at is -5/, 'a'],
  ['{"id":{},"value":1}', /id is an object, wanted text/],
  ['{"id":"","value":1}', /id is "", wanted text/],
  [`{"id":"${'x'.repeat(ID_LENGTH_MAX + 1)}","value":1}`, /id has 129 characters, at most 128/],
  [`{"value":1,"x":${'['.repeat(100_0)}}`, /nested more than 32 levels/],
]

for (const [payload, reason, id] of refused) {
  test(`the payload ${JSON.stringify(payload).slice(0, 60)} is refused with a reason`, () => {
    const parsed = parse(payload)
    assert.ok(!parsed.ok)
    assert.match(parsed.reason, reason)
    assert.equal(parsed.id, id)
  })
}

test('a payload of exactly the limit is looked at, one byte more is not', () => {
  assert.equal(parse('x'.repeat(PAYLOAD_BYTES_MAX)).ok, true)
  const parsed = parse('x'.repeat(PAYLOAD_BYTES_MAX + 1))
  assert.ok(!parsed.ok && parsed.reason === 'payload has 65537 bytes, at most 65536 are allowed')
})

test('of a payload of which only the beginning is here the whole length is said', () => {
  const parsed = parseCommand(Buffer.from('1'), 9_000_000)
  assert.ok(!parsed.ok && parsed.reason === 'payload has 9000000 bytes, at most 65536 are allowed')
})

test('bytes that are not UTF-8 are refused', () => {
  const parsed = parseCommand(Uint8Array.of(0x22, 0xff, 0x22))
  assert.ok(!parsed.ok && parsed.reason === 'payload is not valid UTF-8')
})

test('no payload makes the parser throw, and every refusal is one short line', () => {
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.object({ key: fc.constantFrom('id', 'value', 'version', 'issued_at', 'expires_at') }).map((object) => {
      return Buffer.from(JSON.stringify(object) ?? '')
    }),
  )
  fc.assert(
    fc.property(payloads, (payload) => {
      const parsed = parseCommand(payload)
      if (!parsed.ok) assert.ok(parsed.reason.length < 200 && !parsed.reason.includes('\n'), parsed.reason)
      else assert.ok(parsed.id === undefined || (parsed.id.length > 0 && parsed.id.length <= ID_LENGTH_MAX))
    }),
  )
})

test('brackets in texts neither count as depth nor hide it', () => {
  const brackets = `\\"${'['.repeat(100)}`
  const value = JSON.parse(`"${brackets}"`)
  assert.deepEqual(parse(`{"value":"${brackets}"}`), { ok: true, value })
  const hidden = parse(`{"x":"${']'.repeat(100)}","value":${'['.repeat(50)}${']'.repeat(50)}}`)
  assert.deepEqual(hidden, { ok: false, reason: 'payload is nested more than 32 levels deep' })
})

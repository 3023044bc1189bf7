import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detailOf } from '../../../src/cli/send-test/details.ts'
import { type Facts, lineToSee, remarksOn } from '../../../src/cli/send-test/remarks.ts'

const now = Date.parse('2026-11-20T06:00:00Z')

function remarks(changes: Partial<Facts>): string[] {
  const terms = { version: 5, sessionPresent: false } as const
  const facts = {
    terms,
    certificate: undefined,
    taken: true,
    unheard: false,
  }
  return remarksOn({ ...facts, now, ...changes })
}

test('nothing is said where there is nothing to say', () => {
  assert.deepEqual(remarks({}), [])
  assert.deepEqual(remarks({ terms: undefined, taken: false }), [])
})

test('the line that shows the message, ready for a shell', () => {
  assert.equal(
    lineToSee({ url: 'mqtt://a.example:1884', topic: "it's/here", username: 'gw 1' }),
    `mosquitto_sub -h a.example -p 1884 -u 'gw 1' -P PASSWORD -v -t 'it'\\''s/here'`,
  )
  const plain = { topic: 't', username: undefined }
  assert.equal(lineToSee({ ...plain, url: 'mqtt://[2001:db8::7]' }), "mosquitto_sub -h 2001:db8::7 -v -t 't'")
  assert.equal(lineToSee({ ...plain, url: 'mqtts://a.example' }), undefined)
})

test('with MQTT 3.1.1 the answer of the broker is not the whole truth', () => {
  const terms = { version: 4, sessionPresent: false } as const
  assert.match(remarks({ terms }).join(), /^MQTT 3\.1\.1 cannot refuse a message/)
  assert.deepEqual(remarks({ terms, taken: false }), [])
})

test('a message that nobody is there for', () => {
  assert.match(remarks({ unheard: true }).join(), /^The broker said that nobody is subscribed/)
})

test('a certificate is spoken of when it ends within thirty days, or has', () => {
  const certificate = { subject: 'DNS:a.example', issuer: 'CA' }
  const told = (validTo: string) => remarks({ certificate: { ...certificate, validTo } })
  assert.deepEqual(told('Dec 25 06:00:00 2026 GMT'), [])
  assert.deepEqual(told('Dec 10 06:00:00 2026 GMT'), ['The certificate of the broker ends on 2026-12-10.'])
  assert.deepEqual(told('Nov 10 06:00:00 2026 GMT'), ['The certificate of the broker ended on 2026-11-10.'])
  assert.deepEqual(told('no time at all'), [])
})

test('what came of a step, in words', () => {
  assert.deepEqual(detailOf({ what: 'address', address: '2001:db8::7', port: 1883 }), {
    step: 'tcp',
    text: '[2001:db8::7]:1883',
  })
  const certificate = { subject: 'DNS:a.example, DNS:b.example', issuer: 'CA', validTo: 'Dec 25 06:00:00 2026 GMT' }
  const tls = { what: 'tls', protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } as const
  assert.equal(
    detailOf({ ...tls, alpn: 'mqtt', certificate }).text,
    'TLSv1.3, TLS_AES_256_GCM_SHA384, ALPN mqtt, certificate of a.example, b.example by CA, until 2026-12-25',
  )
  assert.equal(detailOf(tls).text, 'TLSv1.3, TLS_AES_256_GCM_SHA384, shared key')
  assert.equal(
    detailOf({ what: 'connack', terms: { version: 4, sessionPresent: true } }).text,
    'MQTT 3.1.1, the session of the gateway goes on',
  )
})

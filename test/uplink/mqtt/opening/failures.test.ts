/** What every failure to connect is called, how urgent it is, and what it says to do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connackClosed, disconnectClosed, returnCodeClosed } from '../../../../src/uplink/mqtt/fates.ts'
import { explained } from '../../../../src/uplink/mqtt/opening/explain.ts'
import { cutClosed, errorClosed, timeoutClosed } from '../../../../src/uplink/mqtt/opening/failures.ts'
import type { Phase } from '../../../../src/uplink/mqtt/opening/phase.ts'
import { ScriptedBroker } from '../../../support/broker.ts'
import { mqttSettings } from '../../../support/uplink-settings.ts'
import { caCertificate, clientCertificate, serverCertificate, serverKey } from '../certificates.ts'
import {
  badServerKey,
  datesCaCertificate,
  expiredCertificate,
  futureCertificate,
  selfSignedCertificate,
} from './bad-certificates.ts'
import { tryOnce } from './try.ts'

const phases: readonly Phase[] = ['dns', 'tcp', 'proxy', 'tls', 'websocket', 'connack', 'suback']
const settings = mqttSettings('mqtts://b.example', { username: 'gw' })
const wall = Date.UTC(2026, 10, 21)

const where = { peer: 'b.example:8883', phase: 'tcp' } as const
const failed = (code: string, extra: object = {}) =>
  errorClosed(Object.assign(new Error(`it says ${code}`), { code, ...extra }), where)

test('trouble of name server and link is knocked at soon, and says where to look', () => {
  const table: Record<string, [string, RegExp]> = {
    ENOTFOUND: ['dns', /getent hosts/],
    EAI_AGAIN: ['dns', /resolv\.conf/],
    ECONNREFUSED: ['tcp', /nobody listens at b\.example:8883/],
    ETIMEDOUT: ['tcp', /firewall/],
    EHOSTUNREACH: ['tcp', /no way to b\.example:8883/],
    ENETUNREACH: ['tcp', /cable/],
  }
  for (const [code, [reason, hint]] of Object.entries(table)) {
    const closed = failed(code)
    assert.deepEqual([closed.reason, closed.hurry], [reason, 'soon'], code)
    assert.match(closed.hint ?? '', hint)
    assert.match(closed.detail, /^b\.example:8883: /)
  }
})

test('TLS: each way to fail says what to write, and waits for a human', () => {
  const table: Record<string, RegExp> = {
    DEPTH_ZERO_SELF_SIGNED_CERT: /into tls\.ca$/,
    SELF_SIGNED_CERT_IN_CHAIN: /tls\.ca$/,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: /tls\.ca$/,
    ERR_TLS_CERT_ALTNAME_INVALID: /tls\.server_name/,
    ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: /tls\.cert and tls\.key/,
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: /does not trust our certificate/,
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': /cipher suite/,
    ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: /tls\.alpn/,
    ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: /tls\.psk/,
    ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: /too old/,
    ERR_SSL_SOMETHING_NEW: /log of the broker/,
  }
  for (const [code, hint] of Object.entries(table)) {
    const closed = explained(failed(code), { settings: mqttSettings('mqtts://b.example'), wall: 0 })
    assert.deepEqual([closed.reason, closed.hurry], ['tls', 'slow'], code)
    assert.match(closed.hint ?? '', hint)
  }
  const named = failed('ERR_TLS_CERT_ALTNAME_INVALID', { cert: { subjectaltname: 'DNS:a.test, IP Address:10.0.0.1' } })
  assert.match(named.hint ?? '', /^the certificate is for a\.test, 10\.0\.0\.1:/)
})

test('several addresses that all fail are all named; what OpenSSL says about memory is not', () => {
  const errors = [new Error('connect ECONNREFUSED ::1:1883'), new Error('connect ECONNREFUSED 127.0.0.1:1883')]
  const all = errorClosed(Object.assign(new AggregateError(errors, ''), { code: 'ECONNREFUSED' }), where)
  assert.equal(all.detail, 'b.example:8883: connect ECONNREFUSED ::1:1883; connect ECONNREFUSED 127.0.0.1:1883')
  const message = '40EDACED447F0000:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:a.c:9:'
  const tls = errorClosed(
    Object.assign(new Error(message), { code: 'ERR_SSL_X', reason: 'ssl/tls alert handshake failure' }),
    where,
  )
  assert.equal(tls.detail, 'b.example:8883: ssl/tls alert handshake failure')
})

test('waiting in vain and being cut say in which step, and what that usually means', () => {
  for (const phase of phases) {
    const late = timeoutClosed(phase, 'b.example:1883', 10_000)
    assert.equal(late.reason, `${phase}_timeout`)
    assert.ok(late.hint && late.hurry === 'soon')
    assert.match(late.detail, /^waited 10000 ms in vain for .* b\.example:1883$/)
  }
  assert.equal(cutClosed('connack', 'b').reason, 'connack_cut')
  assert.match(cutClosed('connack', 'b').hint ?? '', /client id.*mqtts.*5, 3\.1\.1/)
  assert.equal(
    errorClosed(Object.assign(new Error('reset'), { code: 'ECONNRESET' }), { peer: 'b', phase: 'connack' }).reason,
    'connack_cut',
  )
  assert.deepEqual(cutClosed('open', 'b'), {
    reason: 'cut',
    detail: 'b closed the connection without a word',
    hurry: 'soon',
  })
})

test('every refusal of CONNECT, and every end by the server with a code, says what to do', () => {
  const codes = [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97]
  codes.push(0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f)
  const ends = [0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x9c, 0x9d, 0xa0]
  const all = [...codes.map((code) => connackClosed(code)), ...ends.map((code) => disconnectClosed(code))]
  for (const code of [1, 2, 3, 4, 5]) all.push(returnCodeClosed(code))
  const silent = all.filter((closed) => explained(closed, { settings, wall }).hint === undefined)
  assert.deepEqual(
    silent.map(({ reason }) => reason),
    [],
  )
})

test('pauses: a ban five minutes, somebody with our id a minute, a busy server some seconds', () => {
  const pause = (code: number) => explained(connackClosed(code), { settings, wall }).pauseMinMs
  assert.equal(pause(0x8a), 300_000)
  assert.deepEqual([0x89, 0x97, 0x9f].map(pause), [5_000, 5_000, 5_000])
  assert.equal(explained(disconnectClosed(0x8e), { settings, wall }).pauseMinMs, 60_000)
  assert.equal(pause(0x88), undefined)
})

test('hints name what stands in the configuration', () => {
  const hint = (code: number, changes: Parameters<typeof mqttSettings>[1] = {}) =>
    explained(connackClosed(code), { settings: mqttSettings('mqtt://b', changes), wall }).hint ?? ''
  assert.match(hint(0x86, { username: 'gw' }), /^username \(gw\) or password/)
  assert.match(hint(0x86), /are missing$/)
  assert.match(hint(0x87, { username: 'gw', clientId: 'plant7' }), /user gw with client id plant7/)
  assert.match(hint(0x85, { clientId: 'plant7' }), /client id plant7/)
  const taken = explained(disconnectClosed(0x8e), { settings: mqttSettings('mqtt://b', { clientId: 'plant7' }), wall })
  assert.match(taken.hint ?? '', /somebody else connects with client id plant7: is there a second gateway/)
})

test('refused credentials while the clock is not known may be the clock: tried again soon, and said so', () => {
  for (const closed of [connackClosed(0x86), connackClosed(0x87), returnCodeClosed(4), returnCodeClosed(5)]) {
    const unknown = explained(closed, { settings, wall: Date.UTC(1970, 0, 1), clockKnown: false })
    assert.deepEqual([unknown.reason, unknown.hurry, unknown.pauseMinMs], [closed.reason, 'soon', 30_000])
    assert.match(unknown.hint ?? '', /clock of this gateway is not known yet \(it says 1970-01-01\).*username \(gw\)/)
    assert.equal(explained(closed, { settings, wall, clockKnown: true }).hurry, 'slow')
    assert.equal(explained(closed, { settings, wall }).hurry, 'slow')
  }
  assert.equal(explained(connackClosed(0x8a), { settings, wall, clockKnown: false }).hurry, 'slow')
})

for (const [what, cert, reasons] of [
  ['has expired', expiredCertificate, { unknown: 'tls_clock soon', known: 'tls slow', nobody: 'tls slow' }],
  ['is not valid yet', futureCertificate, { unknown: 'tls_clock soon', known: 'tls slow', nobody: 'tls_clock soon' }],
] as const) {
  test(`a certificate that ${what} is a matter of the clock while that is not known`, async (t) => {
    const broker = await ScriptedBroker.start({ tls: { cert, key: badServerKey } })
    t.after(() => broker.close())
    const tls = { ca: datesCaCertificate, serverName: 'server.test', rejectUnauthorized: true }
    const outcome = async (clockKnown?: boolean) => {
      const options = clockKnown === undefined ? {} : { clockKnown: () => clockKnown }
      const { closed } = await tryOnce(broker.url, { tls }, options)
      assert.match(closed?.hint ?? '', /clock/)
      return `${closed?.reason} ${closed?.hurry}`
    }
    assert.deepEqual({ unknown: await outcome(false), known: await outcome(true), nobody: await outcome() }, reasons)
  })
}

test('certificates that are wrong in other ways, as they really look', async (t) => {
  const own = await ScriptedBroker.start({ tls: { cert: selfSignedCertificate, key: badServerKey } })
  t.after(() => own.close())
  const good = await ScriptedBroker.start({ tls: { cert: serverCertificate, key: serverKey } })
  t.after(() => good.close())
  const hint = async (url: string, tls: Parameters<typeof tryOnce>[1] & object) => {
    const { closed } = await tryOnce(url, tls)
    assert.deepEqual([closed?.reason, closed?.hurry], ['tls', 'slow'])
    return closed?.hint ?? ''
  }
  const check = { ca: caCertificate, rejectUnauthorized: true }
  assert.match(await hint(own.url, { tls: { rejectUnauthorized: true } }), /signed its certificate itself/)
  assert.match(await hint(good.url, { tls: { rejectUnauthorized: true } }), /no authority that we know/)
  assert.match(await hint(good.url, { tls: { ...check, serverName: 'other.test' } }), /is for server\.test/)
  // The name that is compared without a server name is the host of the url, also when that is an address.
  assert.match(await hint(good.url, { tls: check }), /is for server\.test/)
  const unlike = { ...check, cert: clientCertificate, key: serverKey }
  assert.match(await hint(good.url, { tls: unlike }), /tls\.key is not the key of tls\.cert/)
  assert.match(await hint(good.url, { tls: { ...check, cert: clientCertificate, key: 'none' } }), /PEM texts/)
  assert.ok([...own.connections, ...good.connections].every(({ connect }) => connect === undefined))
})

test('no error is without a reason, an urgency and a server, whatever its code', () => {
  const code = fc.oneof(
    fc.string(),
    fc.constantFrom('EPIPE', 'EPROTO', 'HPE_INVALID_CONSTANT', 'ERR_STREAM_DESTROYED', 'WEBSOCKET_CLOSED', ''),
  )
  fc.assert(
    fc.property(code, fc.string(), fc.constantFrom(...phases, 'open' as const), (name, message, phase) => {
      const closed = errorClosed(Object.assign(new Error(message), { code: name }), { peer: 'b.example:1883', phase })
      assert.match(closed.reason, /^[a-z_]+$/)
      assert.ok(closed.detail.includes('b.example:1883'))
    }),
  )
})

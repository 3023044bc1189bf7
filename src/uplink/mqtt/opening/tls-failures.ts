import type { Closed } from '../../transport.ts'

/** A server that the list of authorities does not vouch for. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'CERT_UNTRUSTED',
])

const WRONG_KEY = 'the key of tls.psk, or its identity, is not the one the broker has'

/** Parts of OpenSSL's codes for what a server told us with an alert (RFC 8446 section 6.2), and what to do. */
const ALERTS: readonly (readonly [RegExp, string])[] = [
  [/CERTIFICATE_REQUIRED/, 'this broker wants a certificate of ours: write tls.cert and tls.key'],
  [/UNKNOWN_CA$/, 'the broker does not trust our certificate: sign tls.cert with an authority that it knows'],
  [/CERTIFICATE_EXPIRED/, 'our certificate (tls.cert) has expired, as the broker sees it'],
  [/CERTIFICATE_REVOKED/, 'our certificate (tls.cert) was revoked'],
  [
    /BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE/,
    'the broker does not take our certificate (tls.cert)',
  ],
  [/ACCESS_DENIED/, 'the broker knows our certificate (tls.cert), but does not let it in'],
  [/NO_APPLICATION_PROTOCOL/, 'the broker speaks none of tls.alpn'],
  [/UNRECOGNIZED_NAME/, 'the broker has no certificate for this name: look at url and tls.server_name'],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/, 'the broker speaks only versions of TLS that are too old: update it'],
  [/UNKNOWN_PSK_IDENTITY|BAD_RECORD_MAC|DECRYPT_ERROR|DECRYPTION_FAILED|ILLEGAL_PARAMETER/, WRONG_KEY],
  [
    /HANDSHAKE_FAILURE|INSUFFICIENT_SECURITY/,
    'the broker does not know the identity of tls.psk, wants a certificate (tls.cert) or a shared key (tls.psk) that is not there, or has no cipher suite in common with us',
  ],
]

/** An error of TLS; undefined: it is none. `detail` is the sentence about it. */
export function tlsClosed(error: Error, code: string, detail: string): Closed | undefined {
  const closed = (hint: string): Closed => ({ reason: 'tls', detail, hurry: 'slow', hint })
  // A gateway without a battery-backed clock is in the past until a time service answers; that is no matter of minutes.
  // Whether the clock is to blame is decided where it is known (`explain.ts`).
  if (code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED') return dateClosed(code, detail)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return closed(otherName(error))
  if (code === 'DEPTH_ZERO_SELF_SIGNED_CERT') return { reason: 'tls_self_signed', detail, hurry: 'slow' }
  // What to do about it depends on what is configured (`explain.ts`).
  if (UNTRUSTED.has(code)) return { reason: 'tls_untrusted', detail, hurry: 'slow' }
  if (code === 'ERR_TLS_NO_SHARED_KEY') return closed('the broker does not use shared keys at this port (tls.psk)')
  // What came was no TLS.
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return { ...closed('this port does not speak TLS: look at its number, or write mqtt:// (ws://)'), hurry: 'soon' }
  }
  const alert = ALERTS.find(([pattern]) => pattern.test(code))
  if (alert) return closed(alert[1])
  if (!/^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH|EPROTO)/.test(code)) return undefined
  return closed('look at tls, and at the log of the broker')
}

/** `tls` in the configuration holds what no handshake can begin with. */
export function tlsSettingsClosed(server: string, message: string): Closed {
  const mismatch = /key values mismatch/i.test(message)
  return {
    reason: 'tls',
    detail: `${server}: tls cannot be used: ${message}`,
    hurry: 'slow',
    hint: mismatch
      ? 'tls.key is not the key of tls.cert'
      : 'tls.ca, tls.cert and tls.key have to be PEM texts, the key without a password',
  }
}

/** The clock is the first suspect where a certificate is for the future: no authority signs such a one. */
function dateClosed(code: string, detail: string): Closed {
  return code === 'CERT_NOT_YET_VALID'
    ? { reason: 'tls_clock', detail, hurry: 'soon' }
    : { reason: 'tls_expired', detail, hurry: 'slow' }
}

function otherName(error: Error): string {
  const { cert } = error as { cert?: { subjectaltname?: string } }
  const names = cert?.subjectaltname?.replaceAll(/\b(DNS|IP Address):/g, '')
  return names
    ? `the certificate is for ${names}: write that into url, or into tls.server_name`
    : 'the certificate names nobody: write the name it was made for into tls.server_name, or have it made anew'
}

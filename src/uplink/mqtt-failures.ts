import { codeName } from './fates.ts'
import type { Closed } from './transport.ts'

/** What the opening of a connection waits for. */
export type Phase = 'dns' | 'tcp' | 'tls' | 'connack' | 'suback'

const WAITED_FOR: Readonly<Record<Phase, string>> = {
  dns: 'the address of',
  tcp: 'a TCP connection to',
  tls: 'the TLS handshake with',
  connack: 'a CONNACK from',
  suback: 'a SUBACK from',
}

/** The time to connect is over. */
export function timeoutClosed(phase: Phase, server: string, timeoutMs: number): Closed {
  return {
    reason: `${phase}_timeout`,
    detail: `waited ${timeoutMs} ms in vain for ${WAITED_FOR[phase]} ${server}`,
    hurry: 'soon',
  }
}

/** An error of the socket, of TLS or of the library. */
export function errorClosed(error: Error & { code?: unknown; syscall?: unknown }, server: string): Closed {
  const code = typeof error.code === 'string' ? error.code : ''
  // The message of an AggregateError (several addresses of one name failed) is empty.
  const detail = `${server}: ${error.message || code}`
  if (error.message === 'Keepalive timeout') {
    return { reason: 'keepalive', detail: `${server} did not answer a ping within half the keep-alive`, hurry: 'soon' }
  }
  if (error.syscall === 'getaddrinfo' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { reason: 'dns', detail, hurry: 'soon' }
  }
  // A gateway without a battery-backed clock is in the past until a time service answers; that is no matter of minutes.
  if (code === 'CERT_NOT_YET_VALID') return { reason: 'tls_clock', detail, hurry: 'soon' }
  // After a TCP connection was refused or cut there is nothing a human has to correct here.
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EADDR|EAI_)/.test(code)) return { reason: 'tcp', detail, hurry: 'soon' }
  if (
    /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|INVALID_CA|HOSTNAME_MISMATCH|EPROTO)/.test(code)
  ) {
    return { reason: 'tls', detail, hurry: 'slow' }
  }
  if (code === '') return { reason: 'protocol', detail, hurry: 'soon' }
  return { reason: 'io', detail: `${detail} (${code})`, hurry: 'soon' }
}

/** The connection ended and nobody said why. */
export function cutClosed(phase: Phase | 'open', server: string): Closed {
  const when = phase === 'open' ? '' : ` while we waited for ${WAITED_FOR[phase]} it`
  return { reason: 'cut', detail: `${server} closed the connection without a word${when}`, hurry: 'soon' }
}

/** What CONNACK may forbid of what we need (MQTT 5.0 section 3.2.2.3); the properties as mqtt-packet gives them. */
export interface ServerLimits {
  readonly maximumQoS?: number | undefined
  readonly wildcardSubscriptionAvailable?: boolean | undefined
  readonly sharedSubscriptionAvailable?: boolean | undefined
}

/** The reason why this server cannot serve us, or undefined. `filter` is the subscription for commands, if any. */
export function lacking(limits: ServerLimits, filter: string | undefined): Closed | undefined {
  if (limits.maximumQoS === 0) return unusable(0x9b)
  if (filter === undefined) return undefined
  if (limits.wildcardSubscriptionAvailable === false && /[+#]/.test(filter)) return unusable(0xa2)
  if (limits.sharedSubscriptionAvailable === false && filter.startsWith('$share/')) return unusable(0x9e)
  return undefined
}

function unusable(code: number): Closed {
  return { reason: `refused_${code}`, detail: `the server announced: ${codeName(code)}`, hurry: 'slow' }
}

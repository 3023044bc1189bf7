import type { ProxySettings } from '../../../uplink-settings.ts'
import type { Closed } from '../../transport.ts'
import type { Phase } from './phase.ts'
import type { Server } from './server.ts'
import { tlsClosed } from './tls-failures.ts'

const WAITED_FOR: Readonly<Record<Phase, string>> = {
  dns: 'the address of',
  tcp: 'a TCP connection to',
  proxy: 'a way through the proxy',
  tls: 'the TLS handshake with',
  websocket: 'the WebSocket of',
  connack: 'a CONNACK from',
  suback: 'a SUBACK from',
}

const NO_WAY = 'look at cable, mobile link, route and firewall'
const CUT_AT_CONNECT =
  'brokers do so when user name, password or client id is not welcome, when the port expects TLS (mqtts) or WebSocket (ws), or when they do not know MQTT 5 ("protocol: [5, 3.1.1]"); their log says which'

const TIMEOUT_HINTS: Readonly<Record<Phase, string>> = {
  dns: 'the name server does not answer: look at the network and at /etc/resolv.conf',
  tcp: `a firewall may drop it, or the host is off: ${NO_WAY}`,
  proxy: 'the proxy is there but does not answer: look at the port of proxy, and whether it reaches the broker',
  tls: 'this port may not speak TLS: look at the port of url, or write mqtt:// (ws://) where the network is trusted',
  websocket: 'this port may not speak HTTP: look at the port of url, or write mqtt:// (mqtts://)',
  connack: 'this port may not speak MQTT, or expects TLS (mqtts) or WebSocket (ws): look at url',
  suback: 'look at the log of the broker',
}

const CUT_HINTS: Readonly<Partial<Record<Phase | 'open', string>>> = {
  tcp: `what listens there, or a firewall before it, does not let us in: look at host and port of url; ${NO_WAY}`,
  proxy: 'this may be no HTTP proxy, or it does not reach the broker: look at proxy, and at url',
  tls: 'this port may not speak TLS, or wants a certificate or key that it did not get: look at url, and at tls',
  websocket: 'this port may not speak HTTP, or wants TLS (wss): look at url',
  connack: CUT_AT_CONNECT,
  suback:
    'brokers do so when the subscription is not allowed: look at commands.subscribe, and at the log of the broker',
}

/** Where the error of a stream came up. */
export interface Where {
  /** Whom we spoke to, "host:port". */
  readonly peer: string
  readonly phase: Phase | 'open'
}

type AnyError = Error & {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly errors?: unknown
  readonly reason?: unknown
}

/** Code of the error with which a WebSocket ends that was closed for a reason. */
export const WEBSOCKET_CLOSED = 'WEBSOCKET_CLOSED'

/** Cut right after CONNECT: what servers do that cannot read it, and those that do not want us. */
export const CONNACK_CUT = 'connack_cut'

/** The time to connect is over. */
export function timeoutClosed(phase: Phase, peer: string, timeoutMs: number): Closed {
  return {
    reason: `${phase}_timeout`,
    detail: `waited ${timeoutMs} ms in vain for ${WAITED_FOR[phase]} ${peer}`,
    hurry: 'soon',
    hint: TIMEOUT_HINTS[phase],
  }
}

/** An error of the socket, of TLS, of HTTP or of the library. */
export function errorClosed(error: AnyError, where: Where): Closed {
  const { peer, phase } = where
  const code = typeof error.code === 'string' ? error.code : ''
  const detail = `${peer}: ${textOf(error) || code}`
  if (error.message === 'Keepalive timeout') {
    return { reason: 'keepalive', detail: `${peer} did not answer a ping within half the keep-alive`, hurry: 'soon' }
  }
  if (error.syscall === 'getaddrinfo' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') return noAddress(code, detail)
  // After a TCP connection was refused or cut there is nothing a human has to correct here.
  if (/^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|EADDR)/.test(code)) return linkClosed(code, detail, where)
  const tls = tlsClosed(error, code, detail)
  if (tls) return tls
  if (code === WEBSOCKET_CLOSED) {
    return {
      reason: 'websocket',
      detail,
      hurry: 'soon',
      hint: 'see the log of the broker, or of what stands before it',
    }
  }
  if (/^HPE_/.test(code) || phase === 'websocket') return noHttp(detail, phase)
  if (code === '') return { reason: 'protocol', detail, hurry: 'soon', hint: 'look at the log of the broker' }
  return { reason: 'io', detail: `${detail} (${code})`, hurry: 'soon' }
}

/** The connection ended and nobody said why. */
export function cutClosed(phase: Phase | 'open', peer: string): Closed {
  const hint = CUT_HINTS[phase]
  const when = phase === 'open' ? '' : ` while we waited for ${WAITED_FOR[phase]} it`
  return {
    reason: phase === 'connack' ? CONNACK_CUT : 'cut',
    detail: `${peer} closed the connection without a word${when}`,
    hurry: 'soon',
    ...(hint === undefined ? {} : { hint }),
  }
}

/** An HTTP proxy that does not give us a way. */
export function proxyRefused(
  status: number,
  asked: { target: string; proxy: ProxySettings; said: string | undefined },
): Closed {
  const { target, proxy, said } = asked
  const detail = `the proxy ${proxy.host}:${proxy.port} gives no way to ${target}: ${status}${said ? ` ${said}` : ''}`
  if (status === 407) {
    const hint =
      proxy.username === undefined
        ? 'this proxy wants a user name and a password: write them under proxy'
        : 'user name or password under proxy is wrong'
    return { reason: 'proxy_auth', detail, hurry: 'slow', hint }
  }
  // It is there and says that what is behind it is not.
  if (status >= 500) {
    return {
      reason: 'proxy',
      detail,
      hurry: 'soon',
      hint: 'the proxy does not reach the broker: look at url and its log',
    }
  }
  const hint = 'allow CONNECT to this host and port in the proxy (many allow 443 only: wss:// may do)'
  return { reason: 'proxy', detail, hurry: 'slow', hint }
}

/** A web server that does not open a WebSocket. */
export function websocketRefused(status: number, server: Server): Closed {
  const detail = `${server.name} answered the request for a WebSocket at ${server.path} with HTTP ${status}`
  const busy = status === 429 || status >= 500
  const hint =
    status === 404 || status === 400
      ? 'look at the path of url: EMQX and HiveMQ have /mqtt, RabbitMQ has /ws, mosquitto takes any'
      : 'see the log of the broker, or of what stands before it'
  return {
    reason: 'websocket',
    detail,
    hurry: busy ? 'soon' : 'slow',
    hint:
      status >= 300 && status < 400 ? 'it leads elsewhere, which we do not follow: write the new address in url' : hint,
  }
}

function noAddress(code: string, detail: string): Closed {
  const hint =
    code === 'ENOTFOUND'
      ? 'this name is not known: look at its spelling (getent hosts NAME)'
      : 'the name server does not answer: look at the network and at /etc/resolv.conf'
  return { reason: 'dns', detail, hurry: 'soon', hint }
}

function linkClosed(code: string, detail: string, { peer, phase }: Where): Closed {
  if (/^(ECONNRESET|EPIPE|ECONNABORTED)$/.test(code)) {
    return phase === 'open' ? { reason: 'tcp', detail, hurry: 'soon' } : cutClosed(phase, peer)
  }
  const hint =
    code === 'ECONNREFUSED'
      ? `nobody listens at ${peer}: does the broker run, and is this its port (MQTT: 1883, with TLS 8883)?`
      : `no way to ${peer}: ${NO_WAY}`
  return { reason: 'tcp', detail, hurry: 'soon', hint }
}

function noHttp(detail: string, phase: Phase | 'open'): Closed {
  return phase === 'proxy'
    ? { reason: 'proxy', detail, hurry: 'soon', hint: 'this is no HTTP proxy: look at host and port of proxy' }
    : { reason: 'websocket', detail, hurry: 'soon', hint: 'no MQTT over WebSocket here: look at port and path of url' }
}

/**
 * The message of an AggregateError (several addresses of one name failed) is empty; that of OpenSSL has addresses in memory
 * and lines of source in it, and its reason stands alone beside it.
 */
function textOf(error: AnyError): string {
  if (typeof error.reason === 'string' && /:error:/.test(error.message)) return error.reason
  // Advice for people who start Node themselves.
  const advice = error.message.indexOf('; if the root CA')
  if (advice > 0) return error.message.slice(0, advice)
  if (error.message !== '' || !Array.isArray(error.errors)) return error.message
  return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ')
}

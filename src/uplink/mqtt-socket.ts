import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { TlsSettings } from '../uplink-settings.ts'
import type { Phase } from './mqtt-failures.ts'
import { ConnectError } from './transport.ts'

/** Registered with IANA. */
const PORT_PLAIN = 1883
const PORT_TLS = 8883

/** A server from `urls`, taken apart. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** "host:port", for people. */
  readonly name: string
}

/** Throws ConnectError for a scheme that no socket here can open. */
export function serverOf(url: string): Server {
  const { protocol, hostname, port } = new URL(url)
  const secure = protocol === 'mqtts:' || protocol === 'ssl:' || protocol === 'tls:'
  if (!secure && protocol !== 'mqtt:' && protocol !== 'tcp:') {
    throw new ConnectError({
      reason: 'config',
      detail: `open ${url}: the scheme is ${protocol.slice(0, -1)}, allowed are mqtt and mqtts`,
      hurry: 'slow',
    })
  }
  const host = hostname.replace(/^\[|\]$/g, '')
  const number = port === '' ? (secure ? PORT_TLS : PORT_PLAIN) : Number(port)
  return { host, port: number, secure, name: `${hostname}:${number}` }
}

/** Begins to connect; `onPhase` is told what is waited for. Errors come as events of the socket. */
export function openSocket(server: Server, tls: TlsSettings, onPhase: (phase: Phase) => void): Socket {
  const socket = server.secure ? openTls(server, tls) : connectTcp({ host: server.host, port: server.port })
  // Packets are written in large pieces; waiting for more (Nagle) would only delay the last one.
  socket.setNoDelay(true)
  onPhase(isIP(server.host) === 0 ? 'dns' : 'tcp')
  socket.once('lookup', () => onPhase('tcp'))
  socket.once('connect', () => onPhase(server.secure ? 'tls' : 'connack'))
  socket.once('secureConnect', () => onPhase('connack'))
  return socket
}

function openTls(server: Server, tls: TlsSettings): TLSSocket {
  // Server names are host names, never addresses (RFC 6066 section 3).
  const servername = tls.serverName ?? (isIP(server.host) === 0 ? server.host : undefined)
  return connectTls({
    host: server.host,
    port: server.port,
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(servername === undefined ? {} : { servername }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  })
}

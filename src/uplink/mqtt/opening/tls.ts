import { once } from 'node:events'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { messageOf } from '../../../errors.ts'
import type { TlsSettings } from '../../../uplink-settings.ts'
import { ConnectError } from '../../transport.ts'
import type { OpeningWatch } from './phase.ts'
import type { Server } from './server.ts'
import { tlsSettingsClosed } from './tls-failures.ts'

/**
 * Suites in which only the shared key proves who is there: with (EC)DHE first, then without, for small brokers. Those of
 * TLS 1.3 with SHA-256, because a key of RFC 4279 has no hash of its own and that one is assumed (RFC 8446 section 4.2.11).
 */
const PSK_CIPHERS =
  'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:kECDHEPSK:kDHEPSK:kPSK:!NULL:!aNULL:!3DES:!RC4'

export interface TlsOptions {
  readonly tls: TlsSettings
  readonly signal: AbortSignal
  readonly watch: OpeningWatch
}

/** TLS over a connected socket; resolves when the server has proved who it is. */
export async function openTls(socket: Socket, server: Server, options: TlsOptions): Promise<TLSSocket> {
  const { tls, signal, watch } = options
  const secured = begin(socket, server, tls)
  secured.on('error', () => {})
  await once(secured, 'secureConnect', { signal })
  const { alpnProtocol } = secured
  const certificate = described(secured.getPeerCertificate())
  watch.onFinding?.({
    what: 'tls',
    protocol: secured.getProtocol() ?? 'unknown',
    cipher: secured.getCipher().standardName,
    ...(alpnProtocol ? { alpn: alpnProtocol } : {}),
    ...(certificate ? { certificate } : {}),
  })
  return secured
}

function begin(socket: Socket, server: Server, tls: TlsSettings): TLSSocket {
  // Server names are host names, never addresses (RFC 6066 section 3).
  const servername = tls.serverName ?? (isIP(server.host) === 0 ? server.host : undefined)
  try {
    return connect({
      socket,
      // Compared with the certificate where there is no server name.
      host: server.host,
      ...(servername === undefined ? {} : { servername }),
      ...(tls.alpn === undefined ? {} : { ALPNProtocols: [...tls.alpn] }),
      ...(tls.psk ? sharedKey(tls.psk) : certificates(tls)),
    })
  } catch (error) {
    // A certificate or key that cannot be read, or one that does not belong to the other.
    throw new ConnectError(tlsSettingsClosed(server.name, messageOf(error)))
  }
}

function certificates(tls: TlsSettings): ConnectionOptions {
  return {
    rejectUnauthorized: tls.rejectUnauthorized,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  }
}

function sharedKey({ identity, key }: NonNullable<TlsSettings['psk']>): ConnectionOptions {
  return {
    ciphers: PSK_CIPHERS,
    pskCallback: () => ({ identity, psk: key }),
    // A server that knows no key may come with a certificate (TLS 1.3). It would prove nothing: who asks for a key trusts
    // nobody else, and no authority is configured. Called only where the handshake went without the key.
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) =>
      Object.keys(certificate).length === 0
        ? undefined
        : Object.assign(new Error('the broker does not use the shared key, it came with a certificate'), {
            code: 'ERR_TLS_NO_SHARED_KEY',
          }),
  }
}

function described(certificate: PeerCertificate | undefined) {
  // With a shared key there is none: an empty object.
  if (!certificate?.valid_to) return undefined
  const names = certificate.subjectaltname ?? first(certificate.subject?.CN)
  return { subject: names, issuer: first(certificate.issuer?.CN), validTo: certificate.valid_to }
}

function first(name: string | string[] | undefined): string {
  return (typeof name === 'object' ? name[0] : name) ?? ''
}

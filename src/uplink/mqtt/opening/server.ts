import { ConnectError } from '../../transport.ts'

/** Ports registered with IANA for MQTT; those of WebSocket are HTTP's. */
const PORTS: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'tcp:': 1883,
  'mqtts:': 8883,
  'ssl:': 8883,
  'tls:': 8883,
  'ws:': 80,
  'wss:': 443,
}
/** What brokers listen to unless told otherwise. */
const WEBSOCKET_PATH = '/mqtt'

/** A server from `urls`, taken apart. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  /** Path and query of a WebSocket; absent: MQTT goes over TCP or TLS as it is. */
  readonly path?: string
  /** "host:port", for people and for a proxy. */
  readonly name: string
}

/** Throws ConnectError for a scheme that no socket here can open. */
export function serverOf(url: string): Server {
  const { protocol, hostname, port, pathname, search } = new URL(url)
  const usual = PORTS[protocol]
  if (usual === undefined) {
    throw new ConnectError({
      reason: 'config',
      detail: `open ${url}: the scheme is ${protocol.slice(0, -1)}, allowed are mqtt, mqtts, ws and wss`,
      hurry: 'slow',
      hint: 'correct url in the configuration of this uplink',
    })
  }
  const number = port === '' ? usual : Number(port)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: number,
    secure: /^(mqtts|ssl|tls|wss):$/.test(protocol),
    // Whoever wants the root says so with a slash at the end; URL adds one itself, so the text is looked at.
    ...(/^wss?:$/.test(protocol)
      ? { path: /^wss?:\/\/[^/?#]+$/i.test(url) ? WEBSOCKET_PATH : `${pathname}${search}` }
      : {}),
    name: `${hostname}:${number}`,
  }
}

import type { Parsed } from './units.ts'

const ports: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883 }

/** Other spellings of the two schemes. */
const spellings: Readonly<Record<string, string>> = {
  tcp: 'mqtt',
  mqtt5: 'mqtt',
  ssl: 'mqtts',
  tls: 'mqtts',
  mqtttls: 'mqtts',
}

export interface BrokerUrl {
  /** With the port, also when it is the usual one. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly encrypted: boolean
}

/** `mqtt://host:1883` or `mqtts://host:8883`; the port may be left out. */
export function parseBrokerUrl(text: string): Parsed<BrokerUrl> {
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    const guess = /:8883$/.test(text) ? 'mqtts' : 'mqtt'
    const hint = /^[\w.-]+(:\d+)?$/.test(text) ? { hint: `write ${guess}://${text}` } : {}
    return { problem: 'expected a url such as mqtts://broker.example:8883', ...hint }
  }
  if (scheme === 'ws' || scheme === 'wss')
    return { problem: `${scheme}:// is not in this version yet`, hint: 'use mqtt:// or mqtts://' }
  const meant = spellings[scheme]
  if (meant !== undefined) return { problem: `${scheme}:// is not a scheme of ours; did you mean ${meant}://?` }
  if (scheme !== 'mqtt' && scheme !== 'mqtts') return { problem: `expected mqtt:// or mqtts://, got ${scheme}://` }
  if (!URL.canParse(text)) return { problem: 'the host or the port of this url cannot be read' }
  return parts(new URL(text))
}

/** Does traffic to this host stay on this machine? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host)
}

function parts(url: URL): Parsed<BrokerUrl> {
  if (url.username !== '' || url.password !== '') {
    return {
      problem: 'a url cannot hold user name or password',
      hint: 'write them as username and password of the uplink',
    }
  }
  if (url.hostname === '') return { problem: 'the url names no host' }
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    return { problem: 'nothing may follow host and port in the url of a broker' }
  }
  const port = url.port === '' ? (ports[url.protocol] ?? 0) : Number(url.port)
  if (port === 0) return { problem: 'port 0 cannot be connected to' }
  return {
    value: {
      url: `${url.protocol}//${url.hostname}:${port}`,
      host: url.hostname,
      port,
      encrypted: url.protocol === 'mqtts:',
    },
  }
}

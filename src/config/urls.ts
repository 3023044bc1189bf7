import type { Parsed } from './units.ts'

interface Scheme {
  readonly port: number
  readonly encrypted: boolean
  /** MQTT over WebSocket: a path follows. */
  readonly path?: string
}

const schemes: Readonly<Record<string, Scheme>> = {
  mqtt: { port: 1883, encrypted: false },
  mqtts: { port: 8883, encrypted: true },
  // What EMQX listens at; mosquitto takes any path.
  ws: { port: 80, encrypted: false, path: '/mqtt' },
  wss: { port: 443, encrypted: true, path: '/mqtt' },
}

/** Other spellings of the schemes. */
const spellings: Readonly<Record<string, string>> = {
  tcp: 'mqtt',
  mqtt5: 'mqtt',
  ssl: 'mqtts',
  tls: 'mqtts',
  mqtttls: 'mqtts',
  http: 'ws',
  https: 'wss',
}

export interface BrokerUrl {
  /** With the port, also when it is the usual one, and with the path where there is one. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly encrypted: boolean
}

/** `mqtt://host:1883`, `mqtts://host:8883`, `ws://host:80/mqtt`, `wss://host:443/mqtt`; port and path may be left out. */
export function parseBrokerUrl(text: string): Parsed<BrokerUrl> {
  const name = /^([a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (name === undefined) {
    const guess = /:8883$/.test(text) ? 'mqtts' : 'mqtt'
    const hint = /^[\w.-]+(:\d+)?$/.test(text) ? { hint: `write ${guess}://${text}` } : {}
    return { problem: 'expected a url such as mqtts://broker.example:8883', ...hint }
  }
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined
  if (scheme !== undefined) return readable(text, (url) => brokerUrl(url, { text, scheme }))
  const meant = Object.hasOwn(spellings, name) ? spellings[name] : undefined
  if (meant !== undefined) return { problem: `${name}:// is not a scheme of ours; did you mean ${meant}://?` }
  return { problem: `expected mqtt://, mqtts://, ws:// or wss://, got ${name}://` }
}

export interface ProxyUrl {
  readonly host: string
  readonly port: number
}

/** `http://host:3128`; proxies have no usual port. */
export function parseProxyUrl(text: string): Parsed<ProxyUrl> {
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    const hint = /^[\w.-]+:\d+$/.test(text) ? { hint: `write http://${text}` } : {}
    return { problem: 'expected a proxy such as http://proxy.example:3128', ...hint }
  }
  if (scheme.startsWith('socks')) return { problem: 'only HTTP proxies are known, no SOCKS' }
  if (scheme === 'https') {
    return {
      problem: 'the proxy itself is asked without encryption',
      hint: 'write http://; mqtts:// goes through it encrypted',
    }
  }
  if (scheme !== 'http') return { problem: `expected http://, got ${scheme}://` }
  return readable(text, (url) => proxyUrl(url, text))
}

/** Does traffic to this host stay on this machine? */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host)
}

function readable<T>(text: string, read: (url: URL) => Parsed<T>): Parsed<T> {
  if (!URL.canParse(text)) return { problem: 'the host or the port of this url cannot be read' }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    return { problem: 'a url cannot hold user name or password', hint: 'write them beside it as username and password' }
  }
  return url.hostname === '' ? { problem: 'the url names no host' } : read(url)
}

function brokerUrl(url: URL, { text, scheme }: { readonly text: string; readonly scheme: Scheme }): Parsed<BrokerUrl> {
  const hasPath = url.pathname !== '' && url.pathname !== '/'
  if (scheme.path === undefined && (hasPath || url.search !== '' || url.hash !== '')) {
    return { problem: 'nothing may follow host and port in the url of a broker' }
  }
  if (url.search !== '' || url.hash !== '') return { problem: 'only a path may follow host and port' }
  const port = url.port === '' ? scheme.port : Number(url.port)
  if (port === 0) return { problem: 'port 0 cannot be connected to' }
  // A slash alone means the root of a web server, and nothing where there are no paths.
  const written = /^[^/]+:\/\/[^/]+\//.test(text)
  const path = scheme.path === undefined ? '' : written ? url.pathname : scheme.path
  const value = { url: `${url.protocol}//${url.hostname}:${port}${path}`, host: url.hostname, port }
  return { value: { ...value, encrypted: scheme.encrypted } }
}

function proxyUrl(url: URL, text: string): Parsed<ProxyUrl> {
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return { problem: 'nothing may follow host and port in the url of a proxy' }
  }
  // Of http the library leaves the usual port out.
  const port = url.port === '' && /:80\/?$/.test(text) ? 80 : Number(url.port)
  if (url.port === '' && port === 0) {
    return {
      problem: 'the port of the proxy is missing',
      hint: `write http://${url.hostname}:3128, or the port it has`,
    }
  }
  if (port === 0) return { problem: 'port 0 cannot be connected to' }
  // A socket wants an IPv6 address without its brackets.
  return { value: { host: url.hostname.replace(/^\[|\]$/g, ''), port } }
}

import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { ProxySettings } from '../../../uplink-settings.ts'
import { ConnectError } from '../../transport.ts'
import { proxyRefused } from './failures.ts'

/** Asks an HTTP proxy for a way to `target` ("host:port"), RFC 9110 section 9.3.6; the socket then leads there. */
export async function askProxy(
  socket: Socket,
  target: string,
  options: { proxy: ProxySettings; signal: AbortSignal },
): Promise<Socket> {
  const { proxy, signal } = options
  const asking = request({
    method: 'CONNECT',
    path: target,
    headers: { host: target, ...authorization(proxy) },
    createConnection: () => socket,
    signal,
  })
  asking.on('error', () => {})
  asking.end()
  const [response, tunnel, head] = (await once(asking, 'connect')) as [IncomingMessage, Socket, Buffer]
  const status = response.statusCode ?? 0
  if (status < 200 || status > 299) {
    throw new ConnectError(proxyRefused(status, { target, proxy, said: response.statusMessage }))
  }
  if (head.length > 0) tunnel.unshift(head)
  return tunnel
}

/** RFC 7617: user name and password in UTF-8. */
function authorization({ username, password }: ProxySettings): { 'proxy-authorization'?: string } {
  if (username === undefined) return {}
  const pair = Buffer.from(`${username}:${password ?? ''}`, 'utf8').toString('base64')
  return { 'proxy-authorization': `Basic ${pair}` }
}

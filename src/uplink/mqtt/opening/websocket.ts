import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocket } from 'ws'
import { ConnectError } from '../../transport.ts'
import { WEBSOCKET_CLOSED, websocketRefused } from './failures.ts'
import type { Server } from './server.ts'

/** Servers may put many packets into one message (EMQX does), each of them up to the size that CONNECT allows. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024
/** Ends that say nothing: normal, without a code, connection gone (RFC 6455 section 7.4.1). */
const SILENT_CODES: ReadonlySet<number> = new Set([1000, 1005, 1006])

/** MQTT over a WebSocket (MQTT 5.0 section 6) on a connected socket, as a stream of its bytes. */
export function openWebSocket(socket: Socket, server: Server, signal: AbortSignal): Promise<Duplex> {
  const websocket = new WebSocket(`ws://${server.name}${server.path ?? ''}`, ['mqtt'], {
    createConnection: () => socket,
    defaultPort: server.secure ? 443 : 80,
    // Payloads are compressed by us where it pays; this would cost memory per connection and time per packet.
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  })
  const stream = createWebSocketStream(websocket)
  stream.on('error', () => {})
  let closedWith: Error | undefined
  websocket.once('close', (code, reason) => {
    if (!SILENT_CODES.has(code)) closedWith = closeError(code, reason.toString())
  })
  // The library leaves this to its user.
  stream.once('end', () => stream.destroy(closedWith))
  return new Promise((resolve, reject) => {
    const giveUp = (error: unknown) => {
      signal.removeEventListener('abort', aborted)
      reject(error)
      websocket.terminate()
    }
    const aborted = () => giveUp(signal.reason)
    if (signal.aborted) {
      aborted()
      return
    }
    signal.addEventListener('abort', aborted, { once: true })
    websocket.once('error', giveUp)
    websocket.once('unexpected-response', (_request, response: IncomingMessage) => {
      giveUp(new ConnectError(websocketRefused(response.statusCode ?? 0, server)))
      response.destroy()
    })
    websocket.once('open', () => {
      signal.removeEventListener('abort', aborted)
      websocket.removeListener('error', giveUp)
      resolve(stream)
    })
  })
}

function closeError(code: number, reason: string): Error {
  const said = reason === '' ? '' : `, "${reason}"`
  return Object.assign(new Error(`the WebSocket was closed with code ${code}${said}`), { code: WEBSOCKET_CLOSED })
}

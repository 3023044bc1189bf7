import type { Duplex } from 'node:stream'
import type { MqttSettings } from '../../../uplink-settings.ts'
import type { OpeningWatch } from './phase.ts'
import { askProxy } from './proxy.ts'
import type { Server } from './server.ts'
import { openTcp } from './tcp.ts'
import { openTls } from './tls.ts'
import { openWebSocket } from './websocket.ts'

export interface StreamOptions {
  readonly settings: Pick<MqttSettings, 'connectTimeoutMs' | 'proxy' | 'tls'>
  /** Aborted: nothing stays open. */
  readonly signal: AbortSignal
  readonly watch: OpeningWatch
}

/** A way to a server. */
export interface Way {
  readonly stream: Duplex
  /** Nothing is read from the network while it is paused. */
  readonly stopsReading: boolean
}

/**
 * The way to a server: TCP, perhaps through a proxy, perhaps with TLS, perhaps a WebSocket. The stream carries MQTT's
 * bytes. Rejects with the error of whatever failed, or with ConnectError where more is known about it.
 */
export async function openStream(server: Server, options: StreamOptions): Promise<Way> {
  const { settings, signal, watch } = options
  const { proxy, tls, connectTimeoutMs } = settings
  const stopsReading = !proxy && !server.secure && server.path === undefined
  const socket = await openTcp(proxy ?? server, { signal, watch, connectTimeoutMs, bare: stopsReading })
  try {
    let way = socket
    if (proxy) {
      watch.onPhase?.('proxy', `${proxy.host}:${proxy.port}`)
      way = await askProxy(socket, server.name, { proxy, signal })
    }
    if (server.secure) {
      watch.onPhase?.('tls', server.name)
      way = await openTls(way, server, { tls, signal, watch })
    }
    if (server.path === undefined) return { stream: way, stopsReading }
    watch.onPhase?.('websocket', server.name)
    return { stream: await openWebSocket(way, server, signal), stopsReading }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

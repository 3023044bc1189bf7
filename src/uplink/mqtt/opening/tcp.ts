import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import type { OpeningWatch } from './phase.ts'

/** A name with several addresses: the shortest time that one of them has before the next is tried (Node's own default). */
const ATTEMPT_MS_MIN = 250

/** Takes what one read gives: as much as the system has, mostly some acknowledgements. */
const READ_BYTES = 65_536

export interface TcpOptions {
  readonly signal: AbortSignal
  readonly watch: OpeningWatch
  readonly connectTimeoutMs: number
  /** Its reading really stops while it is paused; other sockets read ahead. To be used as it is, with nothing around it. */
  readonly bare?: boolean
}

/**
 * A connected socket; rejects with the error of the socket. Node gives each address of a name 250 ms before it goes on to
 * the next: over a slow mobile link with IPv4 and IPv6 none would ever be reached. Here each has a quarter of the time to
 * connect.
 */
export async function openTcp(peer: { host: string; port: number }, options: TcpOptions): Promise<Socket> {
  const { signal, watch, connectTimeoutMs } = options
  const { host, port } = peer
  const name = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  const socket: Socket = connect({
    host,
    port,
    autoSelectFamilyAttemptTimeout: Math.max(ATTEMPT_MS_MIN, Math.round(connectTimeoutMs / 4)),
    ...(options.bare ? { onread: readInto(() => socket) } : {}),
  })
  // The first error counts and is waited for below; one that comes later must not end the process.
  socket.on('error', () => {})
  // Packets are written in large pieces; waiting for more (Nagle) would only delay the last one.
  socket.setNoDelay(true)
  if (isIP(host) === 0) {
    watch.onPhase?.('dns', name)
    socket.once('lookup', (error) => {
      if (!error) watch.onPhase?.('tcp', name)
    })
  } else {
    watch.onPhase?.('tcp', name)
  }
  try {
    await once(socket, 'connect', { signal })
  } catch (error) {
    socket.destroy()
    throw error
  }
  const { remoteAddress } = socket
  if (remoteAddress !== undefined) watch.onFinding?.({ what: 'address', address: remoteAddress, port })
  return socket
}

/** One buffer for all reads, whose content is handed on as 'data'. */
function readInto(socketOf: () => Socket) {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  return {
    buffer,
    callback(bytes: number): boolean {
      socketOf().emit('data', Buffer.from(buffer.subarray(0, bytes)))
      return true
    },
  }
}

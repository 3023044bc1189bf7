import { createConnection, type Socket } from 'node:net'
import { LinkError } from '../driver.ts'
import type { OpenPort, Port, PortHandlers } from './port.ts'

/** A device on a local network that has not accepted by then will not. */
const CONNECT_TIMEOUT_MS = 5_000
/** So that a peer that lost its power is noticed even between polls. */
const KEEPALIVE_MS = 15_000

/** A port over a TCP connection. */
export function openTcpPort(host: string, port: number): OpenPort {
  return (handlers, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(new LinkError('closed', `connecting to ${host}:${port} was given up`))
        return
      }
      const socket = createConnection({
        host,
        port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEPALIVE_MS,
      })
      const giveUp = (error: LinkError) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        socket.removeAllListeners()
        socket.on('error', () => {})
        socket.destroy()
        reject(error)
      }
      const onAbort = () => giveUp(new LinkError('closed', `connecting to ${host}:${port} was given up`))
      const timer = setTimeout(() => {
        giveUp(new LinkError('open_failed', `connecting to ${host}:${port}: no answer in ${CONNECT_TIMEOUT_MS} ms`))
      }, CONNECT_TIMEOUT_MS)
      signal.addEventListener('abort', onAbort, { once: true })
      socket.once('error', (error: NodeJS.ErrnoException) => giveUp(connectError(error, `${host}:${port}`)))
      socket.once('connect', () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        socket.removeAllListeners('error')
        resolve(portOver(socket, handlers, `${host}:${port}`))
      })
    })
}

function portOver(socket: Socket, handlers: PortHandlers, peer: string): Port {
  let cause: Error | undefined
  socket.on('data', (bytes) => handlers.onData(bytes))
  socket.on('error', (error) => {
    cause = error
  })
  socket.on('close', () => {
    const why = cause ? `: ${cause.message}` : ' by the other side'
    handlers.onClosed(new LinkError('closed', `connection to ${peer} was closed${why}`, { cause }))
  })
  return {
    write: (bytes) => {
      socket.write(bytes)
    },
    close: async () => {
      socket.removeAllListeners()
      socket.on('error', () => {})
      socket.destroy()
    },
  }
}

function connectError(error: NodeJS.ErrnoException, peer: string): LinkError {
  switch (error.code) {
    case 'ECONNREFUSED':
      return new LinkError('refused', `connecting to ${peer}: refused`, {
        hint: 'check the port number (Modbus TCP is usually 502) and that the device allows Modbus and one more client',
        cause: error,
      })
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new LinkError('open_failed', `connecting to ${peer}: the name is not known`, {
        hint: 'use the address of the device, or check the name server',
        cause: error,
      })
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return new LinkError('open_failed', `connecting to ${peer}: no way there`, {
        hint: 'check the cable, the address and the network mask of the gateway',
        cause: error,
      })
    default:
      return new LinkError('open_failed', `connecting to ${peer}: ${error.message}`, { cause: error })
  }
}

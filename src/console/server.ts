import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Logger } from '../log.ts'
import { type ApiSource, createRoutes } from './routes.ts'
import { listenFor, socketPath } from './socket.ts'

export interface ApiServer {
  /** Where it listens. */
  readonly path: string
  /** Stops listening, ends what is open and removes the socket file. */
  close(): Promise<void>
}

/** A console, some scripts and a probe; far more is a script that has gone wild. */
const CONNECTIONS_MAX = 64

/**
 * Serves the HTTP API on the unix socket of the state directory, or below /run when that takes no file. The socket's file
 * mode is the access control.
 */
export async function startApi(
  source: ApiSource,
  options: { readonly stateDir: string; readonly log: Logger },
): Promise<ApiServer> {
  const routes = createRoutes(source, options.log)
  const server = createAdaptorServer({ fetch: routes.fetch, overrideGlobalObjects: false }) as Server
  server.maxConnections = CONNECTIONS_MAX
  const path = await listenFor(server, options.stateDir)
  if (path !== socketPath(options.stateDir)) {
    options.log.warn('the state directory takes no socket, listening elsewhere', { path })
  }
  server.on('error', (error) => options.log.error('the socket API failed', { path, error }))
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

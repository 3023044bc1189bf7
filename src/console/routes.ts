import { Hono } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { DeviceDesk } from '../device-api.ts'
import { GatewayError, messageOf } from '../errors.ts'
import type { InboxDesk } from '../inbox-api.ts'
import type { Logger } from '../log.ts'
import type { OutboxDesk } from '../outbox-api.ts'
import type { Status } from '../status.ts'
import { problemAnswer, refusalAnswer } from './answers.ts'
import { backupRoutes } from './backup-routes.ts'
import { deviceRoutes } from './device-routes.ts'
import { inboxRoutes } from './inbox-routes.ts'
import { outboxRoutes } from './outbox-routes.ts'

/** What the API shows. The agent is one. */
export interface ApiSource {
  status(): Status
  /** The event loop and the scheduler turn and the storage answers. */
  healthy(): Promise<boolean>
  /** Absent: nothing is answered about single records, and nothing can be changed. */
  readonly outbox?: OutboxDesk
  /** Absent: nothing is answered about single commands, and none can be cancelled. */
  readonly inbox?: InboxDesk
  /** Absent: nothing is read from or written to devices for tools. */
  readonly devices?: DeviceDesk
}

/** A storage that has not answered by then is shown as not ready, so that a probe gets its answer. */
const HEALTH_WAIT_MAX_MS = 2000

/**
 * PUBLIC: the HTTP API. /livez: the process answers. /readyz: it can keep what it reads; the state of an uplink is no
 * part of it, a gateway is meant to work offline. Errors are problem+json (RFC 9457).
 */
export function createRoutes(source: ApiSource, log: Logger): Hono {
  const routes = new Hono()
  routes.get('/livez', (context) => context.text('ok\n'))
  routes.get('/readyz', async (context) => {
    const { problem } = source.status().storage
    const failures: string[] = []
    if (!(await answersInTime(source))) failures.push('agent: storage or scheduler does not answer')
    if (problem !== undefined) failures.push(`storage: ${problem.message}`)
    return failures.length === 0 ? context.text('ok\n') : context.text(`${failures.join('\n')}\n`, 503)
  })
  routes.get('/api/v1/status', (context) => context.json(source.status()))
  if (source.outbox) {
    routes.route('/api/v1/outbox', outboxRoutes(source.outbox, log))
    routes.route('/api/v1/backup', backupRoutes(source.outbox, log))
  }
  if (source.inbox) routes.route('/api/v1/inbox', inboxRoutes(source.inbox, log))
  if (source.devices) routes.route('/api/v1', deviceRoutes(source.devices, log))
  routes.notFound((context) => problemAnswer(404, `there is no ${context.req.method} ${context.req.path}`))
  routes.onError((error, context) => {
    if (error instanceof GatewayError) return refusalAnswer(error)
    if (error instanceof HTTPException) return error.getResponse()
    log.error('the socket API could not answer', { path: context.req.path, error })
    return problemAnswer(500, messageOf(error))
  })
  return routes
}

async function answersInTime(source: ApiSource): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, HEALTH_WAIT_MAX_MS, false)
  })
  try {
    return await Promise.race([source.healthy(), late])
  } finally {
    clearTimeout(timer)
  }
}

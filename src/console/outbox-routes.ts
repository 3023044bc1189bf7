import { Hono } from 'hono'
import { z } from 'zod'
import { GatewayError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { OutboxDesk } from '../outbox-api.ts'
import { longAnswer } from './answers.ts'
import { asked, ordered, without } from './asked.ts'

const number = z.coerce.number().int().min(0)
const flag = z.stringbool()
const name = z.string().min(1).max(64)
/** A time, an age or a record number, as the outbox reads it. */
const moment = z.string().min(1).max(64)

const recordQuery = z.strictObject({
  since: moment.optional(),
  until: moment.optional(),
  after: number.optional(),
  through: number.optional(),
  uplink: name.optional(),
  kind: z.enum(['data', 'event', 'outcome']).optional(),
  all: flag.optional(),
  limit: number.min(1).optional(),
})
const countQuery = z.strictObject({ before: moment, uplink: name.optional() })
const rejectedQuery = z.strictObject({
  uplink: name.optional(),
  after: number.optional(),
  limit: number.min(1).optional(),
})
const nothing = z.strictObject({})
const replayOrder = z.strictObject({ since: moment, until: moment.optional() })
const dropOrder = z.strictObject({ before: moment, uplink: name.optional() })
const seqs = z.array(z.int().min(1)).min(1).max(10_000)
const rejectedOrder = z.strictObject({ seqs: z.union([seqs, z.literal('all')]) })

/**
 * PUBLIC: what `tidegate outbox` asks. Reading is GET with a query; changing is POST with a JSON body. Who may do it is
 * decided by the file mode of the socket; every change is logged.
 */
export function outboxRoutes(desk: OutboxDesk, log: Logger): Hono {
  const routes = new Hono()
  routes.get('/', async (context) => context.json(await desk.report()))
  routes.get('/records', async (context) => context.json(await desk.records(asked(context, recordQuery))))
  routes.get('/count', async (context) => context.json(await desk.count(asked(context, countQuery))))
  routes.get('/rejected', async (context) => context.json(await desk.rejected(asked(context, rejectedQuery))))
  let verifying: Promise<unknown> | undefined
  routes.get('/verify', () => {
    if (verifying) throw new GatewayError('conflict', 'the outbox is being verified already', { hint: 'wait for it' })
    return longAnswer((onProgress) => {
      const running = desk.verify(onProgress)
      verifying = running
      return running.finally(() => {
        verifying = undefined
      })
    })
  })
  addOrders(routes, desk, log)
  return routes
}

function addOrders(routes: Hono, desk: OutboxDesk, log: Logger): void {
  const order = <Schema extends z.ZodObject>(
    path: string,
    schema: Schema,
    act: (body: z.output<Schema>, uplink: string) => Promise<{ readonly records: number } | undefined>,
  ): void => {
    routes.post(path, async (context) => {
      const body = await ordered(context, schema)
      const uplink = context.req.param('uplink') ?? ''
      const what = path.slice(path.lastIndexOf('/') + 1)
      const result = (await act(body, uplink)) ?? {}
      log.info(`outbox ${what}, asked for over the socket`, {
        ...(uplink && { uplink }),
        ...(body as object),
        ...result,
      })
      return context.json(result)
    })
  }
  order('/uplinks/:uplink/pause', nothing, async (_, uplink) => void (await desk.pause(uplink)))
  order('/uplinks/:uplink/resume', nothing, async (_, uplink) => void (await desk.resume(uplink)))
  order('/uplinks/:uplink/forget', nothing, (_, uplink) => desk.forget(uplink))
  order('/uplinks/:uplink/replay', replayOrder, (body, uplink) => desk.replay(uplink, without(body)))
  order('/uplinks/:uplink/retry', rejectedOrder, (body, uplink) => desk.retry(uplink, body.seqs))
  order('/uplinks/:uplink/discard', rejectedOrder, (body, uplink) => desk.discard(uplink, body.seqs))
  order('/drop', dropOrder, (body) => desk.drop(without(body)))
}

import { Hono } from 'hono'
import { z } from 'zod'
import type { DeviceDesk, RawQuestion } from '../device-api.ts'
import type { Logger } from '../log.ts'
import { ADDRESS_END, readMaxOf } from '../modbus-limits.ts'
import { asked, ordered, without } from './asked.ts'
import { liveAnswer } from './live-answer.ts'

type RawRange = Exclude<RawQuestion, { readonly identify: true }>

const name = z.string().min(1).max(64)
const unitId = z.int().min(0).max(255)

const readOrder = z.strictObject({ points: z.array(name).min(1).max(10_000).optional(), raw: z.boolean().optional() })
const writeOrder = z.strictObject({ point: name, value: z.union([z.number(), z.boolean(), z.string().max(4096)]) })
const watchQuery = z.strictObject({ pattern: z.string().min(1).max(256).optional() })
const question = z.union([
  z
    .strictObject({
      unitId,
      register: z.enum(['holding', 'input', 'coil', 'discrete']),
      address: z
        .int()
        .min(0)
        .max(ADDRESS_END - 1),
      count: z.int().min(1),
    })
    .refine(({ register, count }) => count <= readMaxOf(register), {
      path: ['count'],
      error: ({ input }) => `Too big: one request reads at most ${readMaxOf((input as RawRange).register)}`,
    }),
  z.strictObject({ unitId, identify: z.literal(true) }),
])
const line = z.strictObject({
  baud: z.int().min(300).max(4_000_000),
  dataBits: z.literal([7, 8]),
  parity: z.enum(['none', 'even', 'odd']),
  stopBits: z.literal([1, 2]),
})
/** A batch holds the connection up to its end where the line settings are changed: so many questions, and not more. */
const QUESTIONS_MAX = 64
const rawOrder = z.strictObject({
  line: line.optional(),
  timeoutMs: z.int().min(10).max(10_000).optional(),
  questions: z.array(question).min(1).max(QUESTIONS_MAX),
})

/**
 * PUBLIC: what `tidegate read`, `write`, `watch`, `probe`, `scan` and `plan` ask. Who may do it is decided by the file mode
 * of the socket; every write is logged and becomes an event record.
 */
export function deviceRoutes(desk: DeviceDesk, log: Logger): Hono {
  const routes = new Hono()
  routes.get('/connections', async (context) => context.json(await desk.plan()))
  routes.post('/connections/:name/ask', async (context) => {
    const order = without(await ordered(context, rawOrder))
    return context.json(await desk.ask(context.req.param('name'), order, context.req.raw.signal))
  })
  routes.get('/devices/watch', (context) => {
    const { pattern = '*' } = asked(context, watchQuery)
    return liveAnswer((onLine) => desk.watch(pattern, onLine))
  })
  routes.post('/devices/:name/read', async (context) => {
    return context.json(await desk.read(context.req.param('name'), without(await ordered(context, readOrder))))
  })
  routes.post('/devices/:name/check', async (context) => {
    return context.json(await desk.check(context.req.param('name'), await ordered(context, writeOrder)))
  })
  routes.post('/devices/:name/write', async (context) => {
    const device = context.req.param('name')
    const order = await ordered(context, writeOrder)
    log.info('write, asked for over the socket', { device, ...order })
    const answer = await desk.write(device, order)
    log.info('written', { device, point: order.point, result: answer.result })
    return context.json(answer)
  })
  return routes
}

import { Hono } from 'hono'
import { z } from 'zod'
import type { InboxDesk } from '../inbox-api.ts'
import type { Logger } from '../log.ts'
import { asked, ordered, without } from './asked.ts'

const number = z.coerce.number().int().min(1)
/** As long as ids and keys may be, and as an unknown key is echoed. */
const name = z.string().min(1).max(128)
const state = z.enum([
  'waiting',
  'applying',
  'applied',
  'verified',
  'failed',
  'refused',
  'superseded',
  'expired',
  'cancelled',
  'unknown',
])

const commandQuery = z.strictObject({
  key: name.optional(),
  /** One or several, separated by commas. */
  states: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(state))
    .optional(),
  since: z.string().min(1).max(64).optional(),
  before: number.optional(),
  limit: number.optional(),
})
const findQuery = z.strictObject({ id: name, key: name.optional() })
const cancelOrder = z.strictObject({ ids: z.array(name).min(1).max(1_000), key: name.optional() })
const resetOrder = z.strictObject({ key: name })

/**
 * PUBLIC: what `tidegate inbox` asks. Reading is GET with a query; changing is POST with a JSON body. Ids and keys may hold
 * any character, so they never stand in a path. Who may do it is decided by the file mode of the socket; every change is
 * logged.
 */
export function inboxRoutes(desk: InboxDesk, log: Logger): Hono {
  const routes = new Hono()
  routes.get('/', async (context) => context.json(await desk.report()))
  routes.get('/commands', async (context) => context.json(await desk.commands(asked(context, commandQuery))))
  routes.get('/command', async (context) => {
    const { id, key } = asked(context, findQuery)
    return context.json(await desk.find(id, key))
  })
  routes.post('/cancel', async (context) => {
    const order = without(await ordered(context, cancelOrder))
    const answer = await desk.cancel(order)
    log.info('commands cancelled, asked for over the socket', {
      ...order,
      states: answer.commands.map((command) => command.state),
    })
    return context.json(answer)
  })
  routes.post('/reset', async (context) => {
    const { key } = await ordered(context, resetOrder)
    const answer = await desk.reset(key)
    log.info('highest version forgotten, asked for over the socket', { key, ...answer })
    return context.json(answer)
  })
  return routes
}

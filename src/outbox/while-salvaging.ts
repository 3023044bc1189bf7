import { GatewayError } from '../errors.ts'
import type { Storage } from '../storage/operation.ts'
import { salvagesQuestion } from './salvage-operations.ts'

/**
 * While a damaged database is salvaged, rows that will be back are not in the table yet: whoever counts or gives up what is
 * in it would take them for lost, or miss them. Throws GatewayError conflict; `what` completes "cannot ...". The table is
 * asked, so that it holds without an agent too.
 */
export async function refuseWhileSalvaging(storage: Pick<Storage, 'read'>, what: string): Promise<void> {
  const salvages = await storage.read(salvagesQuestion())
  if (salvages.length === 0) return
  const done = salvages.reduce((sum, { pagesDone }) => sum + pagesDone, 0)
  const pages = salvages.reduce((sum, one) => sum + one.pages, 0)
  throw new GatewayError('conflict', `cannot ${what}: a salvage is going on (${done} of ${pages} pages)`, {
    hint: 'ask again later; tidegate status shows how far the salvage is, and it goes on only while the agent runs',
  })
}

import { confirmed } from '../ask.ts'
import { formatNumberOf } from '../format.ts'
import { told } from './orders.ts'
import { type OutboxFlags, outboxOfAgent } from './source.ts'

/** `tidegate outbox forget`: gives up what is kept for an uplink that is not in the configuration any more. */
export async function forget(uplink: string, flags: OutboxFlags & { readonly yes: boolean }): Promise<number> {
  const outbox = outboxOfAgent(flags.stateDir)
  const books = (await outbox.report()).absent.find(({ name }) => name === uplink)
  if (books && books.pending > 0) {
    const question = `Give up ${formatNumberOf(books.pending, 'record')} kept for ${uplink}, for good?`
    if (!(await confirmed(question, flags))) {
      console.error('Nothing was changed.')
      return 1
    }
  }
  const result = await outbox.forget(uplink)
  const text = `${uplink} is forgotten; ${formatNumberOf(result.records, 'record')} given up.`
  return told(result, { json: flags.json, text })
}

import { formatNumberOf } from '../format.ts'
import { told } from './orders.ts'
import { type OutboxFlags, outboxOfAgent } from './source.ts'

export interface ReplayFlags extends OutboxFlags {
  readonly uplink: string
  readonly since: string
  readonly until?: string
}

/** `tidegate outbox replay`: sends kept records once more, with their own ids, marked late. */
export async function replay({ stateDir, json, uplink, since, until }: ReplayFlags): Promise<number> {
  const span = until === undefined ? { since } : { since, until }
  const result = await outboxOfAgent(stateDir).replay(uplink, span)
  const count = formatNumberOf(result.records, 'record')
  const text =
    result.records === 0
      ? `Nothing of that time is kept (outbox.keep_delivered says for how long).`
      : `${count} will be sent to ${uplink} once more, behind what was never sent.`
  return told(result, { json, text })
}

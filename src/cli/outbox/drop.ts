import type { RecordCount } from '../../outbox-api.ts'
import { confirmed } from '../ask.ts'
import { formatCount, formatNumberOf } from '../format.ts'
import { told } from './orders.ts'
import { type OutboxFlags, outboxOfAgent } from './source.ts'

export interface DropFlags extends OutboxFlags {
  readonly before: string
  readonly uplink?: string
  readonly yes: boolean
}

/** `tidegate outbox drop`: gives up what is older. Asks first, with the number of records. */
export async function drop({ stateDir, json, before, uplink, yes }: DropFlags): Promise<number> {
  const outbox = outboxOfAgent(stateDir)
  const query = uplink === undefined ? { before } : { before, uplink }
  if (!yes) {
    const count = await outbox.count(query)
    if (count.records === 0)
      return told({ records: 0 }, { json, text: `Nothing that is on disk waits from before ${before}.` })
    if (!(await confirmed(question(count, uplink), { yes }))) {
      console.error('Nothing was changed.')
      return 1
    }
  }
  const result = await outbox.drop(query)
  return told(result, { json, text: `${formatNumberOf(result.records, 'record')} given up, counted and reported.` })
}

function question({ records, first, last }: RecordCount, uplink: string | undefined): string {
  const whose = uplink === undefined ? 'for every uplink' : `for ${uplink}`
  return `Give up ${formatNumberOf(records, 'record')} (${formatCount(first)} to ${formatCount(last)}) ${whose}, for good?`
}

import type { ListedRecord, OutboxReader, RecordQuery } from '../../outbox-api.ts'
import { recordText } from '../../uplink/formats/envelope.ts'

/** Flags that choose records. */
export interface ChoiceFlags {
  readonly uplink?: string
  readonly since?: string
  readonly until?: string
  readonly after?: number
  readonly kind?: RecordQuery['kind']
  readonly all?: boolean
}

/** Records of one question. */
const PAGE_RECORDS = 1_000

export interface Pages {
  /** Called after each page, with numbers. */
  readonly onPage?: (page: { readonly from: number; readonly through: number; readonly examined: number }) => void
  readonly limit?: number
}

/**
 * The records that were chosen, page by page, in order: however many there are, one page is in memory. What comes in
 * while it runs is left out.
 */
export async function* eachPage(
  reader: OutboxReader,
  choice: ChoiceFlags,
  options: Pages = {},
): AsyncGenerator<readonly ListedRecord[]> {
  let left = options.limit ?? Number.POSITIVE_INFINITY
  const { since, until, after, ...rest } = choice
  let page = await reader.records(defined({ ...rest, since, until, after, limit: Math.min(PAGE_RECORDS, left) }))
  const { from, through } = page
  for (;;) {
    left -= page.records.length
    options.onPage?.({ from, through, examined: page.examined })
    yield page.records
    if (left <= 0 || page.examined >= through) return
    const limit = Math.min(PAGE_RECORDS, left)
    page = await reader.records(defined({ ...rest, after: page.examined, through, limit }))
  }
}

/** A record for programs: with its id, and as it would be sent. */
export function forPrograms(record: ListedRecord): ListedRecord & { readonly id: string; readonly text: string } {
  return { ...record, id: `${record.idPrefix}${record.seq}`, text: recordText(record) }
}

function defined(query: { [K in keyof RecordQuery]: RecordQuery[K] | undefined }): RecordQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined))
}

import type { ListedRecord } from '../../outbox-api.ts'
import { formatTime } from '../format.ts'
import { cut, table } from '../table.ts'
import { type ChoiceFlags, eachPage, forPrograms } from './listing.ts'
import { type OutboxFlags, withOutbox } from './source.ts'

/** `tidegate outbox ls`: one line for each record, the oldest first. */
export function ls(flags: OutboxFlags & ChoiceFlags & { readonly limit: number }): Promise<number> {
  const { stateDir, json, limit, ...choice } = flags
  return withOutbox(stateDir, async (reader) => {
    const found: ListedRecord[] = []
    let examined = 0
    let through = 0
    const onPage = (page: { readonly examined: number; readonly through: number }) => {
      examined = page.examined
      through = page.through
    }
    for await (const records of eachPage(reader, choice, { limit, onPage })) found.push(...records)
    const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
    if (json) console.log(JSON.stringify(found.map(forPrograms), null, 2))
    else if (found.length > 0) console.log(listText(found, columns).join('\n'))
    if (found.length === 0) console.error(choice.all ? 'No record is there.' : 'Nothing waits.')
    const last = found.at(-1)?.seq ?? examined
    if (found.length >= limit && last < through)
      console.error(`There are more: --after ${last}, or --limit ${limit * 2}`)
    return 0
  })
}

/** Pure. Lines are cut at `columns`. */
export function listText(records: readonly ListedRecord[], columns: number): string[] {
  const rows = records.map((record) => [
    String(record.seq),
    `${formatTime(record.ts)}${record.clockKnown ? '' : '?'}`,
    record.kind,
    record.waitsFor.join(',') || 'delivered',
    contentOf(record),
  ])
  const lines = table([['SEQ', 'read', 'kind', 'waits for', 'content'], ...rows], { right: [0] })
  return lines.map((line) => cut(line, columns))
}

/** What is inside, without the words that are the same in every line. */
function contentOf({ kind, source, body }: ListedRecord): string {
  if (kind !== 'data') return body
  return `${source} ${body.replace(/^"device":"(?:[^"\\]|\\.)*",/, '')}`
}

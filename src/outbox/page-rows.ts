import type { RecordKind, Reply } from '../model.ts'
import { KINDS, type RecordColumns } from './operations.ts'
import { parseReply, repliesOf } from './reply.ts'

/** One row of a page. */
export interface PageRow {
  readonly seq: number
  readonly kind: RecordKind
  readonly boot: number
  readonly mono: number
  readonly target: number
  readonly expires: number
  readonly source: string
  readonly body: string
  readonly reply: Reply | undefined
}

/** Calls `visit` with each row, in order. */
export function eachRow(page: RecordColumns, visit: (row: PageRow) => void): void {
  const replyOf = repliesOf(page)
  let at = 0
  for (let i = 0; i < page.seqs.length; i += 1) {
    const end = at + (page.lengths[i] ?? 0)
    visit({
      seq: page.seqs[i] ?? 0,
      kind: KINDS[page.kinds[i] ?? 0] ?? 'data',
      boot: page.boots[i] ?? 0,
      mono: page.monos[i] ?? 0,
      target: page.targets[i] ?? 0,
      expires: page.expires[i] ?? 0,
      source: page.sources[page.sourceOf[i] ?? 0] ?? '',
      // A slice of the page's text is a reference to it, not a copy.
      body: page.text.slice(at, end),
      reply: parseReply(replyOf(i)),
    })
    at = end
  }
}

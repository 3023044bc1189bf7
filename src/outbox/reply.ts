import type { Reply } from '../model.ts'
import type { RecordColumns } from './operations.ts'

/** As it is stored with a record: few have one, so it costs the others nothing but an empty column. */
export function replyText({ topic, correlation }: Reply): string {
  return JSON.stringify(correlation === undefined ? [topic] : [topic, correlation])
}

/** Undefined for none, and for what is no reply (damage in a row without a checksum). */
export function parseReply(text: string | null | undefined): Reply | undefined {
  if (text === null || text === undefined) return undefined
  let parts: unknown
  try {
    parts = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(parts)) return undefined
  const [topic, correlation] = parts
  if (typeof topic !== 'string') return undefined
  return typeof correlation === 'string' ? { topic, correlation } : { topic }
}

/** The column of replies, absent when no row has one. */
export function repliesIn(rows: readonly { readonly reply: string | null }[]): Pick<RecordColumns, 'replies'> {
  const replies: [number, string][] = []
  for (let index = 0; index < rows.length; index += 1) {
    const reply = rows[index]?.reply
    if (typeof reply === 'string') replies.push([index, reply])
  }
  return replies.length === 0 ? {} : { replies }
}

/** Gives the reply of each record; to be asked in order. */
export function repliesOf({ replies }: Pick<RecordColumns, 'replies'>): (index: number) => string | undefined {
  if (replies === undefined) return none
  let at = 0
  return (index) => {
    const next = replies[at]
    if (next?.[0] !== index) return undefined
    at += 1
    return next[1]
  }
}

function none(): undefined {}

/** What the answer to a question was, from all that came while it was open. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { Sample } from '../../model.ts'

/** All that came since a question was sent. */
export interface Heard {
  /** Messages that can be the answer, as samples. */
  readonly answers: readonly (readonly Sample[])[]
  /** Short codes of what else came. */
  readonly codes: ReadonlySet<string>
  /** One came that could have been the answer, or that of another device to a former question. */
  readonly isDoubtful: boolean
}

export type Answer =
  | { readonly samples: readonly Sample[]; readonly code?: never }
  | { readonly samples?: never; readonly code: string }

/** Which code tells most, when several things came and no answer among them. */
const tellingFirst = ['checksum', 'too_long', 'short_reply', 'pattern', 'foreign_reply', 'noise']

/**
 * Two answers to one question are one too many, and nobody can tell which; unless they say the same. Without an answer
 * it is what came instead, or `timeout`.
 */
export function answerOf(heard: Heard): Answer {
  if (heard.isDoubtful) return { code: 'foreign_reply' }
  const [first, ...others] = heard.answers
  if (!first) return { code: tellingFirst.find((code) => heard.codes.has(code)) ?? 'timeout' }
  return others.every((other) => isDeepStrictEqual(other, first)) ? { samples: first } : { code: 'foreign_reply' }
}

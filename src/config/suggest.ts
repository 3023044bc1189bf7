import { foreignWords } from './foreign-words.ts'

/** Words longer than this are not compared letter by letter; no name of ours comes near it. */
const comparedLengthMax = 64

/**
 * The candidate that was probably meant, or undefined: first by a table of the words other tools use for the same
 * thing, then by spelling.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length === 0 || word.length > comparedLengthMax) return undefined
  const plain = normalise(word)
  const same = candidates.find((candidate) => normalise(candidate) === plain)
  if (same !== undefined) return same
  const meant = foreignWords.get(plain)?.find((ours) => candidates.includes(ours))
  if (meant !== undefined) return meant
  return bySpelling(plain, candidates)
}

/** `none, even or odd`. */
export function anyOf(words: readonly string[]): string {
  if (words.length <= 1) return words[0] ?? ''
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function normalise(word: string): string {
  return word.toLowerCase().replace(/[-_\s.]/g, '')
}

function bySpelling(plain: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const other = normalise(candidate)
    // One slip in three letters, else "port" would be near "topic" and every short word near every other.
    const allowed = Math.max(1, Math.floor(Math.min(plain.length, other.length) / 3))
    const distance = editDistance(plain, other)
    if (distance <= allowed && distance < bestDistance && !(distance >= other.length)) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== undefined) return best
  return plain.length >= 3 ? candidates.find((candidate) => normalise(candidate).startsWith(plain)) : undefined
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}

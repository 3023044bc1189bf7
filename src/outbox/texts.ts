import type { RecordColumns } from './operations.ts'

/** Sources and bodies, packed. */
export function toTexts(
  entries: readonly { readonly source: string; readonly body: string }[],
): Pick<RecordColumns, 'sources' | 'sourceOf' | 'text' | 'lengths'> {
  const numbers = new Map<string, number>()
  const sourceOf = new Uint32Array(entries.length)
  const lengths = new Uint32Array(entries.length)
  const bodies: string[] = []
  for (const [index, { source, body }] of entries.entries()) {
    let number = numbers.get(source)
    if (number === undefined) {
      number = numbers.size
      numbers.set(source, number)
    }
    sourceOf[index] = number
    lengths[index] = body.length
    bodies.push(body)
  }
  return { sources: [...numbers.keys()], sourceOf, text: bodies.join(''), lengths }
}

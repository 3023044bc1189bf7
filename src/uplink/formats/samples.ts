import { parseJson, type Sample, type StoredRecord } from '../../model.ts'

/**
 * The samples of a data record, taken from its stored text: what `lastvalue/record.ts` put in, no digit lost. Undefined when
 * it is not of that form (written by another version), because a wrong value is worse than none.
 */
export function samplesOf(record: StoredRecord): readonly Sample[] | undefined {
  let inside: unknown
  try {
    inside = parseJson(`{${record.body}}`)
  } catch {
    return undefined
  }
  const { values, errors = {} } = inside as { readonly values?: unknown; readonly errors?: unknown }
  if (!isObject(values) || !isObject(errors)) return undefined
  const samples: Sample[] = []
  for (const [point, value] of Object.entries(values)) {
    if (!isValue(value)) return undefined
    samples.push({ point, value })
  }
  for (const [point, error] of Object.entries(errors)) {
    if (typeof error !== 'string') return undefined
    samples.push({ point, error })
  }
  return samples
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isValue(value: unknown): value is NonNullable<Sample['value']> {
  return (
    typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint'
  )
}

/** The value as it may be quoted in a message. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return value.length > 60 ? `"${value.slice(0, 60)}..."` : `"${value}"`
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a block of keys'
  return String(value)
}

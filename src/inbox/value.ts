import { parseJson, type Value, valueJson } from '../model.ts'

/** The value of a command: one, or one for each name (a group of points). */
export type CommandValue = Value | Readonly<Record<string, Value>>

/** As JSON text in which no digit is lost; undefined for what JSON has no number for. */
export function commandValueJson(value: CommandValue): string | undefined {
  if (typeof value !== 'object') return valueJson(value)
  const fields = Object.entries(value).map(([name, one]) => {
    const json = valueJson(one)
    return json === undefined ? undefined : `${JSON.stringify(name)}:${json}`
  })
  return fields.includes(undefined) ? undefined : `{${fields.join(',')}}`
}

/** What `commandValueJson` wrote. */
export function parseCommandValue(json: string): CommandValue {
  return parseJson(json) as CommandValue
}

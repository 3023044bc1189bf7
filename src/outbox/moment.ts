import { GatewayError } from '../errors.ts'

/** A place in the outbox, as a person names it: a record number, a time (Unix ms) or an age (ms). */
export type Moment = { readonly seq: number } | { readonly ts: number } | { readonly ageMs: number }

const unitsMs = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** "184467", "2h", "2026-11-20", "2026-11-20T06:00" (time of this machine) or "2026-11-20T06:00:00Z". */
export function parseMoment(text: string, name: string): Moment {
  if (/^\d+$/.test(text)) return { seq: Number(text) }
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(ms|s|min|m|h|d)$/.exec(text) ?? []
  if (number !== undefined) return { ageMs: Number(number) * unitsMs[unit as keyof typeof unitsMs] }
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    // A date alone would be midnight in Greenwich, a date with a time is local: both are meant as the clock on the wall.
    const ts = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'))
    if (!Number.isNaN(ts)) return { ts }
  }
  throw new GatewayError('usage', `cannot read ${name} "${text}" as a time, an age or a record number`, {
    hint: 'write it like 2026-11-20T06:00, 2h or 184467',
  })
}

import type { NewRecord } from '../model.ts'
import type { FilterSettings } from '../uplink-settings.ts'

/** What a filter looks at. */
export type Filtered = Pick<NewRecord, 'kind' | 'source' | 'body'>

/** Which records one uplink wants (see FilterSettings). */
export class RecordFilter {
  readonly #devices: ReadonlySet<string> | undefined
  readonly #thinToMs: number | undefined
  /** By device, what the period that runs has had already. A restart may give one record more. */
  readonly #had = new Map<string, Had>()

  constructor({ devices, thinToMs }: FilterSettings) {
    this.#devices = devices && new Set(devices)
    this.#thinToMs = thinToMs
  }

  /**
   * To be asked once for each record, in order. `ts` is its time (Unix ms) as known now: when the clock is set, the period
   * changes, and the next reading is wanted.
   */
  wants(record: Filtered, ts: number): boolean {
    if (!this.mayWant(record)) return false
    if (this.#thinToMs === undefined || record.kind !== 'data') return true
    const period = Math.floor(ts / this.#thinToMs)
    let had = this.#had.get(record.source)
    if (had?.period !== period) {
      had = { period, values: new Set(), errors: new Set() }
      this.#had.set(record.source, had)
    }
    return bringsNews(record.body, had)
  }

  /** The same, whatever was wanted before. Events of the gateway and what became of commands always are. */
  mayWant({ kind, source }: Pick<Filtered, 'kind' | 'source'>): boolean {
    return this.#devices === undefined || kind === 'outcome' || source === '' || this.#devices.has(source)
  }
}

/** The points of one device in one period. */
interface Had {
  /** Number of the period since 1970. */
  readonly period: number
  readonly values: Set<string>
  readonly errors: Set<string>
}

/**
 * Does the reading hold a point that its period has not had? Points of one device are read at different intervals, and one
 * that is read seldom must not be lost behind one that is read often. An error counts only until the value comes.
 */
function bringsNews(body: string, had: Had): boolean {
  const { values, errors } = pointsOf(body)
  const news =
    values.some((point) => !had.values.has(point)) ||
    errors.some((point) => !had.values.has(point) && !had.errors.has(point))
  for (const point of values) had.values.add(point)
  for (const point of errors) had.errors.add(point)
  return news
}

/** Names of the points with a value, and of those with an error. A reading without names is one point without a name. */
function pointsOf(body: string): { readonly values: readonly string[]; readonly errors: readonly string[] } {
  let reading: unknown
  try {
    reading = JSON.parse(`{${body}}`)
  } catch {
    return { values: [''], errors: [] }
  }
  const values = namesOf(reading, 'values')
  const errors = namesOf(reading, 'errors')
  return values.length + errors.length > 0 ? { values, errors } : { values: [''], errors }
}

function namesOf(reading: unknown, part: string): readonly string[] {
  const points: unknown = typeof reading === 'object' && reading !== null ? Reflect.get(reading, part) : undefined
  return typeof points === 'object' && points !== null ? Object.keys(points) : []
}

import type { RecordKind } from '../../src/model.ts'
import type { FilterSettings } from '../../src/uplink-settings.ts'

/** What a filter should say, told again in the plainest way. */
export class TwinFilter {
  readonly settings: FilterSettings
  /** Device and period of every reading that was wanted. */
  readonly #wanted = new Map<string, number>()

  constructor(settings: FilterSettings) {
    this.settings = settings
  }

  /** Of a device that it wants, or not of a device at all. */
  mayWant({ kind, source }: { readonly kind: RecordKind; readonly source: string }): boolean {
    if (kind === 'outcome' || source === '') return true
    return this.settings.devices === undefined || this.settings.devices.includes(source)
  }

  wants(record: { readonly kind: RecordKind; readonly source: string }, ts: number): boolean {
    if (!this.mayWant(record)) return false
    const { thinToMs } = this.settings
    if (thinToMs === undefined || record.kind !== 'data') return true
    const period = Math.floor(ts / thinToMs)
    if (this.#wanted.get(record.source) === period) return false
    this.#wanted.set(record.source, period)
    return true
  }
}

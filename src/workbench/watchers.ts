/** What is recorded of the devices, told to whoever watches at that moment. */
import { glob } from '../config/glob.ts'
import type { PlainValue, WatchLine } from '../device-api.ts'
import { GatewayError } from '../errors.ts'
import type { DeviceEvent, Reading, Value } from '../model.ts'
import type { DeviceSettings } from '../settings.ts'

interface Watcher {
  readonly matches: (name: string) => boolean
  readonly onLine: (line: WatchLine) => void
}

export class Watchers {
  readonly #devices: readonly DeviceSettings[]
  readonly #units: ReadonlyMap<string, string>
  readonly #wall: () => number
  readonly #watchers = new Set<Watcher>()

  /** `wall`: Unix ms. */
  constructor(devices: readonly DeviceSettings[], wall: () => number) {
    this.#devices = devices
    this.#wall = wall
    const points = devices.flatMap(({ name, points: all }) => all.map((point) => ({ name, point })))
    this.#units = new Map(
      points.flatMap(({ name, point }) => (point.unit === undefined ? [] : [[`${name}.${point.name}`, point.unit]])),
    )
  }

  /** Throws GatewayError('unknown_device') when no point matches. Gives the function that ends it. */
  watch(pattern: string, onLine: (line: WatchLine) => void): () => void {
    const matches = pointPattern(pattern)
    const watched = this.#devices
      .map(({ name, points }) => points.filter((point) => matches(`${name}.${point.name}`)).length)
      .filter((count) => count > 0)
    if (watched.length === 0) {
      throw new GatewayError('unknown_device', `no point is called like "${pattern}"`, {
        hint: `a device (${this.#devices[0]?.name ?? 'meter'}), or DEVICE.POINT with * for any letters; tidegate plan lists them`,
      })
    }
    onLine({ watching: { devices: watched.length, points: watched.reduce((sum, count) => sum + count, 0) } })
    const watcher = { matches, onLine }
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  heard(reading: Reading): void {
    if (this.#watchers.size === 0) return
    const ts = this.#wall()
    for (const sample of reading.samples) {
      const name = `${reading.device}.${sample.point}`
      const common = { ts, device: reading.device, point: sample.point }
      const unit = this.#units.get(name)
      if (sample.error !== undefined) this.#tell(name, { ...common, error: sample.error })
      else this.#tell(name, { ...common, value: plain(sample.value), ...(unit === undefined ? {} : { unit }) })
    }
  }

  happened({ event, device, reason }: DeviceEvent): void {
    const line = { ts: this.#wall(), device, event, ...(reason === undefined ? {} : { reason }) }
    const names = this.#devices.find(({ name }) => name === device)?.points.map((point) => `${device}.${point.name}`)
    for (const { matches, onLine } of this.#watchers) if (names?.some(matches)) onLine(line)
  }

  #tell(name: string, line: WatchLine): void {
    for (const { matches, onLine } of this.#watchers) if (matches(name)) onLine(line)
  }
}

/** `*` and `?` in the name `DEVICE.POINT`; without a dot the pattern means devices, with all their points. Pure. */
export function pointPattern(pattern: string): (name: string) => boolean {
  return glob(pattern.includes('.') ? pattern : `${pattern}.*`)
}

/** A value for JSON. */
export function plain(value: Value): PlainValue {
  return typeof value === 'bigint' ? value.toString() : value
}

import type { Quality, Reading, Sample } from '../model.ts'
import type { DeviceSettings } from '../settings.ts'
import type { PointStatus } from '../status.ts'

interface Last {
  readonly sample: Sample
  readonly quality: Quality
  /** CLOCK_MONOTONIC in ms of the reading. */
  readonly mono: number
}

/** The newest reported value of every configured point, in memory only. */
export class LastValues {
  readonly #devices = new Map<string, { readonly settings: DeviceSettings; readonly points: Map<string, Last> }>()

  constructor(devices: readonly DeviceSettings[]) {
    for (const settings of devices) this.#devices.set(settings.name, { settings, points: new Map() })
  }

  /** Takes in a reading. What is not configured is ignored, and so is a sample older than the one that stands. */
  offer(reading: Reading): void {
    const device = this.#devices.get(reading.device)
    if (!device) return
    for (const sample of reading.samples) {
      const last = device.points.get(sample.point)
      if (last && last.mono > reading.mono) continue
      const quality = sample.error === undefined ? 'good' : 'bad'
      device.points.set(sample.point, { sample, quality, mono: reading.mono })
    }
  }

  /** The device went silent: what it said last stays, marked stale. An error stays an error. */
  markOffline(device: string): void {
    const points = this.#devices.get(device)?.points
    for (const [name, last] of points ?? []) {
      if (last.quality === 'good') points?.set(name, { ...last, quality: 'stale' })
    }
  }

  /** All configured points of a device, in the order of the configuration; `mono` is now. */
  values(device: string, mono: number): readonly PointStatus[] {
    const known = this.#devices.get(device)
    if (!known) return []
    return known.settings.points.map((point) => {
      const last = known.points.get(point.name)
      const unit = point.unit === undefined ? {} : { unit: point.unit }
      if (!last) return { name: point.name, quality: 'unknown', ...unit }
      return {
        name: point.name,
        ...shown(last.sample),
        quality: last.quality,
        ...unit,
        ageMs: Math.max(0, mono - last.mono),
      }
    })
  }
}

function shown(sample: Sample): Pick<PointStatus, 'value' | 'error'> {
  if (sample.error !== undefined) return { error: sample.error }
  return { value: typeof sample.value === 'bigint' ? sample.value.toString() : sample.value }
}

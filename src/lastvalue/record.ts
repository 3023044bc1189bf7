import { type DeviceEvent, type NewRecord, type Reading, type Sample, valueJson } from '../model.ts'
import type { DeviceSettings } from '../settings.ts'

/** Stands among `errors` for a number that JSON cannot hold (NaN, infinities): no value is better than a wrong one. */
const NOT_A_NUMBER = 'invalid'

/** For how long the readings of a point are wanted, in ms; undefined: however late they come. */
export type ExpiryOf = (device: string, point: string) => number | undefined

/** What the configuration says about it. */
export function expiries(devices: readonly DeviceSettings[]): ExpiryOf {
  const byDevice = new Map<string, ReadonlyMap<string, number | undefined>>()
  for (const { name, points } of devices) {
    if (points.every((point) => point.expiresAfterMs === undefined)) continue
    byDevice.set(name, new Map(points.map((point) => [point.name, point.expiresAfterMs])))
  }
  return (device, point) => byDevice.get(device)?.get(point)
}

/**
 * The data records of one reading: one, or one for each `expires_after` among its points, because a record is sent or given
 * up as a whole.
 */
export function readingRecords(reading: Reading, expiryOf: ExpiryOf): NewRecord[] {
  const byExpiry = Map.groupBy(reading.samples, (sample: Sample) => expiryOf(reading.device, sample.point))
  if (byExpiry.size === 0) return [readingRecord(reading)]
  return [...byExpiry].map(([expiresAfterMs, samples]) => {
    const record = readingRecord({ ...reading, samples })
    return expiresAfterMs === undefined ? record : { ...record, expiresAfterMs }
  })
}

/** The data record of one reading: `"device":"boiler","values":{...},"errors":{...}`, errors only when there are some. */
export function readingRecord(reading: Reading): NewRecord {
  const values = new Map<string, string>()
  const errors = new Map<string, string>()
  for (const sample of reading.samples) {
    const json = sample.error === undefined ? valueJson(sample.value) : undefined
    // The last sample of a point counts: an object must not have a name twice (RFC 8259, 4).
    values.delete(sample.point)
    errors.delete(sample.point)
    if (json !== undefined) values.set(sample.point, json)
    else errors.set(sample.point, JSON.stringify(sample.error ?? NOT_A_NUMBER))
  }
  const fields = [text('device', reading.device), `"values":${object(values)}`]
  if (errors.size > 0) fields.push(`"errors":${object(errors)}`)
  return { kind: 'data', source: reading.device, body: fields.join(','), mono: reading.mono }
}

/**
 * The event record of a device that begins or ceases to answer: `"event":"device_offline","device":...,"reason":...`, or
 * `"event":"device_online","device":...,"away_ms":...` when it was offline before.
 */
export function deviceEventRecord(event: DeviceEvent, mono: number): NewRecord {
  const fields = [text('event', event.event), text('device', event.device)]
  if (event.reason !== undefined) fields.push(text('reason', event.reason))
  if (event.awayMs !== undefined) fields.push(`"away_ms":${Math.round(event.awayMs)}`)
  return { kind: 'event', source: event.device, body: fields.join(','), mono }
}

function text(name: string, value: string): string {
  return `"${name}":${JSON.stringify(value)}`
}

function object(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
}

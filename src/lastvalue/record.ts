import { type DeviceEvent, type NewRecord, type Reading, valueJson } from '../model.ts'

/** Stands among `errors` for a number that JSON cannot hold (NaN, infinities): no value is better than a wrong one. */
const NOT_A_NUMBER = 'invalid'

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

/** The event record of a device that begins or ceases to answer: `"event":"device_offline","device":...,"reason":...`. */
export function deviceEventRecord(event: DeviceEvent, mono: number): NewRecord {
  const fields = [text('event', event.event), text('device', event.device)]
  if (event.reason !== undefined) fields.push(text('reason', event.reason))
  return { kind: 'event', source: event.device, body: fields.join(','), mono }
}

function text(name: string, value: string): string {
  return `"${name}":${JSON.stringify(value)}`
}

function object(members: ReadonlyMap<string, string>): string {
  return `{${[...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
}

/** A write by an operator on the gateway: what became of it, and the record of that. */
import type { WriteAnswer, WriteOrder } from '../device-api.ts'
import { LinkError, WriteError } from '../drivers/driver.ts'
import type { Poller } from '../drivers/poller/poller.ts'
import { isSame } from '../inbox/fit.ts'
import { type NewRecord, type Value, valueJson } from '../model.ts'
import type { DeviceSettings, PointSettings } from '../settings.ts'

export interface LocalWrite {
  readonly device: DeviceSettings
  readonly point: PointSettings
  readonly value: Value
}

/** What a write left behind, as far as anybody knows. */
export interface WriteOutcome {
  readonly result: WriteAnswer['result'] | 'unknown'
  readonly readBack?: Value
  /** Short code of why it is unknown. */
  readonly reason?: string
}

/** Reads the point once more, where it can be read. */
export async function readBackOf(
  poller: Poller,
  { device, point, value }: LocalWrite,
): Promise<Pick<WriteAnswer, 'result' | 'error'> & { readonly readBack?: Value }> {
  if (point.access === 'wo') return { result: 'unread', error: 'write_only' }
  try {
    const { name, scaleFrom } = point
    const samples = await poller.readNow(device.name, [name, ...(scaleFrom === undefined ? [] : [scaleFrom])])
    const sampleOf = (wanted: string | undefined) => samples.find((sample) => sample.point === wanted)
    const got = sampleOf(name)?.value
    if (got === undefined) return { result: 'unread', error: sampleOf(name)?.error ?? 'io' }
    const isWritten = isSame(point, { wanted: value, got, power: sampleOf(scaleFrom)?.value })
    return { result: isWritten ? 'verified' : 'differs', readBack: got }
  } catch (error) {
    if (error instanceof LinkError || error instanceof WriteError) return { result: 'unread', error: error.code }
    throw error
  }
}

/** As the point takes it: 64-bit integers come as text. */
export function valueFor({ type }: PointSettings, value: WriteOrder['value']): Value {
  const isWide = type === 'int64' || type === 'uint64'
  return isWide && typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : value
}

/** `"event":"local_write","device":...,"point":...,"value":...,"result":...`, with what was read back or why it is unknown. */
export function localWriteRecord(
  { device, point, value }: LocalWrite,
  outcome: WriteOutcome & { readonly mono: number },
): NewRecord {
  const { result, readBack, reason, mono } = outcome
  const fields = ['"event":"local_write"', text('device', device.name), text('point', point.name)]
  fields.push(`"value":${valueJson(value) ?? 'null'}`, text('result', result))
  if (readBack !== undefined) fields.push(`"read_back":${valueJson(readBack) ?? 'null'}`)
  if (reason !== undefined) fields.push(text('reason', reason))
  return { kind: 'event', source: device.name, body: fields.join(','), mono }
}

function text(name: string, value: string): string {
  return `"${name}":${JSON.stringify(value)}`
}

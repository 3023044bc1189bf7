/** Questions to a device that nobody has described yet, and their answers as plain data. */
import type { RawQuestion, RawReply } from './device-api.ts'
import type { Explorer } from './drivers/driver.ts'
import { type CodecOptions, decode, decodeBit, decodePower } from './drivers/modbus/codec.ts'
import { isBitTable, widthOf } from './drivers/modbus/registers.ts'
import { GatewayError } from './errors.ts'
import type { Sample } from './model.ts'
import type { DeviceSettings, PointSettings } from './settings.ts'

interface AskOptions {
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export async function askOne(explorer: Explorer, question: RawQuestion, options: AskOptions): Promise<RawReply> {
  if ('identify' in question) {
    const identity = await explorer.identify(question.unitId)
    return identity.ok ? { ok: true, texts: identity.objects } : identity
  }
  const { unitId, ...range } = question
  const { timeoutMs } = options
  const answer = await explorer.readRaw(unitId, range, timeoutMs === undefined ? {} : { timeoutMs })
  if (!answer.ok) return { ok: false, code: answer.code, tookMs: answer.tookMs }
  return { ok: true, hex: Buffer.from(answer.bytes).toString('hex'), tookMs: answer.tookMs }
}

/** One after the other, until nobody waits any more. */
export async function askAll(
  explorer: Explorer,
  questions: readonly RawQuestion[],
  options: AskOptions,
): Promise<readonly RawReply[]> {
  const replies: RawReply[] = []
  for (const question of questions) {
    refuseWhenGone(options.signal)
    replies.push(await askOne(explorer, question, options))
  }
  return replies
}

export function refuseWhenGone(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new GatewayError('conflict', 'given up, because nobody waits for the answer any more')
}

/** A sample, with the bytes that it was made of, hexadecimal. */
export type RawSample = Sample & { readonly raw?: string }

/** Reads one point alone, so that value and bytes are of one reply. */
export async function rawSample(explorer: Explorer, device: DeviceSettings, point: PointSettings): Promise<RawSample> {
  const { name, register, address } = point
  const answer = await explorer.readRaw(device.unitId, { register, address, count: widthOf(point) })
  if (!answer.ok) return { point: name, error: answer.code }
  if (isBitTable(register)) {
    const on = ((answer.bytes[0] ?? 0) & 1) === 1
    return { point: name, value: decodeBit(point, on), raw: on ? '01' : '00' }
  }
  const raw = Buffer.from(answer.bytes).toString('hex')
  const { value, error } = decode(point, answer.bytes, await scalingOf(explorer, device, point))
  return value === undefined ? { point: name, error: error ?? 'invalid', raw } : { point: name, value, raw }
}

/** What the point that holds its power of ten says now. */
async function scalingOf(
  explorer: Explorer,
  device: DeviceSettings,
  { scaleFrom }: PointSettings,
): Promise<CodecOptions> {
  const source = device.points.find(({ name }) => name === scaleFrom)
  if (!source) return {}
  const { register, address } = source
  const answer = await explorer.readRaw(device.unitId, { register, address, count: widthOf(source) })
  const power = answer.ok ? decodePower(source, answer.bytes) : undefined
  return power === undefined ? {} : { power }
}

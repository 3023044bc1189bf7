/** Questions to a device that nobody has described yet, and their answers as plain data. */
import { hundredths } from './clock.ts'
import type { RawQuestion, RawReply } from './device-api.ts'
import type { Explorer } from './drivers/driver.ts'
import { type AskRanges, type RangeAnswer, readByRanges } from './drivers/modbus/raw-points.ts'
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
  if (!answer.ok) return { ok: false, code: answer.code, tookMs: hundredths(answer.tookMs) }
  return { ok: true, hex: Buffer.from(answer.bytes).toString('hex'), tookMs: hundredths(answer.tookMs) }
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

/** Reads one point, and with it what holds its power of ten, so that value and bytes are of one reply. */
export async function rawSample(explorer: Explorer, device: DeviceSettings, point: PointSettings): Promise<RawSample> {
  const ask: AskRanges = async (ranges) => {
    const answers: RangeAnswer[] = []
    for (const { register, address, count } of ranges) {
      answers.push(await explorer.readRaw(device.unitId, { register, address, count }))
    }
    return answers
  }
  const [answer] = await readByRanges(ask, [point], device)
  const { value, error = 'invalid', raw: bytes } = answer ?? { error: 'write_only' }
  const raw = bytes === undefined ? {} : { raw: Buffer.from(bytes).toString('hex') }
  return value === undefined ? { point: point.name, error, ...raw } : { point: point.name, value, ...raw }
}

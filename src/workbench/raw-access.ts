/** Questions to a device that nobody has described yet, and their answers as plain data. */
import { type Clock, hundredths } from '../clock.ts'
import type { RawQuestion, RawReply } from '../device-api.ts'
import { type Explorer, LinkError } from '../drivers/driver.ts'
import { type AskRanges, type RangeAnswer, readByRanges } from '../drivers/modbus/raw-points.ts'
import type { Poller } from '../drivers/poller/poller.ts'
import { GatewayError } from '../errors.ts'
import type { Sample } from '../model.ts'
import type { DeviceSettings, PointSettings } from '../settings.ts'

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

/** A connection with such a problem was open, and is opened anew. */
const renewals: readonly string[] = ['silent', 'doubt', 'not_modbus', 'closed', 'unplugged']
/** It could not be opened again, so far. */
const openings: readonly string[] = ['open_failed', 'refused', 'no_such_port', 'busy']
/** It is waited for so long. */
const RENEWAL_MAX_MS = 5_000
const LOOK_EVERY_MS = 50
/** Opened so often without one sound reply ever: this is not what it is taken for. */
const FRUITLESS_OPENINGS_MAX = 6

export interface Asking {
  readonly clock: Clock
  /** The connection is the tool's own: nobody else asks on it, and it may take its time to be open again. */
  readonly own: boolean
  /** Waits while the connection is about to be open. */
  readonly ready: () => Promise<void>
  readonly signal?: AbortSignal | undefined
}

/**
 * Asks between two polls. A connection that was given up just before is opened anew and asked all the same; one that is given
 * up under the question is asked once more, and after that the question has no answer: undefined. Rejects with LinkError when
 * it cannot be opened any more, or what answers there never says anything sensible.
 */
export async function persistently<T>(
  poller: Poller,
  run: (explorer: Explorer) => Promise<T>,
  { clock, own, ready, signal }: Asking,
): Promise<T | undefined> {
  let giveUpAt: number | undefined
  let losses = 0
  for (;;) {
    refuseWhenGone(signal)
    await ready()
    let asked = false
    try {
      return await poller.explore((explorer) => {
        asked = true
        return run(explorer)
      })
    } catch (error) {
      if (!(error instanceof LinkError)) throw error
      const isRenewed = renewals.includes(error.code)
      const mayComeBack = own && openings.includes(error.code) && openedBefore(poller) > 0
      if (!(isRenewed || mayComeBack) || isFruitless(poller, error)) throw error
      if (asked) losses += 1
      if (losses > 1) return undefined
      giveUpAt ??= clock.mono() + RENEWAL_MAX_MS
      if (!asked && clock.mono() >= giveUpAt) throw error
      if (!asked && isRenewed)
        await poller.lend(async () => {}, signal) // ends the pause before the next opening
      else await clock.wait(LOOK_EVERY_MS, signal)
    }
  }
}

function openedBefore(poller: Poller): number {
  const { opens = 0, failedOpens = 0 } = poller.status().connection
  return opens - failedOpens
}

/** Silence is no reason: units may be absent. */
function isFruitless(poller: Poller, { code }: LinkError): boolean {
  const { exchanges, failures } = poller.status().connection
  return code !== 'silent' && exchanges === failures && openedBefore(poller) >= FRUITLESS_OPENINGS_MAX
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

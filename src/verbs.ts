/** What the gateway does when a command tells it to. */
import type { Clock } from './clock.ts'
import { LinkError, WriteError } from './drivers/driver.ts'
import type { Poller } from './drivers/poller/poller.ts'
import type { Verbs } from './inbox/targets/verb.ts'
import type { Reading } from './model.ts'
import type { ConnectionSettings, DeviceSettings } from './settings.ts'

export interface VerbParts {
  readonly connections: readonly ConnectionSettings[]
  /** In the order of the connections. */
  readonly pollers: readonly Pick<Poller, 'readNow' | 'isOnline'>[]
  readonly clock: Clock
  /** Takes a reading that is to be recorded whether it is news or not. */
  readonly record: (reading: Reading) => void
  /** Resolves when everything that was read is on disk. */
  readonly flush: () => Promise<void>
  /** Ends the agent, so that it is started again. Absent: nobody would. */
  readonly restart: (() => void) | undefined
}

/** Names in one sentence at most. */
const NAMED_MAX = 5

export function gatewayVerbs(parts: VerbParts): Verbs {
  const { flush, restart } = parts
  return {
    readNow: (device) => readNow(parts, device),
    flush,
    ...(restart ? { restart } : {}),
  }
}

/**
 * A device that is named is asked whatever is known of it. Of all devices those that are silent are not: each would cost its
 * neighbours a timeout; nor those that speak by themselves.
 */
async function readNow(parts: VerbParts, name: string | undefined): Promise<string | undefined> {
  const problems = await Promise.all(
    parts.connections.map(async ({ devices }, index) => {
      const poller = parts.pollers[index]
      const wanted = devices.filter((device) => (name === undefined ? isAsked(device) : device.name === name))
      const failures: string[] = []
      for (const device of poller ? wanted : []) {
        const isSilent = name === undefined && poller?.isOnline(device.name) === false
        const code = isSilent ? 'offline' : await readOne(parts, poller, device)
        if (code !== undefined) failures.push(`${device.name}: ${code}`)
      }
      return failures
    }),
  )
  const all = problems.flat()
  if (all.length === 0) return undefined
  const more = all.length > NAMED_MAX ? ` and ${all.length - NAMED_MAX} more` : ''
  return `not read: ${all.slice(0, NAMED_MAX).join(', ')}${more}`
}

/** Gives the short code of why nothing was read. */
async function readOne(
  { clock, record }: VerbParts,
  poller: Pick<Poller, 'readNow'> | undefined,
  device: DeviceSettings,
): Promise<string | undefined> {
  if (!isAsked(device)) return 'it speaks by itself'
  try {
    const samples = (await poller?.readNow(device.name)) ?? []
    if (samples.every((sample) => sample.error !== undefined)) return samples[0]?.error ?? 'it has nothing to read'
    record({ device: device.name, samples, mono: clock.mono() })
    return undefined
  } catch (error) {
    if (error instanceof LinkError || error instanceof WriteError) return error.code
    throw error
  }
}

function isAsked({ pattern, match, request }: DeviceSettings): boolean {
  return request !== undefined || (pattern === undefined && match === undefined)
}

/** What the gateway itself can be told to do. */
import type { GatewayVerb } from '../../command-settings.ts'
import { show } from '../parse.ts'
import { ended, type Fit, type Target } from '../target.ts'
import type { CommandValue } from '../value.ts'

/** How the inbox makes the gateway do something. */
export interface Verbs {
  /** Polls this device, or all of them; resolves with why that failed, if it did. */
  readonly readNow: (device?: string) => Promise<string | undefined>
  /** Resolves when everything that was read is on disk. */
  readonly flush: () => Promise<void>
  /** Resolves with why that failed, if it did. Absent: the gateway cannot do it. */
  readonly reload?: () => Promise<string | undefined>
  /** Ends the agent, so that it is started again. Absent: nobody would. */
  readonly restart?: () => void
}

/** `deviceNames`: those that `read_now` can name. */
export function verbTarget(
  verb: GatewayVerb,
  { verbs, deviceNames }: { readonly verbs: Verbs; readonly deviceNames: readonly string[] },
): Target {
  const turn = `gateway ${verb}`
  return {
    turn,
    touches: [turn],
    isReady: () => true,
    fit(value) {
      const missing = missingOf(verb, verbs)
      if (missing !== undefined) return { ok: false, reason: missing }
      return verb === 'read_now' ? fitDevice(value, deviceNames) : fitNothing(value)
    },
    async apply({ command: { value } }) {
      if (verb === 'restart') {
        verbs.restart?.()
        return { result: 'ending' }
      }
      const problem = await carriedOut(verb, verbs, typeof value === 'string' ? value : undefined)
      return problem === undefined ? ended('applied') : ended('failed', { reason: problem })
    },
    // `applying` is on disk before the agent ends; whoever reads it there is the agent that was started again.
    ...(verb === 'restart' ? { ifEnded: ended('applied') } : {}),
  }
}

async function carriedOut(
  verb: Exclude<GatewayVerb, 'restart'>,
  verbs: Verbs,
  device: string | undefined,
): Promise<string | undefined> {
  switch (verb) {
    case 'read_now':
      return verbs.readNow(device)
    case 'outbox_flush':
      await verbs.flush()
      return undefined
    case 'reload':
      return verbs.reload?.()
  }
}

function missingOf(verb: GatewayVerb, verbs: Verbs): string | undefined {
  if (verb === 'reload' && !verbs.reload) return 'this version cannot reload its configuration; restart does'
  if (verb === 'restart' && !verbs.restart)
    return 'the gateway was not started by systemd, so nobody would start it again'
  return undefined
}

function fitDevice(value: CommandValue | undefined, names: readonly string[]): Fit {
  if (value === undefined || value === true) return { ok: true, value: true }
  if (typeof value === 'string' && names.includes(value)) return { ok: true, value }
  return { ok: false, reason: `value is ${show(value)}, wanted the name of a device, or true for all` }
}

function fitNothing(value: CommandValue | undefined): Fit {
  if (value === undefined || value === true) return { ok: true }
  return { ok: false, reason: `value is ${show(value)}, wanted true: this command takes no value` }
}

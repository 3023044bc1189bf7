/** What a delivery means to its key. Pure but for the ids it makes. */
import { randomBytes } from 'node:crypto'
import type { IncomingCommand, Reply } from '../model.ts'
import type { Arrival } from './decide.ts'
import { type BootOffset, deadlineOf, judge, type Now } from './expiry.ts'
import { aheadReason } from './issued.ts'
import type { CommandKey } from './key.ts'
import { VALUE_LENGTH_MAX } from './outcome.ts'
import type { Parsed } from './parse.ts'
import { type CommandValue, commandValueJson } from './value.ts'

/** Response topic and correlation data (in base64) are stored with the command and with its outcome. */
const REPLY_LENGTH_MAX = 2_048

export interface ArrivalFacts {
  readonly key: Pick<CommandKey, 'settings' | 'target'>
  readonly now: Now
  readonly bootOffset: BootOffset
  /** Its number in the order of arrival. */
  readonly arrival: number
}

export function arrivalOf(incoming: IncomingCommand, parsed: Parsed, facts: ArrivalFacts): Arrival {
  const { key, now, bootOffset, arrival } = facts
  const { expiresInMs } = incoming
  const defaultMs = key.settings.expiresAfterMs
  const expiresAt = parsed.ok ? (parsed.expiresAt ?? (parsed.issuedAt && parsed.issuedAt + defaultMs)) : undefined
  const lifetime = {
    ...(expiresInMs === undefined ? {} : { expiresInMs }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    defaultMs,
  }
  const deadline = deadlineOf(lifetime, now)
  const verdict = judge(deadline, now, bootOffset)
  const reply = replyOf(incoming)
  return {
    uplink: incoming.uplink,
    arrival,
    deadline,
    ...(reply ? { reply } : {}),
    ...identity(incoming, parsed),
    ...content(incoming, parsed, facts),
    ...(verdict.verdict === 'expired' ? { expired: verdict.reason } : {}),
  }
}

/** Where the sender wants the answer, if that is short enough to be kept. */
export function replyOf({ reply }: IncomingCommand): Reply | undefined {
  return reply && reply.topic.length + (reply.correlation?.length ?? 0) <= REPLY_LENGTH_MAX ? reply : undefined
}

/** 64 random bits: such an id is never issued twice, whatever happens to the database. */
export function autoId(): string {
  return `auto-${randomBytes(8).toString('hex')}`
}

/** The sender's id, else one of our own and the fingerprint by which a repeat is recognised. */
function identity(incoming: IncomingCommand, parsed: Parsed): Pick<Arrival, 'id' | 'ownId' | 'redelivery' | 'resent'> {
  if (parsed.id !== undefined) return { id: parsed.id, ownId: true }
  const { redelivery, uplink, duplicate } = incoming
  if (redelivery === undefined) return { id: autoId(), ownId: false }
  return { id: autoId(), ownId: false, redelivery: `${uplink} ${redelivery}`, resent: duplicate === true }
}

function content(
  incoming: IncomingCommand,
  parsed: Parsed,
  { key, now }: ArrivalFacts,
): Pick<Arrival, 'value' | 'version' | 'refused'> {
  if (!parsed.ok) return { refused: parsed.reason }
  const { value, issuedAt, version = issuedAt } = parsed
  const fitted = key.target.fit(value)
  const refused =
    objection(incoming, parsed, { mode: key.settings.mode, now }) ?? (fitted.ok ? undefined : fitted.reason)
  if (refused !== undefined)
    return { refused, ...(value !== undefined && lengthOf(value) <= VALUE_LENGTH_MAX ? { value } : {}) }
  const kept = fitted.ok ? fitted.value : undefined
  const length = lengthOf(kept)
  if (length > VALUE_LENGTH_MAX) {
    return { refused: `value has ${length} characters as JSON, at most ${VALUE_LENGTH_MAX} are allowed` }
  }
  return { ...(kept === undefined ? {} : { value: kept }), ...(version === undefined ? {} : { version }) }
}

/** Why it cannot be accepted, whatever its value is. */
function objection(
  incoming: IncomingCommand,
  { id, issuedAt, version }: Parsed & { readonly ok: true },
  { mode, now }: { readonly mode: 'last_value' | 'queue'; readonly now: Now },
): string | undefined {
  if (mode === 'queue' && id === undefined) return 'an id is missing'
  if (incoming.retained) {
    // It comes again with every subscription, for longer than ids are kept; only the highest version is kept for ever.
    if (mode === 'queue') return 'a retained message, which a queue does not take: it would be done again'
    if ((version ?? issuedAt) === undefined) return 'a retained message without version or issued_at'
  }
  if (incoming.reply && !replyOf(incoming)) {
    return `response topic and correlation data are longer than ${REPLY_LENGTH_MAX} characters`
  }
  return issuedAt === undefined || !now.clockKnown ? undefined : aheadReason(issuedAt, now.wall)
}

/** As JSON. A value may be as long as a payload: too long to keep for every command that waits or was refused. */
function lengthOf(value: CommandValue | undefined): number {
  return value === undefined ? 0 : (commandValueJson(value)?.length ?? 0)
}

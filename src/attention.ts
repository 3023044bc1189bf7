/** What needs a human: one sentence each, worst first, with the command or the thing to change. */
import { deviceAttention } from './device-attention.ts'
import type { Keeper } from './outbox/keeper.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Salvage } from './outbox/salvage.ts'
import type { ConnectionStatus, DeviceStatus, Status, StorageStatus, UplinkStatus } from './status.ts'

export interface AttentionParts {
  readonly outbox: Outbox
  readonly keeper: Keeper
  readonly salvage: Salvage
  readonly absent: NonNullable<Status['outbox']['absent']>
  readonly storage: StorageStatus
  readonly uplinks: readonly UplinkStatus[]
  readonly connections: readonly ConnectionStatus[]
  readonly devices: readonly DeviceStatus[]
}

export function attention(parts: AttentionParts): string[] {
  return [
    ...ofStorage(parts.storage, parts.outbox),
    ...ofSalvage(parts.salvage),
    ...ofLimits(parts.keeper),
    ...ofLosses(parts.outbox),
    ...parts.uplinks.flatMap(ofUplink),
    ...ofClaims(parts),
    ...deviceAttention(parts.connections, parts.devices),
  ]
}

function ofStorage({ problem, recovered }: StorageStatus, outbox: Outbox): string[] {
  const sentences: string[] = []
  if (problem) sentences.push(`storage cannot write: ${withHint(problem)}`)
  if (outbox.readProblem !== undefined) sentences.push(`the backlog on disk cannot be read: ${outbox.readProblem}`)
  if (recovered) sentences.push(`storage: ${recovered}`)
  return sentences
}

function ofSalvage(salvage: Salvage): string[] {
  const progress = salvage.progress()
  if (!progress) return []
  const { pagesDone, pages, salvaged, waitsForRoom } = progress
  const done = `${Math.floor((100 * pagesDone) / Math.max(1, pages))} %, ${salvaged} records so far`
  const what = waitsForRoom ? 'waits for room on the disk (free some space)' : 'is under way'
  return [`the salvage of the damaged database ${what}: ${done}; backlog is sent when it has ended`]
}

/** What the limits do to the polling and to the room for records now. */
function ofLimits(keeper: Keeper): string[] {
  const sentences = keeper.pause?.isFull
    ? [`polling is paused until there is room in the outbox (${keeper.limit().reason})`]
    : []
  if (keeper.isDiskShort) sentences.push('the disk has less free than outbox.min_free_disk: the outbox does not grow')
  return sentences
}

/** What this run lost. Losses of earlier runs are in the books and were reported to the cloud. */
function ofLosses(outbox: Outbox): string[] {
  return outbox.cursors.flatMap(({ name, number, account }) => {
    // Expiry is what the configuration asks for.
    const reasons = [...outbox.losses.sinceStart(number)].filter(([reason]) => reason !== 'expires_after')
    const { rejected } = account.sinceStart
    const dropped = reasons.reduce((sum, [, count]) => sum + count, 0)
    const why = reasons.map(([reason, count]) => (reasons.length > 1 ? `${reason} ${count}` : reason)).join(', ')
    return [
      ...(dropped > 0 ? [`uplink ${name}: ${dropped} records were dropped since the start (${why})`] : []),
      ...(rejected > 0
        ? [`uplink ${name}: ${rejected} records were rejected since the start (tidegate outbox rejected)`]
        : []),
    ]
  })
}

/** Why it sends nothing, then what it cannot do beside. */
function ofUplink({ name, problem, shortfalls = [] }: UplinkStatus): string[] {
  return [...(problem ? [problem] : []), ...shortfalls].map((found) => `uplink ${name}: ${withHint(found)}`)
}

/** What nobody but an operator can end. */
function ofClaims({ uplinks, absent }: AttentionParts): string[] {
  const paused = uplinks.filter((uplink) => uplink.paused)
  const kept = absent.filter(({ pending }) => pending > 0)
  return [
    ...paused.map(({ name }) => `uplink ${name} is paused by an operator (tidegate outbox resume ${name})`),
    ...kept.map(
      ({ name, pending }) =>
        `${pending} records are kept for uplink ${name}, which is not configured any more (tidegate outbox forget ${name})`,
    ),
  ]
}

function withHint(problem: { readonly message: string; readonly hint?: string }): string {
  return problem.hint ? `${problem.message} (${problem.hint})` : problem.message
}

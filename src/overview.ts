import type { Poller } from './drivers/poller.ts'
import type { Inbox } from './inbox/inbox.ts'
import type { LastValues } from './lastvalue/lastvalue.ts'
import type { Cursor } from './outbox/cursor.ts'
import type { Keeper } from './outbox/keeper.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Salvage } from './outbox/salvage.ts'
import type { Settings } from './settings.ts'
import type { ConnectionStatus, DeviceStatus, Status, StorageStatus, UplinkStatus } from './status.ts'
import type { StorageThread } from './storage/storage.ts'
import type { Uplink } from './uplink/uplink.ts'

/** What the snapshot is made of. */
export interface Parts {
  readonly settings: Settings
  readonly version: string
  readonly startedMono: number
  readonly mono: () => number
  readonly storage: StorageThread
  readonly outbox: Outbox
  readonly keeper: Keeper
  readonly salvage: Salvage
  readonly inbox: Inbox
  readonly lastValues: LastValues
  readonly pollers: readonly Poller[]
  readonly uplinks: readonly Uplink[]
}

/** The whole agent on one page. */
export function overview(parts: Parts): Status {
  const { settings, storage, outbox, inbox } = parts
  const connections = parts.pollers.map((poller) => poller.status().connection)
  const devices = parts.pollers.flatMap((poller) => deviceStatus(poller, parts.lastValues, parts.mono()))
  const uplinks = parts.uplinks.map((uplink) => uplinkStatus(uplink, outbox))
  const salvage = parts.salvage.progress()
  const storageStatus: StorageStatus = { ...storage.status(), ...(salvage ? { salvage } : {}) }
  return {
    gateway: settings.gateway.id,
    version: parts.version,
    epoch: outbox.epoch,
    pid: process.pid,
    uptimeMs: parts.mono() - parts.startedMono,
    clockKnown: outbox.boots.current.known,
    connections,
    devices,
    uplinks,
    outbox: {
      head: outbox.head(),
      tail: outbox.tailSize,
      usedBytes: storage.facts.usedBytes,
      maxBytes: settings.outbox.maxSizeBytes,
      commits: storage.commits,
      writtenRecords: outbox.writtenRecords,
      ...absentOf(outbox),
    },
    inbox: inbox.status(),
    storage: storageStatus,
    attention: attention({
      connections,
      devices,
      uplinks,
      storage: storageStatus,
      losses: [...lossesOf(outbox), ...claimsOf(outbox), ...limitsOf(parts.keeper), ...salvageOf(parts.salvage)],
    }),
  }
}

function deviceStatus(poller: Poller, lastValues: LastValues, mono: number): DeviceStatus[] {
  const { connection, devices } = poller.status()
  return devices.map((device) => ({
    ...device,
    connection: connection.name,
    points: lastValues.values(device.name, mono),
  }))
}

function uplinkStatus(uplink: Uplink, outbox: Outbox): UplinkStatus {
  const own = uplink.status()
  const cursor = outbox.cursor(own.name)
  return { ...own, ...(cursor.paused ? { paused: true } : {}), ...booksOf(cursor, outbox) }
}

function booksOf(cursor: Cursor, outbox: Outbox) {
  const counts = cursor.account.totals()
  const issued = cursor.account.issued(outbox.head())
  const oldest = outbox.oldestPendingAgeMs(cursor)
  return {
    ...counts,
    issued,
    pending: issued - cursor.account.settled,
    ...(oldest === undefined ? {} : { oldestPendingAgeMs: oldest }),
  }
}

function absentOf(outbox: Outbox): Pick<Status['outbox'], 'absent'> {
  const absent = outbox.absent.map(({ name, account, wantedThrough }) => ({
    name,
    pending: Math.max(0, account.issued(wantedThrough ?? 0) - account.settled),
  }))
  return absent.length > 0 ? { absent } : {}
}

/** What nobody but an operator can end. */
function claimsOf(outbox: Outbox): string[] {
  const paused = outbox.cursors.filter((cursor) => cursor.paused)
  return [
    ...paused.map(({ name }) => `uplink ${name} is paused by an operator (tidegate outbox resume ${name})`),
    ...(absentOf(outbox).absent ?? [])
      .filter(({ pending }) => pending > 0)
      .map(
        ({ name, pending }) =>
          `${pending} records are kept for uplink ${name}, which is not configured any more (tidegate outbox forget ${name})`,
      ),
  ]
}

/** What this run lost or cannot read. Losses of earlier runs are in the books and were reported to the cloud. */
function lossesOf(outbox: Outbox): string[] {
  const sentences =
    outbox.readProblem === undefined ? [] : [`the backlog on disk cannot be read: ${outbox.readProblem}`]
  for (const { name, account } of outbox.cursors) {
    const { dropped, rejected } = account.sinceStart
    if (dropped > 0) sentences.push(`uplink ${name}: ${dropped} records were dropped at a limit since the start`)
    if (rejected > 0) sentences.push(`uplink ${name}: ${rejected} records were rejected by the cloud since the start`)
  }
  return sentences
}

/** What the limits do to the polling and to the room for records now. */
function limitsOf(keeper: Keeper): string[] {
  const sentences = keeper.pause?.isFull
    ? [`polling is paused until there is room in the outbox (${keeper.limit().reason})`]
    : []
  if (keeper.isDiskShort) sentences.push('the disk has less free than outbox.min_free_disk: the outbox does not grow')
  return sentences
}

function salvageOf(salvage: Salvage): string[] {
  const progress = salvage.progress()
  if (!progress) return []
  const { pagesDone, pages, salvaged, waitsForRoom } = progress
  const done = `${Math.floor((100 * pagesDone) / Math.max(1, pages))} %, ${salvaged} records so far`
  const what = waitsForRoom ? 'waits for room on the disk (free some space)' : 'is under way'
  return [`the salvage of the damaged database ${what}: ${done}; backlog is sent when it has ended`]
}

/** Sentences for a human, worst first. */
function attention(parts: {
  readonly losses: readonly string[]
  readonly storage: StorageStatus
  readonly uplinks: readonly UplinkStatus[]
  readonly connections: readonly ConnectionStatus[]
  readonly devices: readonly DeviceStatus[]
}): string[] {
  const { storage, uplinks, connections, devices } = parts
  const sentences: string[] = [...parts.losses]
  if (storage.problem) sentences.push(`storage cannot write: ${withHint(storage.problem)}`)
  if (storage.recovered) sentences.push(`storage: ${storage.recovered}`)
  for (const uplink of uplinks) {
    if (uplink.problem) sentences.push(`uplink ${uplink.name}: ${uplink.problem.message}`)
  }
  for (const connection of connections) {
    if (connection.problem) sentences.push(`connection ${connection.name}: ${withHint(connection.problem)}`)
  }
  for (const device of devices) {
    const failed = connections.some((connection) => connection.name === device.connection && connection.problem)
    if (device.state === 'offline' && !failed)
      sentences.push(`device ${device.name} is silent (${device.reason ?? 'no reply'})`)
  }
  return sentences
}

function withHint(problem: { readonly message: string; readonly hint?: string }): string {
  return problem.hint ? `${problem.message} (${problem.hint})` : problem.message
}

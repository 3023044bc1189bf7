import { attention } from './attention.ts'
import type { Clock } from './clock.ts'
import type { Poller } from './drivers/poller/poller.ts'
import type { Inbox } from './inbox/inbox.ts'
import type { LastValues } from './lastvalue/lastvalue.ts'
import type { Cursor } from './outbox/cursor.ts'
import type { Keeper } from './outbox/keeper.ts'
import type { Outbox } from './outbox/outbox.ts'
import type { Salvage } from './outbox/salvage.ts'
import type { Settings } from './settings.ts'
import type { DeviceStatus, Status, StorageStatus, UplinkStatus } from './status.ts'
import type { StorageThread } from './storage/storage.ts'
import type { Uplink } from './uplink/uplink.ts'

/** What the snapshot is made of. */
export interface Parts {
  readonly settings: Settings
  readonly version: string
  readonly startedMono: number
  readonly clock: Clock
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
  const devices = parts.pollers.flatMap((poller) => deviceStatus(poller, parts.lastValues, parts.clock.mono()))
  const uplinks = parts.uplinks.map((uplink) => uplinkStatus(uplink, outbox))
  const absent = absentOf(outbox)
  const salvage = parts.salvage.progress()
  const storageStatus: StorageStatus = { ...storage.status(), ...(salvage ? { salvage } : {}) }
  return {
    gateway: settings.gateway.id,
    version: parts.version,
    epoch: outbox.epoch,
    pid: process.pid,
    uptimeMs: parts.clock.mono() - parts.startedMono,
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
      ...(absent.length > 0 ? { absent } : {}),
    },
    inbox: inbox.status(),
    storage: storageStatus,
    attention: attention({ ...parts, connections, devices, uplinks, storage: storageStatus, absent }),
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

/** Uplinks that are not configured any more and keep their rows. */
function absentOf(outbox: Outbox): NonNullable<Status['outbox']['absent']> {
  return outbox.absent.map(({ name, account, wantedThrough }) => ({
    name,
    pending: Math.max(0, account.issued(wantedThrough ?? 0) - account.settled),
  }))
}

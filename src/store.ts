/** Opens storage and outbox and connects them: what happens to the disk is told to the cloud, and the limits are kept. */
import { join } from 'node:path'
import type { Clock } from './clock.ts'
import { LOG_LOST, markOperation } from './inbox/operations.ts'
import type { Logger } from './log.ts'
import type { NewRecord } from './model.ts'
import {
  databaseLostRecord,
  databaseSetAsideRecord,
  logLostRecord,
  storageFailingRecord,
  storageRecoveredRecord,
} from './outbox/events.ts'
import { Keeper } from './outbox/keeper.ts'
import { Outbox } from './outbox/outbox.ts'
import { Salvage } from './outbox/salvage.ts'
import { IntegrityWalk } from './outbox/walk.ts'
import type { Settings } from './settings.ts'
import type { Operation } from './storage/operation.ts'
import { StorageThread } from './storage/storage.ts'
import type { Times } from './times.ts'

export interface StoreOptions {
  readonly stateDir: string
  readonly log: Logger
  readonly clock: Clock
  readonly times: Times
  /** Told how to close what was opened. */
  readonly closing: AsyncDisposableStack
}

export interface Store {
  readonly storage: StorageThread
  readonly outbox: Outbox
  readonly keeper: Keeper
  readonly salvage: Salvage
  /** What was committed last before this start is lost. */
  readonly isLogLost: boolean
  /** What others want to be stored first in a new database that takes the place of a damaged one. */
  restoreAlso(known: () => readonly Operation[]): void
}

export async function openStore(settings: Settings, options: StoreOptions): Promise<Store> {
  const { clock, times, closing } = options
  const log = options.log.child('outbox')
  const { maxSizeBytes, minFreeDiskBytes, commitIntervalMs, keepDeliveredMs } = settings.outbox
  // What happens to the disk may have to be told while the outbox is being opened.
  const told: NewRecord[] = []
  let tell = (record: NewRecord): void => {
    told.push(record)
  }
  const storage = await StorageThread.open(join(options.stateDir, 'tidegate.db'), {
    clock,
    log: options.log.child('storage'),
    maxSizeBytes,
    minFreeBytes: minFreeDiskBytes,
    onState(change) {
      if (change.state === 'failing') tell(storageFailingRecord(change.problem, clock.mono()))
      else tell(storageRecoveredRecord(change.afterMs, clock.mono()))
    },
    onDatabaseLost: (loss) => tell(databaseLostRecord(loss, clock.mono())),
    onBug(error) {
      // A fault of ours: what the job held is in no table. Only a new start can be trusted.
      throw error
    },
  })
  closing.defer(() => storage.close())
  const { damage, setAside, logMissing, logCut } = storage.opened
  const losesLog = (follows: Outbox['follows']) => (logMissing || logCut) && follows === 'unclean'
  const outbox = await Outbox.open({
    storage,
    clock,
    log,
    commitIntervalMs,
    keepsDelivered: keepDeliveredMs > 0,
    start: { ...times.now(), gateway: settings.gateway.id, uplinks: settings.uplinks },
    // With the start that finds the log lost: the next one finds a new log, and nothing missing.
    withStart: (follows) => (losesLog(follows) ? [markOperation(LOG_LOST)] : []),
  })
  closing.defer(() => outbox.close())
  tell = (record) => outbox.append([record])
  for (const record of told) tell(record)
  if (damage !== undefined && setAside !== undefined) tell(databaseSetAsideRecord({ damage, setAside }, clock.mono()))
  const isLogLost = losesLog(outbox.follows)
  if (isLogLost) {
    storage.logWasLost()
    tell(logLostRecord(clock.mono()))
  }
  times.onObserved = (now) => outbox.boots.observe(now)
  const salvage = new Salvage(outbox, { storage, clock, log, freeBytes: () => storage.facts.freeBytes })
  await salvage.open()
  closing.defer(() => salvage.stop())
  const walk = new IntegrityWalk({ storage, clock })
  walk.start()
  closing.defer(() => walk.stop())
  let others: () => readonly Operation[] = () => []
  storage.onSetAside = (found) => {
    tell(databaseSetAsideRecord(found, clock.mono()))
    return [...salvage.begin(), ...others()]
  }
  const keeper = startKeeper(settings, { storage, outbox, clock, log })
  closing.defer(() => keeper.stop())
  const restoreAlso = (known: () => readonly Operation[]) => {
    others = known
  }
  return { storage, outbox, keeper, salvage, isLogLost, restoreAlso }
}

function startKeeper(
  settings: Settings,
  parts: Pick<Store, 'storage' | 'outbox'> & { readonly clock: Clock; readonly log: Logger },
): Keeper {
  const { storage, outbox } = parts
  const points = settings.connections.flatMap(({ devices }) => devices.flatMap((device) => device.points))
  const expiriesMs = points.flatMap((point) => point.expiresAfterMs ?? [])
  const keeper = new Keeper(outbox, { ...parts, ...settings.outbox, expiriesMs, diskUse: () => storage.facts })
  keeper.start()
  return keeper
}

/** What an operator sees of the outbox and does with it, put together from its parts. */
import type { Clock } from './clock.ts'
import { Inspection } from './outbox/inspection.ts'
import { liveView } from './outbox/live-view.ts'
import type { Outbox } from './outbox/outbox.ts'
import { Rates } from './outbox/rates.ts'
import { outboxReport, type UplinkFacts } from './outbox/report.ts'
import { verifyWhole } from './outbox/verify.ts'
import { refuseWhileSalvaging } from './outbox/while-salvaging.ts'
import type { OutboxDesk, OutboxDisk } from './outbox-api.ts'
import type { OutboxSettings } from './settings.ts'
import type { StorageThread } from './storage/storage.ts'
import type { Uplink } from './uplink/uplink.ts'

export interface DeskParts {
  readonly stateDir: string
  readonly settings: OutboxSettings
  readonly clock: Clock
  readonly storage: StorageThread
  readonly outbox: Outbox
  readonly uplinks: readonly Uplink[]
}

/** Name of the count of numbers issued; no uplink can have it. */
const ISSUED = ''

/** `close` ends what it runs in the background. */
export function openDesk(parts: DeskParts): OutboxDesk & { close(): void } {
  const { storage, outbox, clock } = parts
  const view = () => liveView(outbox)
  const inspection = new Inspection(storage, view)
  const rates = new Rates(clock, () => totalsOf(outbox))
  rates.start()
  return {
    stateDir: parts.stateDir,
    report: async () => {
      const inPerSecond = rates.perSecond(ISSUED)
      return outboxReport(storage, view(), {
        running: true,
        ...(inPerSecond === undefined ? {} : { inPerSecond }),
        disk: diskOf(parts),
        uplink: (name) => uplinkFacts(parts, rates, name),
      })
    },
    records: (query) => inspection.records(query),
    count: (query) => inspection.count(query),
    rejected: (query) => inspection.rejected(query),
    verify: (onProgress) => verifyWhole(storage, view(), { onProgress, hold: () => outbox.holdRows() }),
    pause: (name) => outbox.operator.pause(name),
    resume: (name) => outbox.operator.resume(name),
    forget: (name) => outbox.operator.forget(name),
    replay: async (name, { since, until }) => {
      await refuseWhileSalvaging(storage, 'send records once more')
      const from = await inspection.seqFrom(since, 'since')
      const through = until === undefined ? outbox.head() : await inspection.seqThrough(until, 'until')
      return outbox.operator.replay(name, { from, through })
    },
    drop: async ({ before, uplink }) => {
      await refuseWhileSalvaging(storage, 'give up records')
      return outbox.operator.dropBefore(await inspection.seqFrom(before, 'before'), uplink)
    },
    retry: (name, seqs) => outbox.operator.retryRejected(name, seqs),
    discard: (name, seqs) => outbox.operator.discardRejected(name, seqs),
    backup: (file, onProgress) =>
      storage.backup(file, ({ doneBytes, totalBytes }) => onProgress(doneBytes, totalBytes)),
    close: () => rates.stop(),
  }
}

function totalsOf(outbox: Outbox): ReadonlyMap<string, number> {
  const answered = outbox.cursors.map(({ name, account }): [string, number] => {
    const { delivered, rejected } = account.totals()
    return [name, delivered + rejected]
  })
  return new Map([[ISSUED, outbox.head()], ...answered])
}

function uplinkFacts({ uplinks, outbox }: DeskParts, rates: Rates, name: string): UplinkFacts {
  const status = uplinks.find((uplink) => uplink.status().name === name)?.status()
  const outPerSecond = rates.perSecond(name)
  return {
    paused: outbox.cursor(name).paused,
    ...(status ? { state: status.state, sinceMs: status.sinceMs } : {}),
    ...(status?.problem ? { problem: status.problem.message } : {}),
    ...(outPerSecond === undefined ? {} : { outPerSecond }),
  }
}

function diskOf({ settings, storage, outbox }: DeskParts): OutboxDisk {
  const { file, freeBytes, writtenBytes } = storage.status()
  return {
    file,
    usedBytes: storage.facts.usedBytes,
    maxBytes: settings.maxSizeBytes,
    minFreeBytes: settings.minFreeDiskBytes,
    inMemory: outbox.tailSize,
    writtenRecords: outbox.writtenRecords,
    ...(freeBytes === undefined ? {} : { freeBytes }),
    ...(writtenBytes === undefined ? {} : { writtenBytes }),
  }
}

import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../clock.ts'
import { socketPath } from '../../console/socket.ts'
import { GatewayError } from '../../errors.ts'
import { silentLogger } from '../../log.ts'
import { Inspection } from '../../outbox/inspection.ts'
import { loadQuestion } from '../../outbox/operations.ts'
import { outboxReport } from '../../outbox/report.ts'
import { verifyWhole } from '../../outbox/verify.ts'
import { storedView } from '../../outbox/view.ts'
import type { OutboxReader } from '../../outbox-api.ts'
import { StorageThread } from '../../storage/storage.ts'
import { Times } from '../../times.ts'

/** The outbox as an agent left it in its file. Nothing is changed there. */
export async function offlineOutbox(
  stateDir: string,
): Promise<{ readonly reader: OutboxReader; readonly file: string; close(): Promise<void> }> {
  const file = join(stateDir, 'tidegate.db')
  const storage = await openDatabase(stateDir, file)
  try {
    const loaded = await storage.read(loadQuestion())
    if (loaded.epochs.length === 0) {
      throw new GatewayError('state_unusable', `${file} holds nothing: no agent has used it yet`)
    }
    const times = await Times.begin('trusted', systemClock)
    const view = storedView(loaded, times.now())
    const paused = new Map(loaded.uplinks.map((row) => [row.name, row.paused]))
    const inspection = new Inspection(storage, () => view)
    const reader: OutboxReader = {
      report: async () => {
        const { bavail, bsize } = await statfs(stateDir)
        const disk = { file, usedBytes: storage.facts.usedBytes, freeBytes: bavail * bsize }
        const uplink = (name: string) => ({ paused: paused.get(name) ?? false })
        return outboxReport(storage, view, { running: false, disk, uplink })
      },
      records: (query) => inspection.records(query),
      count: (query) => inspection.count(query),
      rejected: (query) => inspection.rejected(query),
      verify: (onProgress) => verifyWhole(storage, view, { onProgress }),
    }
    return { reader, file, close: () => storage.close() }
  } catch (error) {
    await storage.close()
    throw error
  }
}

/** Opens for reading only: what an agent left is not touched. */
export async function openDatabase(stateDir: string, file: string): Promise<StorageThread> {
  if (existsSync(file)) return StorageThread.open(file, { clock: systemClock, log: silentLogger, readOnly: true })
  const text = `there is neither an agent on ${socketPath(stateDir)} nor a database ${file}`
  throw new GatewayError('agent_unreachable', text, {
    hint: 'name the state directory of the agent with --state-dir DIR',
  })
}

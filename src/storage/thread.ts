/**
 * The root of the storage thread: the only place where SQLite runs, and the only importer of the stages' sql.ts.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { historyOperations } from '../inbox/history-sql.ts'
import { repairInbox } from '../inbox/salvage-rows.ts'
import { inboxOperations, inboxSchema } from '../inbox/sql.ts'
import { inspectOperations } from '../outbox/inspect-sql.ts'
import { outboxSalvage } from '../outbox/salvage-rows.ts'
import { salvageOutboxOperations } from '../outbox/salvage-sql.ts'
import { outboxOperations, outboxSchema } from '../outbox/sql.ts'
import type { Migration } from './migrations.ts'
import type { OperationTable } from './operation.ts'
import type { Request, ThreadData } from './protocol.ts'
import { finishSetAside, setAside } from './recovery.ts'
import { salvageOperations } from './salvage/operations.ts'
import type { SalvageRule } from './salvage/rule.ts'
import { salvageSchema } from './salvage/schema.ts'
import { StorageServer } from './server.ts'

const migrations: readonly Migration[] = [
  { version: 1, statements: [...outboxSchema, ...inboxSchema, ...salvageSchema] },
]
const rule: SalvageRule = {
  ...outboxSalvage,
  repair(database, found) {
    repairInbox(database, found)
    return outboxSalvage.repair(database, found)
  },
}
const tables: OperationTable = {
  ...outboxOperations,
  ...inspectOperations,
  ...salvageOutboxOperations,
  ...inboxOperations,
  ...historyOperations,
  ...salvageOperations(rule, migrations),
}

const port = parentPort
if (!port) throw new Error('storage/thread.ts runs in a worker thread only')
const server = new StorageServer(workerData as ThreadData, {
  migrations,
  tables,
  reply: (reply) => port.postMessage(reply),
  finishSetAside,
  setAside: (file, reason) => setAside(file, { migrations, rule, reason }),
})
port.on('message', (request: Request) => server.handle(request))
server.open()

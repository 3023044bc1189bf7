import type { NewRecord } from '../model.ts'

/** A damaged database was moved aside at the start and a new one begun (P11): the cloud is told what is not here. */
export function databaseSetAsideRecord(
  facts: { readonly damage: string; readonly setAside: string },
  mono: number,
): NewRecord {
  const fields = { event: 'database_set_aside', reason: facts.damage, file: facts.setAside }
  return eventRecord(fields, mono)
}

/** What could be read of a damaged database is back; the rest is lost, and in the ledger of each uplink (P11). */
export function databaseSalvagedRecord(
  facts: { readonly reason: string; readonly file: string; readonly salvaged: number; readonly lost: number },
  mono: number,
): NewRecord {
  const { reason, file, salvaged, lost } = facts
  return eventRecord({ event: 'database_salvaged', reason, file, salvaged, lost }, mono)
}

/** The outbox is full and polling pauses (when_full: pause_polling): from here on readings are missing on purpose. */
export function pollingPausedRecord(
  facts: { readonly reason: string; readonly used: number; readonly limit: number },
  mono: number,
): NewRecord {
  const fields = { event: 'polling_paused', reason: facts.reason, used: facts.used, limit: Math.round(facts.limit) }
  return eventRecord(fields, mono)
}

/** There is room again and polling goes on. */
export function pollingResumedRecord(pausedMs: number, mono: number): NewRecord {
  const fields = { event: 'polling_resumed', paused_ms: pausedMs }
  return eventRecord(fields, mono)
}

/** The disk takes nothing since some seconds; reading and delivering go on from memory. */
export function storageFailingRecord(
  problem: { readonly code: string; readonly message: string },
  mono: number,
): NewRecord {
  return eventRecord({ event: 'storage_failing', code: problem.code, message: problem.message }, mono)
}

/** The disk takes records again. What memory had no room for meanwhile is told by `dropped`. */
export function storageRecoveredRecord(afterMs: number, mono: number): NewRecord {
  return eventRecord({ event: 'storage_recovered', after_ms: Math.round(afterMs) }, mono)
}

/** The file of the database was deleted or replaced while it was in use; it was written anew. */
export function databaseLostRecord(loss: { readonly what: string }, mono: number): NewRecord {
  return eventRecord({ event: 'database_lost', reason: loss.what }, mono)
}

/** After an unclean stop the write-ahead log is gone: what was committed last may be gone with it. */
export function logLostRecord(mono: number): NewRecord {
  return eventRecord({ event: 'log_lost' }, mono)
}

function eventRecord(fields: { readonly event: string } & Readonly<Record<string, unknown>>, mono: number): NewRecord {
  return { kind: 'event', source: '', body: JSON.stringify(fields).slice(1, -1), mono }
}

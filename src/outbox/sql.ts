/**
 * The outbox in SQLite. Runs in the storage thread only. Handlers are idempotent: a job may be run again after a failed
 * sync or the death of the thread.
 *
 * Flash: a commit while the link is down touches the last page of `record` and nothing else, because the highest number
 * is derived from rows and cursors instead of being counted in a row of its own.
 */
import type { OperationTable } from '../storage/operation.ts'
import { audienceSchema } from './audience-sql.ts'
import { prepareCommit } from './commit-sql.ts'
import { limitsOperations, limitsSchema } from './limits-sql.ts'
import { prepareLoad } from './load-sql.ts'
import { prepareOldest, preparePage, prepareSeek } from './page-sql.ts'
import { prepareDiscard, prepareRetries, prepareRetry } from './rejected-sql.ts'

/** Version 1. WARNING: gateways in the field carry this shape; change it by a new migration only. */
export const outboxSchema: readonly string[] = [
  `CREATE TABLE epoch (
     start INTEGER PRIMARY KEY, tag TEXT NOT NULL, gateway TEXT NOT NULL, first_seq INTEGER NOT NULL,
     clean INTEGER NOT NULL, through INTEGER NOT NULL
   ) STRICT`,
  `CREATE TABLE boot (boot INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, offset_ms REAL NOT NULL, known INTEGER NOT NULL)
   STRICT`,
  `CREATE TABLE record (
     seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, boot INTEGER NOT NULL, mono INTEGER NOT NULL,
     target INTEGER NOT NULL, expires INTEGER NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL, sum INTEGER,
     reply TEXT
   ) STRICT`,
  `CREATE TABLE uplink (
     uplink INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, ranges TEXT NOT NULL, skipped TEXT NOT NULL,
     wanted_through INTEGER, paused INTEGER NOT NULL, replay TEXT NOT NULL, past TEXT NOT NULL
   ) STRICT`,
  `CREATE TABLE account (
     uplink INTEGER NOT NULL, epoch INTEGER NOT NULL, delivered INTEGER NOT NULL, dropped INTEGER NOT NULL,
     rejected INTEGER NOT NULL, not_wanted INTEGER NOT NULL, skipped INTEGER NOT NULL, replayed INTEGER NOT NULL, PRIMARY KEY (uplink, epoch)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE loss (
     uplink INTEGER NOT NULL, reason TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL,
     first_boot INTEGER NOT NULL, first_mono INTEGER NOT NULL, last_boot INTEGER NOT NULL, last_mono INTEGER NOT NULL,
     PRIMARY KEY (uplink, reason)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE rejected (
     uplink INTEGER NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, retry INTEGER NOT NULL, kind INTEGER NOT NULL,
     boot INTEGER NOT NULL, mono INTEGER NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL, reply TEXT, PRIMARY KEY (uplink, seq)
   ) STRICT, WITHOUT ROWID`,
  'CREATE INDEX rejected_retry ON rejected (uplink, seq) WHERE retry = 1',
  ...audienceSchema,
  ...limitsSchema,
]

export const outboxOperations: OperationTable = {
  ...limitsOperations,
  'outbox.commit': prepareCommit,
  'outbox.load': prepareLoad,
  'outbox.page': preparePage,
  'outbox.oldest': prepareOldest,
  'outbox.seek': prepareSeek,
  'outbox.retries': prepareRetries,
  'outbox.retry': prepareRetry,
  'outbox.discard': prepareDiscard,
}

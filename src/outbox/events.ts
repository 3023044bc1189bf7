import type { NewRecord } from '../model.ts'

/** A damaged database was moved aside at the start and a new one begun (P11): the cloud is told what is not here. */
export function databaseSetAsideRecord(
  facts: { readonly damage: string; readonly setAside: string },
  mono: number,
): NewRecord {
  const fields = { event: 'database_set_aside', reason: facts.damage, file: facts.setAside }
  return { kind: 'event', source: '', body: JSON.stringify(fields).slice(1, -1), mono }
}

import type { StoredRecord } from '../../model.ts'

/**
 * From stored records to what is sent, by joining strings: a record's body is already the inside of its JSON object, so
 * draining a backlog parses and serializes nothing.
 */

/** The record as one JSON object. */
export function recordText(record: StoredRecord): string {
  return framed(record, record.body)
}

/**
 * An object with what every record has, around what is its own. The identity goes first, what is only known when sending goes
 * last; ids, sources and bodies were made JSON-safe when the record was. An outcome's body begins with the command's own
 * "id", so the record's identity is called "record" there.
 */
export function framed(record: StoredRecord, inside: string): string {
  const name = record.kind === 'outcome' ? '{"record":"' : '{"id":"'
  const after = record.after === undefined ? '' : `,"after":${record.after}`
  const clock = record.clockKnown ? '' : ',"clock":"unsynced"'
  const late = record.late ? ',"late":true' : ''
  return `${name}${record.idPrefix}${record.seq}","ts":${record.ts}${after},${inside}${clock}${late}}`
}

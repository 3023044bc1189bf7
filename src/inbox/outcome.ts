import type { NewRecord, Reply } from '../model.ts'
import type { Command } from './command.ts'
import { commandValueJson } from './value.ts'

/** A sentence, not a report: it is stored and sent for every command. */
export const REASON_LENGTH_MAX = 300
/** Longer values (as JSON) are neither kept nor echoed; no point holds one: a text of 125 registers has 250 bytes. */
export const VALUE_LENGTH_MAX = 1_600
/** A key nobody configured is echoed up to this. */
const KEY_LENGTH_MAX = 128
/** Stands in topics for a key that cannot stand there. */
const NAMELESS = 'unknown'

export type OutcomeFacts = Pick<Command, 'key' | 'id' | 'state' | 'value' | 'reason' | 'supersededBy' | 'readBack'>

export interface OutcomeOptions {
  /** The uplink. */
  readonly to: string
  readonly reply?: Reply
  readonly mono: number
}

/** The record that tells the sender what became of a command. */
export function outcomeRecord(command: OutcomeFacts, options: OutcomeOptions): NewRecord {
  const value = command.value === undefined ? undefined : commandValueJson(command.value)
  const readBack = command.readBack === undefined ? undefined : commandValueJson(command.readBack)
  const fields = [
    text('id', command.id),
    text('key', shorten(command.key, KEY_LENGTH_MAX)),
    text('state', command.state),
    value === undefined ? undefined : `"value":${value}`,
    readBack === undefined ? undefined : `"read_back":${readBack}`,
    command.reason === undefined ? undefined : text('reason', shorten(command.reason, REASON_LENGTH_MAX)),
    command.supersededBy === undefined ? undefined : text('superseded_by', command.supersededBy),
  ]
  return {
    kind: 'outcome',
    source: topicSafe(command.key),
    body: fields.filter((field) => field !== undefined).join(','),
    to: options.to,
    mono: options.mono,
    ...(options.reply ? { reply: options.reply } : {}),
  }
}

/**
 * A key as one level of a topic name: no separator, no wildcard (MQTT 5, 4.7.1), no control character and no lone
 * surrogate (1.5.4); else `unknown`.
 */
function topicSafe(key: string): string {
  const bad = key === '' || key.length > KEY_LENGTH_MAX || /[/+#$\p{Cc}]/u.test(key) || !key.isWellFormed()
  return bad ? NAMELESS : key
}

function text(name: string, value: string): string {
  return `"${name}":${JSON.stringify(value)}`
}

/** `value`, with at most `max` characters. */
export function shorten(value: string, max: number): string {
  return value.length <= max ? value : `${value.slice(0, max - 1)}…`
}

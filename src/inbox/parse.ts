/** What a sender may put into a command: a plain value, or an object that says more. Pure; nothing here throws. */
import { parseJson } from '../model.ts'
import type { CommandValue } from './value.ts'

/** A command is one value and a few words about it; anything larger is a mistake, and would be kept on flash. */
export const PAYLOAD_BYTES_MAX = 65_536
/** Room for a UUID with a prefix, and short enough to be stored and answered for every command. */
export const ID_LENGTH_MAX = 128
/** Deep nesting is refused before the parser recurses: a command has two levels. */
const DEPTH_MAX = 32
/** Unix times below this are seconds, not milliseconds (as ms: March 1973). */
export const SECONDS_BELOW = 1e11

export type Parsed =
  | {
      readonly ok: true
      /** Absent: the sender gave none, which some commands allow. */
      readonly value?: CommandValue
      readonly id?: string
      readonly version?: number
      /** Unix ms. */
      readonly issuedAt?: number
      /** Unix ms. */
      readonly expiresAt?: number
    }
  /** `id` is there when it could be made out, so that the sender recognises the refusal. */
  | { readonly ok: false; readonly reason: string; readonly id?: string }

type Field<T> = { readonly ok: true; readonly value?: T } | { readonly ok: false; readonly reason: string }

/** `bytes`: how long the payload was, if only its beginning is here. */
export function parseCommand(payload: Uint8Array, bytes = payload.byteLength): Parsed {
  if (bytes > PAYLOAD_BYTES_MAX) {
    return refuse(`payload has ${bytes} bytes, at most ${PAYLOAD_BYTES_MAX} are allowed`)
  }
  const text = decode(payload)
  if (text === undefined) return refuse('payload is not valid UTF-8')
  const trimmed = text.trim()
  if (trimmed === '') return refuse('payload is empty, wanted a value or a JSON object with "value"')
  if (nestsTooDeep(trimmed)) return refuse(`payload is nested more than ${DEPTH_MAX} levels deep`)
  let parsed: unknown
  try {
    parsed = parseJson(trimmed)
  } catch {
    // Text that begins like JSON was meant as JSON; everything else is the value itself, as in `on` or `Green`.
    if (/^["[{]/.test(trimmed)) return refuse('payload is not valid JSON')
    return { ok: true, value: trimmed }
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return parseObject(parsed as Readonly<Record<string, unknown>>)
  }
  const value = valueField(parsed)
  return value.ok ? value : refuse(value.reason)
}

function parseObject(object: Readonly<Record<string, unknown>>): Parsed {
  const id = idField(own(object, 'id'))
  if (!id.ok) return refuse(id.reason)
  const given = id.value === undefined ? {} : { id: id.value }
  const value = valueField(own(object, 'value'))
  if (!value.ok) return { ...refuse(value.reason), ...given }
  const version = versionField(own(object, 'version'))
  if (!version.ok) return { ...refuse(version.reason), ...given }
  const issuedAt = timeField('issued_at', own(object, 'issued_at'))
  if (!issuedAt.ok) return { ...refuse(issuedAt.reason), ...given }
  const expiresAt = timeField('expires_at', own(object, 'expires_at'))
  if (!expiresAt.ok) return { ...refuse(expiresAt.reason), ...given }
  return {
    ok: true,
    ...(value.value === undefined ? {} : { value: value.value }),
    ...given,
    ...(version.value === undefined ? {} : { version: version.value }),
    ...(issuedAt.value === undefined ? {} : { issuedAt: issuedAt.value }),
    ...(expiresAt.value === undefined ? {} : { expiresAt: expiresAt.value }),
  }
}

function idField(id: unknown): Field<string> {
  if (id === undefined || id === null) return { ok: true }
  const text = typeof id === 'number' || typeof id === 'bigint' ? String(id) : id
  if (typeof text !== 'string' || text === '') return { ok: false, reason: `id is ${show(id)}, wanted text` }
  if (text.length > ID_LENGTH_MAX) {
    return { ok: false, reason: `id has ${text.length} characters, at most ${ID_LENGTH_MAX} are allowed` }
  }
  // A lone surrogate cannot be stored: two different ids would become one (RFC 8259, section 8.2).
  if (!text.isWellFormed()) return { ok: false, reason: 'id is not well-formed text' }
  return { ok: true, value: text }
}

function valueField(value: unknown): Field<CommandValue> {
  if (value === undefined) return { ok: true }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const reason = plainProblem('value', value)
    return reason === undefined ? { ok: true, value: value as CommandValue } : { ok: false, reason }
  }
  for (const [name, one] of Object.entries(value)) {
    const reason = plainProblem(`value.${show(name).slice(1, -1)}`, one)
    if (reason !== undefined) return { ok: false, reason }
  }
  return { ok: true, value: value as CommandValue }
}

/** Why it is none of the values that points have. */
function plainProblem(name: string, value: unknown): string | undefined {
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : `${name} is a number beyond what a 64-bit float can hold`
  }
  if (typeof value === 'bigint' || typeof value === 'boolean' || typeof value === 'string') return undefined
  return `${name} is ${show(value)}, wanted a number, true, false or text`
}

function versionField(version: unknown): Field<number> {
  if (version === undefined || version === null) return { ok: true }
  if (typeof version === 'number' && Number.isSafeInteger(version)) return { ok: true, value: version }
  return { ok: false, reason: `version is ${show(version)}, wanted an integer of at most 2^53 - 1` }
}

/** Unix ms, or ISO 8601 with a zone: a local time means something else on every machine. */
function timeField(name: string, time: unknown): Field<number> {
  if (time === undefined || time === null) return { ok: true }
  if (typeof time === 'number' && Number.isFinite(time) && time >= 0) {
    if (time >= SECONDS_BELOW) return { ok: true, value: Math.round(time) }
    return { ok: false, reason: `${name} is ${show(time)}, which looks like seconds; wanted Unix milliseconds` }
  }
  if (typeof time === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:?\d\d)$/.test(time)) {
    const parsed = Date.parse(time)
    if (!Number.isNaN(parsed)) return { ok: true, value: parsed }
  }
  return {
    ok: false,
    reason: `${name} is ${show(time)}, wanted Unix milliseconds or a time like 2026-01-31T12:00:00Z`,
  }
}

function own(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

function decode(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(payload)
  } catch {
    return undefined
  }
}

/** Brackets inside strings do not count; a string without an end is no JSON, whatever follows. */
function nestsTooDeep(text: string): boolean {
  if (text[0] !== '{' && text[0] !== '[') return false
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') isInString = !isInString
    if (isInString && character === '\\') at += 1
    if (isInString) continue
    if (character === '{' || character === '[') depth += 1
    if (character === '}' || character === ']') depth -= 1
    if (depth > DEPTH_MAX) return true
  }
  return false
}

/** A foreign value as it may stand in a sentence: short, and on one line. */
export function show(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}

function refuse(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason }
}

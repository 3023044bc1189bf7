import type { MessageProperties } from '../transport.ts'
import { encodeBinary, encodeString, FOUR_BYTES_MAX } from './bytes.ts'

/** The properties of PUBLISH, encoded (MQTT 5.0 section 3.3.2.3). */

const MESSAGE_EXPIRY = 0x02
const CONTENT_TYPE = 0x03
const CORRELATION_DATA = 0x09
const TOPIC_ALIAS = 0x23
const USER_PROPERTY = 0x26

/** Bytes of a topic alias as a property. */
export const TOPIC_ALIAS_BYTES = 3

/** The user property `id` up to its value: name, and where the value's length goes. */
const ID_PREFIX = Uint8Array.of(USER_PROPERTY, 0, 2, 0x69, 0x64)

/** All but the topic alias and the id, without the length that goes before them. */
export function encodeProperties(properties: MessageProperties | undefined): Uint8Array {
  if (properties === undefined) return new Uint8Array(0)
  const { contentType, expirySeconds, user, correlationData } = properties
  const parts: Uint8Array[] = []
  if (expirySeconds !== undefined) {
    const seconds = Buffer.alloc(5)
    seconds[0] = MESSAGE_EXPIRY
    seconds.writeUInt32BE(Math.min(FOUR_BYTES_MAX, Math.max(1, Math.round(expirySeconds))), 1)
    parts.push(seconds)
  }
  if (contentType !== undefined) parts.push(Uint8Array.of(CONTENT_TYPE), encodeString(contentType))
  if (correlationData !== undefined) parts.push(Uint8Array.of(CORRELATION_DATA), encodeBinary(correlationData))
  for (const [name, value] of Object.entries(user ?? {})) {
    parts.push(Uint8Array.of(USER_PROPERTY), encodeString(name), encodeString(value))
  }
  return Buffer.concat(parts)
}

export function encodeTopicAlias(alias: number): Uint8Array {
  return Uint8Array.of(TOPIC_ALIAS, alias >> 8, alias & 0xff)
}

/** Bytes of the user property `id` with this value. */
export function idPropertyBytes(id: string): number {
  return ID_PREFIX.length + 2 + Buffer.byteLength(id, 'utf8')
}

/** Writes the user property `id` at `offset`; gives the place behind it. */
export function writeIdProperty(bytes: Buffer, offset: number, id: string): number {
  bytes.set(ID_PREFIX, offset)
  const at = offset + ID_PREFIX.length
  const size = bytes.write(id, at + 2, 'utf8')
  bytes[at] = size >> 8
  bytes[at + 1] = size & 0xff
  return at + 2 + size
}

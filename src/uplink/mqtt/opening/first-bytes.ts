import type { Closed } from '../../transport.ts'
import type { Server } from './server.ts'

/** Types of the packets with which a server may answer CONNECT: CONNACK, DISCONNECT, AUTH (MQTT 5.0 section 2.1.2). */
const ANSWERS: ReadonlySet<number> = new Set([0x20, 0xe0, 0xf0])
/** Record types of TLS: alert and handshake (RFC 8446 section 5.1); the next byte is always 3. */
const TLS_RECORDS: ReadonlySet<number> = new Set([0x15, 0x16])
/** So much of a foreign answer is shown. */
const SHOWN_BYTES = 40

/** What the server began its answer to CONNECT with, when that is no MQTT. */
export function firstBytesClosed(bytes: Uint8Array, server: Server): Closed | undefined {
  const first = bytes[0] ?? 0
  if (ANSWERS.has(first)) return undefined
  const { name } = server
  const closed = (answer: string, hint: string): Closed => ({
    reason: 'not_mqtt',
    detail: `${name} answered CONNECT with ${answer}`,
    hurry: 'soon',
    hint,
  })
  if (TLS_RECORDS.has(first) && bytes[1] === 3) {
    return closed('TLS', `this port speaks TLS: write ${server.path === undefined ? 'mqtts' : 'wss'}:// in url`)
  }
  const text = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('latin1')
  if (text.startsWith('HTTP/')) {
    const line = text.split('\r\n', 1)[0]
    return closed(`"${line}"`, 'this is a web server: write ws:// or wss:// in url, or the port of MQTT')
  }
  const shown = /^[\x20-\x7e\r\n\t]+$/.test(text)
    ? `"${text.replaceAll(/\s+/g, ' ').trim()}"`
    : `the bytes ${hex(bytes)}`
  return closed(shown, `something else listens at ${name}: look at host and port of url`)
}

/**
 * The code of a CONNACK as MQTT 3.1.1 has it, in answer to a CONNECT of MQTT 5; undefined when it is no such thing. One of
 * MQTT 5 has at least three bytes behind its length (section 3.2.2), this has two.
 */
export function oldConnackCode(bytes: Uint8Array): number | undefined {
  return bytes[0] === 0x20 && bytes[1] === 2 ? bytes[3] : undefined
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 8)).toString('hex')
}

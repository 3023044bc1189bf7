/**
 * The far end of the line for `cycle.ts`, in a process of its own: a meter that answers reads of registers, with the times
 * that bytes would take on a real line. `node cycle-line.ts PORT BYTE_MS DELAY_MS SILENCE_MS`; after each request it writes to standard
 * output by how much the request came later than the silence behind the last reply allows, in ms.
 */
import { openSync, readSync, writeSync } from 'node:fs'
import { systemClock } from '../../src/clock.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'

const [path = '', byteMsText, delayMsText, silenceMsText] = process.argv.slice(2)
const byteMs = Number(byteMsText)
const delayMs = Number(delayMsText)
const silenceMs = Number(silenceMsText)
const REQUEST_BYTES = 8
/** What a serial chip hands over at a time. */
const CHUNK_BYTES = 8

const sleeper = new Int32Array(new SharedArrayBuffer(4))
const port = openSync(path, 'r+')
const held = Buffer.alloc(256)
let replyEnd: number | undefined

for (;;) {
  let length = 0
  while (length < REQUEST_BYTES) length += readSync(port, held, length, held.length - length, null)
  const heardAt = systemClock.precise()
  if (replyEnd !== undefined) writeSync(1, `${(heardAt - replyEnd - silenceMs).toFixed(3)}\n`)
  const count = held.readUInt16BE(4)
  const reply = rtuFrame(held[0] ?? 0, Uint8Array.of(held[1] ?? 0, count * 2, ...new Uint8Array(count * 2)))
  const replyStart = heardAt + REQUEST_BYTES * byteMs + delayMs
  for (let sent = 0; sent < reply.length; sent += CHUNK_BYTES) {
    const chunk = reply.subarray(sent, sent + CHUNK_BYTES)
    sleepUntil(replyStart + (sent + chunk.length) * byteMs)
    writeSync(port, chunk)
  }
  replyEnd = replyStart + reply.length * byteMs
}

/** To some hundredths of a millisecond: the last half is spun away, which costs only this process. */
function sleepUntil(moment: number): void {
  const ms = moment - systemClock.precise() - 0.5
  if (ms > 0) Atomics.wait(sleeper, 0, 0, ms)
  while (systemClock.precise() < moment);
}

import type { LineSettings, ModbusSettings } from '../../settings.ts'
import { byteMsOf, silenceMsOf } from '../line.ts'

/** The times of one connection, in ms. */
export interface LinkTiming {
  /** From the end of the request to the first byte of the reply, at most. */
  readonly timeoutMs: number
  /** The shortest that is waited for a unit that is known to be quick. */
  readonly timeoutMinMs: number
  /** Pause between two requests beyond the silence. */
  readonly requestGapMs: number
  /** Silence that separates frames; 0 where frames carry their length. */
  readonly silenceMs: number
  /** Time of one byte on the wire; 0 where it does not matter. */
  readonly byteMs: number
  /** How long a reply that has begun may pause. */
  readonly pauseMs: number
}

/** Between the characters of an ASCII frame (MODBUS over Serial Line V1.02, section 2.5.2). */
const ASCII_PAUSE_MS = 1_000
/** A reply may come in several segments; a converter sends the first of them when the line pauses or its buffer is full. */
const CONVERTER_PAUSE_MS = 100
/** Where the line behind a converter is not known: enough for what it has received to arrive together. */
const CONVERTER_SILENCE_MS = 4

export function timingOf(connection: ModbusSettings): LinkTiming {
  const { timeoutMs, timeoutMinMs, requestGapMs } = connection
  const common = { timeoutMs, timeoutMinMs, requestGapMs }
  switch (connection.type) {
    case 'modbus-tcp':
      return { ...common, silenceMs: 0, byteMs: 0, pauseMs: 0 }
    case 'modbus-rtu':
      return { ...common, ...lineTiming(connection.line), pauseMs: 0 }
    case 'modbus-ascii':
      return { ...common, ...lineTiming(connection.line), pauseMs: ASCII_PAUSE_MS }
    case 'modbus-rtu-over-tcp': {
      const unknown = { silenceMs: CONVERTER_SILENCE_MS, byteMs: 0 }
      return { ...common, ...(connection.line ? lineTiming(connection.line) : unknown), pauseMs: CONVERTER_PAUSE_MS }
    }
  }
}

function lineTiming(line: LineSettings): { readonly silenceMs: number; readonly byteMs: number } {
  return { silenceMs: silenceMsOf(line), byteMs: byteMsOf(line) }
}

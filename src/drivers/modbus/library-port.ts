import { EventEmitter } from 'node:events'
import { rtuFrame } from './frame.ts'

/**
 * The port beneath modbus-serial. The library builds requests and takes replies apart; this port never carries them
 * anywhere: `take` gives the request to our own link, and `give` hands back a reply that the link has checked in full.
 *
 * So the library can never see a late, foreign or damaged frame. Left to its own ports it does: on a serial line it has one
 * transaction slot, no timeout of its own by default, and after one late reply returns the register asked for before,
 * for ever (measured on 8.0.25).
 */
export class LibraryPort extends EventEmitter {
  /** Read by the library before each request. */
  readonly isOpen = true
  #request: Buffer | undefined

  open(callback: (error?: Error) => void): void {
    callback()
  }

  close(callback: (error?: Error) => void): void {
    callback()
  }

  /** Called by the library with a complete RTU frame. */
  write(frame: Buffer): void {
    this.#request = frame
  }

  /** The request the library has just written. */
  take(): { readonly unitId: number; readonly pdu: Uint8Array } {
    const frame = this.#request
    this.#request = undefined
    const unitId = frame?.[0]
    if (!frame || unitId === undefined) throw new Error('modbus-serial wrote no request')
    return { unitId, pdu: frame.subarray(1, -2) }
  }

  /** Hands the checked reply to the open request over; the library settles it before this returns. */
  give(unitId: number, pdu: Uint8Array): void {
    this.emit('data', Buffer.from(rtuFrame(unitId, pdu)))
  }
}

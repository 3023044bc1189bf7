import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'

/** A write as the device was asked for it: where, and the bytes of the registers (of a coil: ff00 or 0000). */
export interface Written {
  readonly address: number
  readonly bytes: Buffer
}

const WRITE_COIL = 5
const WRITE_REGISTER = 6
const WRITE_REGISTERS = 16
/** Function, address, quantity and byte count stand before the registers. */
const REGISTERS_AT = 6

/** A simulated unit that tells what is written to it, in order. */
export class WrittenUnit extends SimulatedUnit {
  readonly written: Written[] = []
  /** Called when a write has been carried out and before it is answered. */
  onWrite: ((write: Written) => void) | undefined

  /** The register values that were written, one number each. */
  get numbers(): number[] {
    return this.written.map(({ bytes }) => bytes.readUInt16BE())
  }

  override answer(pdu: Uint8Array, seconds: number): Uint8Array {
    const reply = super.answer(pdu, seconds)
    const write = writeIn(Buffer.from(pdu))
    if (write && reply[0] === pdu[0]) {
      this.written.push(write)
      this.onWrite?.(write)
    }
    return reply
  }
}

/** MODBUS Application Protocol V1.1b3, 6.5, 6.6 and 6.12. */
function writeIn(pdu: Buffer): Written | undefined {
  const address = pdu.length >= 3 ? pdu.readUInt16BE(1) : 0
  if (pdu[0] === WRITE_COIL || pdu[0] === WRITE_REGISTER) return { address, bytes: pdu.subarray(3, 5) }
  if (pdu[0] === WRITE_REGISTERS) return { address, bytes: pdu.subarray(REGISTERS_AT) }
  return undefined
}

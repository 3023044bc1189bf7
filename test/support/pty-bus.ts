import type { SerialPort } from 'serialport'
import { systemClock } from '../../src/clock.ts'
import { crc16 } from '../../src/drivers/modbus/crc.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import { exercisedUnits } from './bus-exercise.ts'
import { FaultyBus } from './faulty-bus.ts'
import { attach, detach, PtyCable } from './pty.ts'
import type { Chance } from './seeded.ts'

/** A faulty bus at the far end of a real pair of serial ports, in real time. */
export class PtyBus {
  readonly bus: FaultyBus
  /** Path of the port to open. */
  readonly path: string
  readonly #cable: PtyCable
  readonly #far: SerialPort

  private constructor(cable: PtyCable, far: SerialPort, bus: FaultyBus) {
    this.#cable = cable
    this.#far = far
    this.path = cable.near
    this.bus = bus
  }

  static async open(options: { chance: Chance; timeoutMs: number; faulty: number }): Promise<PtyBus> {
    const cable = await PtyCable.plugged()
    let held: Buffer = Buffer.alloc(0)
    const far = await attach(cable.far, (bytes) => {
      held = Buffer.concat([held, bytes])
      for (let length = requestLength(held); length > 0 && held.length >= length; length = requestLength(held)) {
        const frame = held.subarray(0, length)
        held = held.subarray(length)
        if (crc16(frame) === 0) bus.hear(frame[0] ?? 0, Uint8Array.from(frame.subarray(1, -2)))
      }
    })
    const say = (bytes: Uint8Array) => far.write(Buffer.from(bytes))
    const bus = new FaultyBus({ ...options, clock: systemClock, unitIds: exercisedUnits, frame: rtuFrame, say })
    return new PtyBus(cable, far, bus)
  }

  async close(): Promise<void> {
    await detach(this.#far)
    await this.#cable.close()
  }
}

/** Bytes of the request that begins here, 0 while that cannot be known (MODBUS Application Protocol V1.1b3, section 6). */
function requestLength(bytes: Buffer): number {
  const code = bytes[1]
  if (code === undefined) return 0
  if (code === 22) return 10
  if (code !== 15 && code !== 16) return 8
  const count = bytes[6]
  return count === undefined ? 0 : 9 + count
}

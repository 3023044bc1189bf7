import type { SerialPort } from 'serialport'
import { systemClock } from '../../src/clock.ts'
import { crc16 } from '../../src/drivers/modbus/crc.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import type { HeardRequest, Script } from './bus.ts'
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
    const far = await hear(cable.far, (unitId, pdu) => bus.hear(unitId, pdu))
    const say = (bytes: Uint8Array) => far.write(Buffer.from(bytes))
    const given = { ...options, clock: systemClock, realTime: true }
    const bus = new FaultyBus({ ...given, unitIds: exercisedUnits, frame: rtuFrame, say })
    return new PtyBus(cable, far, bus)
  }

  async close(): Promise<void> {
    await detach(this.#far)
    await this.#cable.close()
  }
}

/** The same pair of ports with a script at the far end: bytes, and when after a request they come, in real time. */
export class ScriptedPty {
  /** Path of the port to open. */
  readonly path: string
  readonly heard: HeardRequest[] = []
  readonly #cable: PtyCable
  readonly #script: Script
  readonly #closing = new AbortController()
  #far: SerialPort | undefined

  private constructor(cable: PtyCable, script: Script) {
    this.#cable = cable
    this.#script = script
    this.path = cable.near
  }

  static async open(script: Script): Promise<ScriptedPty> {
    const pty = new ScriptedPty(await PtyCable.plugged(), script)
    pty.#far = await hear(pty.#cable.far, (unitId, pdu) => pty.#hear(unitId, pdu))
    return pty
  }

  async close(): Promise<void> {
    this.#closing.abort()
    if (this.#far) await detach(this.#far)
    await this.#cable.close()
  }

  #hear(unitId: number, pdu: Uint8Array): void {
    const request = { unitId, pdu, index: this.heard.length }
    this.heard.push(request)
    const { signal } = this.#closing
    for (const { afterMs, bytes } of this.#script(request)) {
      void systemClock.wait(afterMs, signal).then(() => {
        if (!signal.aborted) this.#far?.write(Buffer.from(bytes))
      })
    }
  }
}

/** Opens the port and takes the sound requests out of what comes. */
function hear(path: string, onRequest: (unitId: number, pdu: Uint8Array) => void): Promise<SerialPort> {
  let held: Buffer = Buffer.alloc(0)
  return attach(path, (bytes) => {
    held = Buffer.concat([held, bytes])
    for (let length = requestLength(held); length > 0 && held.length >= length; length = requestLength(held)) {
      const frame = held.subarray(0, length)
      held = held.subarray(length)
      if (crc16(frame) === 0) onRequest(frame[0] ?? 0, Uint8Array.from(frame.subarray(1, -2)))
    }
  })
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

import type { Clock } from '../../clock.ts'
import type { LineSettings } from '../../settings.ts'
import { byteMsOf } from '../line.ts'

/** A two-wire line on which bytes take their time and only one can speak: who speaks at the same time damages both. */
export class HalfDuplexLine {
  /** Transmissions that met another one. */
  collisions = 0
  readonly #byteMs: number
  readonly #clock: Clock
  readonly #speaking = new Set<{ damaged: boolean }>()

  constructor(line: LineSettings, clock: Clock) {
    this.#byteMs = byteMsOf(line)
    this.#clock = clock
  }

  /**
   * Resolves when the bytes are through: true when nobody else spoke meanwhile. They began `from` (`mono`): who was woken
   * late on a busy machine does not make the line slower.
   */
  async transmit(bytes: number, from: number, signal?: AbortSignal): Promise<boolean> {
    const own = { damaged: this.#speaking.size > 0 }
    for (const other of this.#speaking) other.damaged = true
    this.#speaking.add(own)
    await this.#clock.wait(Math.max(0, this.endOf(bytes, from) - this.#clock.mono()), signal)
    this.#speaking.delete(own)
    if (own.damaged) this.collisions += 1
    return !own.damaged
  }

  /** When bytes that began `from` are through. */
  endOf(bytes: number, from: number): number {
    return from + bytes * this.#byteMs
  }
}

import type { Clock } from '../../clock.ts'
import type { Cut, Format } from './messages.ts'

/**
 * Silence between two messages: four characters, but at least this much, because USB adapters hand over what they
 * received only every 16 ms.
 */
const QUIET_LEAST_MS = 30
/** A message within which the line was silent for so long does not go on. */
const TORN_MS = 500
/** A line that is not silent by then is used nevertheless. */
const DRAIN_MS_MAX = 1_000
/**
 * Whole milliseconds are what `Clock.mono` counts. And while the program was busy, bytes may be waiting to be read, which
 * Node does between two timers: so silence is looked at once more a moment later.
 */
const SECOND_LOOK_MS = 1

export interface StreamOptions<State, Message> {
  readonly format: Format<State, Message>
  readonly clock: Clock
  /** Time of one character on the line. */
  readonly byteMs: number
  /** What a piece of the stream or a silence brought, empty or not; `isQuiet`: the line is silent now. */
  readonly onCut: (cut: Cut<State, Message>, isQuiet: boolean) => void
}

/** The bytes of one opening, cut into messages, with an eye on the silences between them. Single use. */
export class MessageStream<State, Message> {
  readonly #options: StreamOptions<State, Message>
  readonly #quietMs: number
  readonly #closed = new AbortController()
  #state: State
  #lastByteAt: number
  #isQuiet = false
  /** Silent for so long that nothing that was begun goes on. */
  #isStill = false
  #onCalm: (() => void) | undefined
  #watching = false

  constructor(options: StreamOptions<State, Message>) {
    this.#options = options
    this.#quietMs = Math.max(QUIET_LEAST_MS, Math.ceil(4 * options.byteMs))
    this.#state = options.format.opened
    this.#lastByteAt = options.clock.mono()
    this.#watch()
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed.signal.aborted) return
    this.#lastByteAt = this.#options.clock.mono()
    this.#isQuiet = false
    this.#isStill = false
    this.#take(this.#options.format.cut(this.#state, bytes))
    this.#watch()
  }

  close(): void {
    this.#closed.abort()
  }

  /** A message has begun that has not ended. */
  get isBegun(): boolean {
    return this.#options.format.isBegun(this.#state)
  }

  /** Bytes of a message are coming in. */
  get isFlowing(): boolean {
    return !this.#isQuiet && this.isBegun
  }

  /**
   * Waits until nothing is being said. In silence the next byte begins a message, whatever was heard before; on a line
   * that is never silent it may be in the midst of one.
   */
  async silence(): Promise<void> {
    const { clock, format } = this.#options
    if (!this.#isCalm) {
      const calm = new AbortController()
      this.#onCalm = () => calm.abort()
      await clock.wait(DRAIN_MS_MAX, AbortSignal.any([calm.signal, this.#closed.signal]))
    }
    if (this.#isCalm) this.#state = format.fresh
    // The next message must not be joined with this one.
    else if (this.isBegun) this.#state = format.opened
  }

  get #isCalm(): boolean {
    return this.#isQuiet && !this.#mayGoOn
  }

  /** A message has begun, or may have begun before the line was opened, and may go on. */
  get #mayGoOn(): boolean {
    return !this.#isStill && (this.isBegun || this.#state === this.#options.format.opened)
  }

  #take(cut: Cut<State, Message>): void {
    this.#state = cut.state
    this.#options.onCut(cut, this.#isQuiet)
    if (this.#isCalm) this.#onCalm?.()
  }

  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    void this.#watchSilence()
  }

  /** Runs from the first byte after a silence to the next silence. */
  async #watchSilence(): Promise<void> {
    const { clock, format } = this.#options
    const { signal } = this.#closed
    while (!signal.aborted) {
      const limitMs = this.#isQuiet ? TORN_MS : this.#quietMs
      const lastByteAt = this.#lastByteAt
      // Held up, the moment may have passed already.
      await clock.wait(Math.max(0, lastByteAt + limitMs - clock.mono()), signal)
      await clock.wait(SECOND_LOOK_MS, signal)
      if (signal.aborted) return
      if (this.#lastByteAt !== lastByteAt) continue
      if (this.#isQuiet) {
        this.#isStill = true
        this.#take(format.torn(this.#state))
      } else {
        this.#isQuiet = true
        this.#take(format.quiet(this.#state))
      }
      if (this.#mayGoOn) continue
      this.#watching = false
      return
    }
  }
}

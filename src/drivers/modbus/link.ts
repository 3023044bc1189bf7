/**
 * The shell around the exchange: port, timers, silence on the line, counters. One exchange at a time; it alone decides
 * what a reply is, owns the deadline, and always settles.
 */
import type { Clock } from '../../clock.ts'
import { LinkError } from '../driver.ts'
import type { Port } from '../port/port.ts'
import { begin, type Exchange, type ExchangeContext, type FailureCode, type Input, step } from './exchange.ts'
import type { Framing, Request } from './frame.ts'

export interface LinkTiming {
  /** From the end of the request to the first byte of the reply. */
  readonly timeoutMs: number
  /** Pause between two requests beyond the silence. */
  readonly requestGapMs: number
  /** Silence that separates frames; 0 where frames carry their length. */
  readonly silenceMs: number
  /** Time of one byte on the wire; 0 where it does not matter. */
  readonly byteMs: number
}

export type Answer =
  | { readonly ok: true; readonly pdu: Uint8Array }
  /** io: the connection was lost after the request was sent; `Link.lost` says how. */
  | { readonly ok: false; readonly code: FailureCode | 'io' }

type Final = Exchange & { at: 'answered' | 'failed' }

/** Whole milliseconds are what `Clock.mono` counts, so a difference may be up to this much too large. */
const CLOCK_STEP_MS = 1
/** A line that never falls silent is used nevertheless after this many timeouts of waiting for silence. */
const DRAIN_TIMEOUTS_MAX = 2
/**
 * Requests in a row, over all units, that may go unanswered before a TCP connection is opened anew: a peer that lost its
 * power leaves a connection that looks open for a quarter of an hour.
 */
const SILENT_REQUESTS_MAX = 4

export class Link {
  /** Exchanges begun, exchanges without a reply, and every trouble seen, by its code. */
  readonly counters = { exchanges: 0, failures: 0, troubles: new Map<string, number>() }
  /** The connection cannot be used any longer. */
  lost: LinkError | undefined
  readonly #port: Port
  readonly #framing: Framing
  readonly #timing: LinkTiming
  readonly #clock: Clock
  #open: { readonly context: ExchangeContext; state: Exchange; finish(final?: Final): void } | undefined
  #settleTimer: AbortController | undefined
  #leftOver: Uint8Array = new Uint8Array()
  #echoes = false
  #lastByteAt = Number.NEGATIVE_INFINITY
  #lastEndAt = Number.NEGATIVE_INFINITY
  #silent = 0
  #transaction = Math.floor(Math.random() * 0x10000)

  constructor(port: Port, options: { framing: Framing; timing: LinkTiming; clock: Clock }) {
    this.#port = port
    this.#framing = options.framing
    this.#timing = options.timing
    this.#clock = options.clock
  }

  get matchesTransaction(): boolean {
    return this.#framing.matchesTransaction
  }

  /**
   * Sends a request and waits for its reply. `linger`: see ExchangeContext. Rejects with LinkError when the connection was
   * lost before anything was sent.
   */
  async exchange(unitId: number, pdu: Uint8Array, options: { linger?: boolean } = {}): Promise<Answer> {
    if (this.#open) throw new Error(`request to unit ${unitId} while another exchange is open`)
    await this.#silence()
    if (this.lost) throw this.lost
    this.#transaction = (this.#transaction + 1) & 0xffff
    const request: Request = { unitId, pdu, transaction: this.#transaction }
    const context = { request, framing: this.#framing, linger: options.linger ?? false, echoes: this.#echoes }
    this.counters.exchanges += 1
    const final = await this.#run(context)
    if (!final) {
      this.counters.failures += 1
      return { ok: false, code: 'io' }
    }
    this.#lastEndAt = this.#clock.mono()
    for (const trouble of final.troubles) this.#count(trouble)
    if (final.troubles.includes('echo')) this.#echoes = true
    if (final.rest.length > 0) this.#unasked(final.rest)
    else this.#leftOver = new Uint8Array()
    this.#silent = final.at === 'failed' && final.code === 'timeout' ? this.#silent + 1 : 0
    if (final.at === 'answered') return { ok: true, pdu: final.reply }
    this.counters.failures += 1
    this.#count(`failed_${final.code}`)
    if (final.renew) this.lost ??= new LinkError('doubt', 'the stream of replies is out of step, opening it anew')
    if (this.matchesTransaction && this.#silent >= SILENT_REQUESTS_MAX) {
      this.lost ??= new LinkError(
        'silent',
        `${this.#silent} requests in a row without a reply, opening the connection anew`,
      )
    }
    return { ok: false, code: final.code }
  }

  /** Bytes from the port. */
  receive(bytes: Uint8Array): void {
    this.#lastByteAt = this.#clock.mono()
    if (this.#open) {
      this.#feed({ type: 'bytes', bytes })
      return
    }
    this.#unasked(Buffer.concat([this.#leftOver, bytes]))
  }

  /** Bytes nobody asked for: a late reply, or noise. A stream must still be taken apart, to keep step. */
  #unasked(bytes: Uint8Array): void {
    this.#count('unasked')
    const scan = this.#framing.scan(bytes, undefined)
    this.#leftOver = this.#framing.matchesTransaction ? Uint8Array.from(scan.rest) : new Uint8Array()
    if (scan.broken)
      this.lost ??= new LinkError('doubt', 'bytes that are no Modbus frame came, opening the stream anew')
  }

  /** The port is gone: an open exchange ends with `io`, later ones reject. */
  lose(error: LinkError): void {
    this.lost ??= error
    this.#open?.finish()
  }

  /** Resolves with the final state, or with nothing when the connection was lost. */
  #run(context: ExchangeContext): Promise<Final | undefined> {
    const deadline = new AbortController()
    return new Promise<Final | undefined>((resolve) => {
      const finish = (final?: Final) => {
        deadline.abort()
        this.#settleTimer?.abort()
        this.#open = undefined
        resolve(final)
      }
      this.#open = { context, state: begin(this.#leftOver), finish }
      const sent = this.#framing.build(context.request)
      this.#port.write(sent)
      this.#after(this.#timing.timeoutMs + sent.length * this.#timing.byteMs, deadline, () =>
        this.#onDeadline(deadline),
      )
    })
  }

  /** A reply that has begun gets the time its bytes need; the timeout is for the device to begin. */
  #onDeadline(deadline: AbortController): void {
    const open = this.#open
    if (!open) return
    const begun = open.state.at === 'waiting' && open.state.received.length > 0
    const extra = begun ? this.#framing.replyBytes(open.context.request) * this.#timing.byteMs : 0
    if (extra > 0) this.#after(extra, deadline, () => this.#feed({ type: 'deadline' }))
    else this.#feed({ type: 'deadline' })
  }

  #feed(input: Input): void {
    const open = this.#open
    if (!open) return
    open.state = step(open.state, input, open.context)
    if (open.state.at === 'settling' && input.type === 'bytes') {
      this.#settleTimer?.abort()
      this.#settleTimer = new AbortController()
      this.#after(this.#timing.silenceMs + CLOCK_STEP_MS, this.#settleTimer, () => {
        this.#lastByteAt = Number.NEGATIVE_INFINITY // the silence was waited for just now
        this.#feed({ type: 'quiet' })
      })
    }
    if (open.state.at === 'answered' || open.state.at === 'failed') open.finish(open.state)
  }

  #after(ms: number, cancel: AbortController, action: () => void): void {
    void this.#clock.wait(Math.ceil(ms), cancel.signal).then(() => {
      if (!cancel.signal.aborted) action()
    })
  }

  /** Waits for the inter-frame silence and the request gap. Late bytes prolong it: that is the draining. */
  async #silence(): Promise<void> {
    const giveUpAt = this.#clock.mono() + this.#timing.timeoutMs * DRAIN_TIMEOUTS_MAX
    for (;;) {
      const now = this.#clock.mono()
      const quiet = this.#timing.silenceMs > 0 ? this.#lastByteAt + this.#timing.silenceMs + CLOCK_STEP_MS : 0
      const gap = this.#lastEndAt + this.#timing.requestGapMs
      const waitMs = Math.ceil(Math.max(quiet, gap) - now)
      if (!(waitMs > 0) || now >= giveUpAt || this.lost) return
      await this.#clock.wait(waitMs)
    }
  }

  #count(code: string): void {
    this.counters.troubles.set(code, (this.counters.troubles.get(code) ?? 0) + 1)
  }
}

/**
 * The silence between frames of a serial line: 3.5 characters, and a fixed 1.75 ms above 19200 baud (MODBUS over Serial
 * Line V1.02, section 2.5.1.1).
 */
export function silenceMsOf(baud: number, byteMs: number): number {
  return baud > 19_200 ? 1.75 : 3.5 * byteMs
}

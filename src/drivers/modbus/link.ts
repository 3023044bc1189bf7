/**
 * The shell around the exchange: port, timers, silence on the line, counters. One exchange at a time; it alone decides
 * what a reply is, owns the deadline, and always settles.
 */
import type { Clock } from '../../clock.ts'
import { LinkError, notWanted } from '../driver.ts'
import type { Port } from '../port/port.ts'
import { begin, type Exchange, type ExchangeContext, type FailureCode, type Input, step } from './exchange.ts'
import type { Framing, Request } from './frame.ts'
import { onLateReply, onLoss, onReply, type Pace, timeoutOf, unknownPace } from './timeout.ts'
import type { LinkTiming } from './timing.ts'

export interface LinkOptions {
  readonly framing: Framing
  readonly timing: LinkTiming
  readonly clock: Clock
  /** What is known of the units; kept by the driver over all openings. */
  readonly paces: Map<number, Pace>
  /**
   * Requests in a row, over all units, that may go unanswered before the connection is opened anew: a peer that lost its
   * power leaves a socket that looks open for a quarter of an hour. Infinity for a serial port.
   */
  readonly silentMax: number
}

export interface ExchangeOptions {
  /** See ExchangeContext. */
  readonly linger?: boolean
  /** Wait for as long as the configuration allows: writes may take longer than reads, and are not guessed about. */
  readonly patient?: boolean
  /** Wait for this long. */
  readonly timeoutMs?: number
  /** Asked when the line is free: no, and nothing is sent (WriteError `expired`). */
  readonly isWanted?: (() => boolean) | undefined
}

export type Answer =
  | { readonly ok: true; readonly pdu: Uint8Array }
  /** io: the connection was lost after the request was sent; `Link.lost` says how. */
  | { readonly ok: false; readonly code: FailureCode | 'io' }

type Final = Exchange & { at: 'answered' | 'failed' }

interface Open {
  readonly context: ExchangeContext
  readonly sentAt: number
  readonly sentBytes: number
  readonly timeoutMs: number
  state: Exchange
  /** When the reply was complete. */
  replyAt?: number
  finish(final?: Final): void
}

/** A line that never falls silent is used nevertheless after this many timeouts of waiting for silence. */
const DRAIN_TIMEOUTS_MAX = 2
/** Silence after something odd: USB adapters hand over what they received in pieces up to 16 ms apart. */
const DRAIN_MS = 20
/** A unit that lost no more replies than this in a row was alive a short while ago. */
const LOST_LATELY_MAX = 4
/** A timer that fires so much late was held up by this process, and bytes may have come meanwhile that nobody has read yet. */
const HELD_UP_MS = 2
/** Bytes kept of what comes between requests, to recognise late replies. */
const STRAY_MAX = 520

export class Link {
  /** Exchanges begun, exchanges without a reply, and every trouble seen, by its code. */
  readonly counters = { exchanges: 0, failures: 0, troubles: new Map<string, number>() }
  /** The connection cannot be used any longer. */
  lost: LinkError | undefined
  /** Sound replies so far. */
  answers = 0
  /** Exchanges in a row in which bytes came and no sound frame of anybody. */
  damagedInARow = 0
  /** The last exchange was given up before the time that the configuration allows, by a guess that had been right so far. */
  gaveUpEarly = false
  /** Of the last exchange: from sending to the end of the reply, or to giving up, ms. */
  tookMs = 0
  readonly #port: Port
  readonly #framing: Framing
  readonly #timing: LinkTiming
  readonly #clock: Clock
  readonly #paces: Map<number, Pace>
  readonly #silentMax: number
  #open: Open | undefined
  #settleTimer: AbortController | undefined
  #leftOver: Uint8Array = new Uint8Array()
  #strays: Uint8Array = new Uint8Array()
  /** When the last request of a unit was sent whose reply was given up. */
  readonly #givenUp = new Map<number, number>()
  #echoes = false
  #lastByteAt = Number.NEGATIVE_INFINITY
  #lastEndAt = Number.NEGATIVE_INFINITY
  #drainMs = 0
  #silent = 0
  #transaction = Math.floor(Math.random() * 0x10000)

  constructor(port: Port, options: LinkOptions) {
    this.#port = port
    this.#framing = options.framing
    this.#timing = options.timing
    this.#clock = options.clock
    this.#paces = options.paces
    this.#silentMax = options.silentMax
  }

  get matchesTransaction(): boolean {
    return this.#framing.matchesTransaction
  }

  /** How long the next reply of a unit is waited for. */
  #timeoutMsOf(unitId: number): number {
    const { timeoutMs, timeoutMinMs } = this.#timing
    return timeoutOf(this.#paceOf(unitId), { minMs: timeoutMinMs, maxMs: timeoutMs })
  }

  /** Sends a request and waits for its reply. Rejects with LinkError when the connection was lost before anything was sent. */
  async exchange(unitId: number, pdu: Uint8Array, options: ExchangeOptions = {}): Promise<Answer> {
    if (this.#open) throw new Error(`request to unit ${unitId} while another exchange is open`)
    await this.#silence()
    if (this.lost) throw this.lost
    if (options.isWanted?.() === false) throw notWanted()
    this.#transaction = (this.#transaction + 1) & 0xffff
    const request: Request = { unitId, pdu, transaction: this.#transaction }
    const { linger = false } = options
    const context = { request, framing: this.#framing, linger, echoes: this.#echoes }
    const patient = options.patient || linger
    const timeoutMs = options.timeoutMs ?? (patient ? this.#timing.timeoutMs : this.#timeoutMsOf(unitId))
    this.counters.exchanges += 1
    const final = await this.#run(context, timeoutMs)
    if (!final) {
      this.counters.failures += 1
      return { ok: false, code: 'io' }
    }
    this.#lastEndAt = this.#clock.precise()
    const guessed = options.timeoutMs === undefined && timeoutMs < this.#timing.timeoutMs
    this.gaveUpEarly = guessed && final.at === 'failed' && final.code === 'timeout' && this.#paceOf(unitId).lost === 1
    for (const trouble of final.troubles) this.#count(trouble)
    if (final.troubles.includes('echo')) this.#echoes = true
    if (final.rest.length > 0) this.#unasked(final.rest)
    else this.#leftOver = new Uint8Array()
    return final.at === 'answered' ? this.#answered(final) : this.#failed(final, unitId)
  }

  #answered(final: Final & { at: 'answered' }): Answer {
    this.answers += 1
    this.damagedInARow = 0
    this.#silent = 0
    return { ok: true, pdu: final.reply }
  }

  #failed(final: Final & { at: 'failed' }, unitId: number): Answer {
    const { code } = final
    this.counters.failures += 1
    this.#count(`failed_${code}`)
    if (code !== 'timeout') this.#drainMs = DRAIN_MS
    const damaged = code !== 'timeout' && code !== 'foreign_reply' && final.strangers.length === 0
    this.damagedInARow = damaged ? this.damagedInARow + 1 : code === 'timeout' ? this.damagedInARow : 0
    // Units that have been dead for long say nothing about a connection through which others answer.
    const counts = this.answers === 0 || this.#paceOf(unitId).lost <= LOST_LATELY_MAX
    this.#silent = code === 'timeout' ? this.#silent + Number(counts) : 0
    if (final.renew) this.#outOfStep()
    if (this.#silent >= this.#silentMax) {
      const message = `${this.#silent} requests in a row without a reply, opening the connection anew`
      this.lost ??= new LinkError('silent', message)
    }
    return { ok: false, code }
  }

  /** Bytes from the port. */
  receive(bytes: Uint8Array): void {
    this.#lastByteAt = this.#clock.precise()
    if (this.#open) this.#feed({ type: 'bytes', bytes })
    else this.#unasked(Buffer.concat([this.matchesTransaction ? this.#leftOver : this.#strays, bytes]))
  }

  /** Bytes nobody asked for: a late reply, or noise. A stream must still be taken apart, to keep step. */
  #unasked(bytes: Uint8Array): void {
    this.#count('unasked')
    const scan = this.#framing.scan(bytes, undefined)
    for (const stranger of scan.strangers) this.#heardLate(stranger)
    if (this.matchesTransaction) this.#leftOver = Uint8Array.from(scan.rest)
    else this.#strays = Uint8Array.from(scan.rest.subarray(-STRAY_MAX))
    if (scan.broken) this.#outOfStep()
  }

  #outOfStep(): void {
    if (this.answers > 0) {
      this.lost ??= new LinkError('doubt', 'the stream of replies is out of step, opening the connection anew')
      return
    }
    this.lost ??= new LinkError('not_modbus', 'what the other side sends is not Modbus TCP', {
      hint: 'check the port number (usually 502); a converter for serial lines may need type modbus-rtu-over-tcp',
    })
  }

  /** A sound frame of a unit that was no answer to the open request. */
  #heardLate(unitId: number): void {
    const sentAt = this.#givenUp.get(unitId)
    if (sentAt === undefined) return
    this.#givenUp.delete(unitId)
    this.#count('late_reply')
    this.#paces.set(unitId, onLateReply(this.#paceOf(unitId), this.#lastByteAt - sentAt))
  }

  /** The port is gone: an open exchange ends with `io`, later ones reject. */
  lose(error: LinkError): void {
    this.lost ??= error
    this.#open?.finish()
  }

  /** Resolves with the final state, or with nothing when the connection was lost. */
  #run(context: ExchangeContext, timeoutMs: number): Promise<Final | undefined> {
    const deadline = new AbortController()
    this.#drainMs = 0
    this.#strays = new Uint8Array()
    return new Promise<Final | undefined>((resolve) => {
      const sent = this.#framing.build(context.request)
      const sentAt = this.#clock.precise()
      const finish = (final?: Final) => {
        deadline.abort()
        this.#settleTimer?.abort()
        this.#conclude(final)
        resolve(final)
      }
      const state = begin(this.#leftOver)
      this.#open = { context, sentAt, sentBytes: sent.length, timeoutMs, state, finish }
      this.#port.write(sent)
      const moment = sentAt + timeoutMs + sent.length * this.#timing.byteMs
      this.#atWhenRead(moment, deadline, () => this.#onDeadline(deadline))
    })
  }

  /** What the exchange says about the pace of the unit, and of others that were heard meanwhile. */
  #conclude(final: Final | undefined): void {
    const open = this.#open
    this.#open = undefined
    if (!open) return
    const { unitId } = open.context.request
    this.tookMs = (open.replyAt ?? this.#clock.precise()) - open.sentAt
    if (final?.at === 'failed') this.#paces.set(unitId, onLoss(this.#paceOf(unitId)))
    for (const stranger of final?.strangers ?? []) this.#heardLate(stranger)
    if (final?.at === 'answered') {
      const bytes = open.sentBytes + this.#framing.build({ ...open.context.request, pdu: final.reply }).length
      this.#paces.set(unitId, onReply(this.#paceOf(unitId), Math.max(0, this.tookMs - bytes * this.#timing.byteMs)))
      this.#givenUp.delete(unitId)
    } else {
      this.#givenUp.set(unitId, open.sentAt)
    }
  }

  /** A reply that has begun gets the time its bytes need and may pause; the timeout is for the device to begin. */
  #onDeadline(deadline: AbortController): void {
    const open = this.#open
    if (!open) return
    const now = this.#clock.precise()
    const { byteMs, pauseMs } = this.#timing
    const bytesMs = this.#framing.replyBytes(open.context.request) * byteMs
    const begun = () => open.state.at === 'waiting' && open.state.received.length > 0
    const latest = now + bytesMs + pauseMs
    const goOn = () => {
      const until = Math.min(latest, this.#lastByteAt + bytesMs + pauseMs)
      if (begun() && until > this.#clock.precise()) this.#at(until, deadline, goOn)
      else this.#giveUp(deadline)
    }
    goOn()
  }

  /** A line that goes on talking behind the reply gets one more timeout to fall silent. */
  #giveUp(deadline: AbortController): void {
    this.#feed({ type: 'deadline' })
    const open = this.#open
    if (open?.state.at !== 'settling') return
    this.#at(this.#clock.precise() + open.timeoutMs, deadline, () => this.#feed({ type: 'deadline' }))
  }

  #feed(input: Input): void {
    const open = this.#open
    if (!open) return
    const before = open.state.at
    open.state = step(open.state, input, open.context)
    const { state } = open
    if (before === 'waiting' && (state.at === 'settling' || state.at === 'answered')) open.replyAt = this.#lastByteAt
    if (state.at === 'settling' && input.type === 'bytes') {
      this.#settleTimer?.abort()
      this.#settleTimer = new AbortController()
      const quietAt = this.#lastByteAt + this.#timing.silenceMs
      this.#atWhenRead(quietAt, this.#settleTimer, () => this.#feed({ type: 'quiet' }))
    }
    if (state.at === 'answered' || state.at === 'failed') open.finish(state)
  }

  /** Waits for the inter-frame silence and the request gap. Late bytes prolong it: that is the draining. */
  async #silence(): Promise<void> {
    const giveUpAt = this.#clock.precise() + this.#timing.timeoutMs * DRAIN_TIMEOUTS_MAX
    for (;;) {
      const now = this.#clock.precise()
      const silenceMs = this.#timing.silenceMs > 0 ? Math.max(this.#timing.silenceMs, this.#drainMs) : 0
      const quiet = silenceMs > 0 ? this.#lastByteAt + silenceMs : 0
      const waitMs = Math.max(quiet, this.#lastEndAt + this.#timing.requestGapMs) - now
      if (!(waitMs > 0) || now >= giveUpAt || this.lost) return
      await this.#clock.wait(waitMs)
    }
  }

  /** As `#at`, but not before what had arrived by that moment was read: timers come before bytes when the loop was held up. */
  #atWhenRead(moment: number, cancel: AbortController, action: () => void): void {
    this.#at(moment, cancel, () => {
      const now = this.#clock.precise()
      if (now - moment > HELD_UP_MS) this.#at(now + 1, cancel, action)
      else action()
    })
  }

  /** Calls `action` at that moment: not before, and as soon after as timers of whole milliseconds allow. */
  #at(moment: number, cancel: AbortController, action: () => void): void {
    const ms = moment - this.#clock.precise()
    if (!(ms > 0)) {
      queueMicrotask(() => {
        if (!cancel.signal.aborted) action()
      })
      return
    }
    void this.#clock.wait(ms, cancel.signal).then(() => {
      if (!cancel.signal.aborted) this.#at(moment, cancel, action)
    })
  }

  #paceOf(unitId: number): Pace {
    return this.#paces.get(unitId) ?? unknownPace
  }

  #count(code: string): void {
    this.counters.troubles.set(code, (this.counters.troubles.get(code) ?? 0) + 1)
  }
}

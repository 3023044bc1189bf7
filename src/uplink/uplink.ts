import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { IncomingCommand, NewRecord } from '../model.ts'
import type { UplinkStatus } from '../status.ts'
import type { UplinkSettings } from '../uplink-settings.ts'
import { Attendant } from './attendant.ts'
import type { Feed } from './feed.ts'
import { pauseMs, STABLE_AFTER_MS } from './pause.ts'
import { present } from './present.ts'
import { Receiver } from './receiver.ts'
import { publishedBy } from './response-topic.ts'
import { Sender } from './sending/sender.ts'
import type { SurfaceContent } from './surface.ts'
import { type Closed, ConnectError, type Session, type Shortfall, STOPPED, type Transport } from './transport.ts'

export interface UplinkParts {
  readonly transport: Transport
  readonly feed: Feed
  /** Resolves when the command is durable; the cloud is told then. */
  readonly accept: (command: IncomingCommand) => Promise<void>
  /** What is said on the topics beside the records; absent: nothing is. */
  readonly content?: SurfaceContent
  /** Takes the report of an outage, for this uplink alone; absent: none is made. */
  readonly append?: (record: NewRecord) => void
  readonly clock: Clock
  readonly log: Logger
  /** Gives a number in [0, 1). */
  readonly random?: () => number
  /**
   * A session began (called before its first record is handed out) or ended. `headline` is a short code: `connected`,
   * `resumed`, or why it ended.
   */
  readonly onLink?: (up: boolean, headline: string) => void
}

/** The part of the status that the uplink knows; the rest is the outbox's. */
export type UplinkOwnStatus = Pick<
  UplinkStatus,
  | 'name'
  | 'type'
  | 'state'
  | 'sinceMs'
  | 'problem'
  | 'shortfalls'
  | 'nextTryInMs'
  | 'inFlight'
  | 'window'
  | 'lastAckAgeMs'
  | 'deliveryDelayMs'
  | 'connects'
  | 'connectFailures'
  | 'sentMessages'
  | 'sentBytes'
  | 'order'
  | 'delivery'
  | 'pace'
>

/** A session that lasted so long was no false start. */
const LASTED_MS_MIN = 2_000
/** After so many sessions in a row that did not last, the next one is watched: what ended the last one stays in the status. */
const SHORT_SESSIONS = 2
/** A pause that a reason demands is longer by up to this share of it, so that a fleet does not knock in step. */
const PAUSE_SPREAD = 0.25

/** The server tells for us that we are gone (the will), as after any end but `STOPPED`. */
const STOPPED_UNHEARD: Closed = { ...STOPPED, detail: 'the gateway stops, and the broker did not take its goodbye' }

/**
 * The session loop of one uplink: connect, run a session until it ends, pause, again. The same for every transport.
 */
export class Uplink {
  readonly #settings: UplinkSettings
  readonly #parts: UplinkParts
  readonly #random: () => number
  readonly #sender: Sender
  readonly #attendant: Attendant
  readonly #receiver: Receiver | undefined
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #stopped: Promise<void> | undefined
  #session: Session | undefined
  #abandoned: Closed | undefined
  #state: UplinkStatus['state'] = 'stopped'
  #since: number
  #problem: Closed | undefined
  /** Why the last session ended, and how many in a row have not lasted a minute. */
  #lastEnd: Closed | undefined
  #shortSessions = 0
  /** The reason that stands in the log. */
  #logged: string | undefined
  #nextTryAt: number | undefined
  #lostAt: number | undefined
  #sessionSince = 0
  #connects = 0
  #connectFailures = 0

  constructor(settings: UplinkSettings, parts: UplinkParts) {
    this.#settings = settings
    this.#parts = parts
    this.#random = parts.random ?? Math.random
    this.#since = parts.clock.mono()
    const { feed, clock, log, content, append } = parts
    const common = { feed, clock, log, random: this.#random }
    this.#sender = new Sender(settings, {
      ...common,
      onNotice: (message, fate) => this.#attendant.answered(message, fate),
    })
    this.#attendant = new Attendant(settings, { ...common, sender: this.#sender, content, append })
    if (settings.commands) {
      this.#receiver = new Receiver({
        uplink: settings.name,
        intake: settings.commands,
        own: publishedBy(settings),
        accept: parts.accept,
        log: parts.log,
        onStuck: (because) => this.#abandon(because),
      })
    }
  }

  /** Begins to connect; returns at once. */
  start(): void {
    if (this.#loop) return
    this.#enter('connecting')
    this.#loop = this.#run()
  }

  /** Something that is told beside the records may have changed: a device came or went. */
  look(): void {
    this.#attendant.look()
  }

  /**
   * Says goodbye, ends the session in good order and resolves. Nothing is drained: what is not acknowledged stays in the
   * outbox. Idempotent.
   */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    await this.#sender.finish()
    const isHeard = await this.#attendant.leave()
    await this.#session?.close(isHeard ? STOPPED : STOPPED_UNHEARD)
    await this.#loop
    this.#enter('stopped')
  }

  status(): UplinkOwnStatus {
    const now = this.#parts.clock.mono()
    const sender = this.#sender
    const { order, delivery } = this.#settings
    const shortfalls = [...this.#unsteady(now), ...this.#attendant.shortfalls].map(problemOf)
    return {
      name: this.#settings.name,
      type: this.#settings.type,
      state: this.#state,
      sinceMs: now - this.#since,
      ...present('problem', this.#currentProblem()),
      ...(shortfalls.length > 0 ? { shortfalls } : {}),
      ...present('nextTryInMs', this.#nextTryAt === undefined ? undefined : Math.max(0, this.#nextTryAt - now)),
      inFlight: sender.inFlight,
      window: sender.window,
      ...present('lastAckAgeMs', sender.lastAckAgeMs()),
      ...present('deliveryDelayMs', sender.deliveryDelayMs),
      connects: this.#connects,
      connectFailures: this.#connectFailures,
      sentMessages: sender.counts.messages,
      sentBytes: sender.counts.bytes,
      ...(order === 'live_first' ? { order } : {}),
      ...(delivery === 'at_most_once' ? { delivery } : {}),
      ...present('pace', this.#pace()),
    }
  }

  /** A link that is up for a moment, again and again, is not all right while it is up. */
  #unsteady(now: number): readonly Shortfall[] {
    if (this.#state !== 'online' || !this.#lastEnd || this.#shortSessions < SHORT_SESSIONS) return []
    return now - this.#sessionSince < STABLE_AFTER_MS ? [this.#lastEnd] : []
  }

  #pace(): UplinkStatus['pace'] {
    const { messagesPerSecond } = this.#sender
    const { bytesPerSecond } = this.#settings.pace ?? {}
    if (!Number.isFinite(messagesPerSecond) && bytesPerSecond === undefined) return undefined
    return {
      ...(Number.isFinite(messagesPerSecond) ? { messagesPerSecond } : {}),
      ...present('bytesPerSecond', bytesPerSecond),
    }
  }

  #currentProblem(): UplinkStatus['problem'] {
    if (this.#state === 'online') return this.#sender.problem
    return this.#state === 'stopped' || !this.#problem ? undefined : problemOf(this.#problem)
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts
    const { signal } = this.#stopping
    let attempt = 0
    while (!signal.aborted) {
      const closed = await this.#connectAndRun()
      if (signal.aborted) return
      if (closed.lastedMs >= STABLE_AFTER_MS) attempt = 0
      this.#enter('offline')
      const pause = pauseMs(
        {
          attempt,
          hurry: closed.hurry,
          lostForMs: this.#lostAt === undefined ? undefined : clock.mono() - this.#lostAt,
          random: this.#random,
        },
        this.#settings.backoff,
      )
      attempt += 1
      const pauseMinMs = (closed.pauseMinMs ?? 0) * (1 + PAUSE_SPREAD * this.#random())
      const waitMs = Math.max(pause, Math.round(pauseMinMs))
      this.#nextTryAt = clock.mono() + waitMs
      await clock.wait(waitMs, signal)
      this.#nextTryAt = undefined
    }
  }

  /** One connection from beginning to end; resolves with why it ended and how long it lasted. */
  async #connectAndRun(): Promise<Closed & { readonly lastedMs: number }> {
    const { clock, transport } = this.#parts
    if (this.#state !== 'offline') this.#enter('connecting')
    const ended = Promise.withResolvers<Closed>()
    this.#abandoned = undefined
    this.#receiver?.begin()
    let session: Session
    try {
      session = await transport.connect(
        {
          onDelivery: (delivery) => {
            if (!this.#attendant.receive(delivery)) this.#receiver?.receive(delivery)
          },
          onClosed: ended.resolve,
        },
        this.#stopping.signal,
      )
    } catch (error) {
      // Anything else is a mistake in this program.
      if (!(error instanceof ConnectError)) throw error
      this.#connectFailures += 1
      if (!this.#stopping.signal.aborted) this.#attendant.failed(error.closed.reason)
      this.#report(error.closed)
      return { ...error.closed, lastedMs: 0 }
    }
    if (this.#stopping.signal.aborted) {
      // Nobody is told that the gateway is there, for then somebody would have to tell that it is not.
      await session.close(STOPPED)
      return { ...STOPPED, lastedMs: 0 }
    }
    const from = clock.mono()
    this.#sessionSince = from
    this.#begin(session)
    if (this.#abandoned) void session.close(this.#abandoned)
    const closed = await ended.promise
    this.#end(closed)
    return { ...closed, lastedMs: clock.mono() - from }
  }

  #begin(session: Session): void {
    this.#connects += 1
    this.#session = session
    this.#problem = undefined
    this.#enter('online')
    this.#parts.log.info(`uplink ${this.#settings.name} is connected`, { windowMax: session.windowMax })
    this.#parts.onLink?.(true, session.sessionResumed ? 'resumed' : 'connected')
    this.#sender.open(session)
    this.#attendant.open(session)
  }

  /** The receiver cannot go on with this session, which may still be on its way (a resumed one delivers early). */
  #abandon(because: Closed): void {
    this.#abandoned = because
    void this.#session?.close(because)
  }

  #end(closed: Closed): void {
    this.#session = undefined
    if (!this.#stopping.signal.aborted) this.#attendant.cut(closed.reason, this.#sender.inFlightRecords)
    this.#attendant.close()
    this.#sender.close()
    const now = this.#parts.clock.mono()
    // Quick tries are for a server that restarts. One that ends every session at once (a second client with our id) gets pauses.
    const lastedMs = now - this.#sessionSince
    this.#lostAt = lastedMs >= LASTED_MS_MIN ? now : undefined
    this.#lastEnd = closed
    this.#shortSessions = lastedMs < STABLE_AFTER_MS ? this.#shortSessions + 1 : 0
    if (this.#shortSessions === 0) this.#logged = undefined
    this.#parts.onLink?.(false, closed.reason)
    if (!this.#stopping.signal.aborted) this.#report(closed)
  }

  /** Logs when the reason changes, not with every try, nor with every session that does not last. */
  #report(closed: Closed): void {
    this.#problem = closed
    if (this.#logged === closed.reason || this.#stopping.signal.aborted) return
    this.#logged = closed.reason
    const message = `uplink ${this.#settings.name}: ${closed.detail}`
    const fields = { reason: closed.reason, ...present('hint', closed.hint) }
    if (closed.hurry === 'slow') this.#parts.log.error(message, fields)
    else this.#parts.log.warn(message, fields)
  }

  #enter(state: UplinkStatus['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.#since = this.#parts.clock.mono()
  }
}

function problemOf({ reason, detail, hint }: Shortfall): NonNullable<UplinkStatus['problem']> {
  return { code: reason, message: detail, ...present('hint', hint) }
}

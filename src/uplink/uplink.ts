import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { IncomingCommand } from '../model.ts'
import type { UplinkStatus } from '../status.ts'
import type { UplinkSettings } from '../uplink-settings.ts'
import type { Feed } from './feed.ts'
import { pauseMs, STABLE_AFTER_MS } from './pause.ts'
import { Receiver } from './receiver.ts'
import { Sender } from './sender.ts'
import { type Closed, ConnectError, type Session, type Transport } from './transport.ts'

export interface UplinkParts {
  readonly transport: Transport
  readonly feed: Feed
  /** Resolves when the command is durable; the cloud is told then. */
  readonly accept: (command: IncomingCommand) => Promise<void>
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
  | 'nextTryInMs'
  | 'inFlight'
  | 'window'
  | 'lastAckAgeMs'
  | 'connects'
  | 'connectFailures'
>

/** A session that lasted so long was no false start. */
const LASTED_MS_MIN = 2_000

const STOPPED: Closed = { reason: 'stopped', detail: 'the gateway stops', hurry: 'soon' }

/**
 * The session loop of one uplink: connect, run a session until it ends, pause, again. The same for every transport.
 */
export class Uplink {
  readonly #settings: UplinkSettings
  readonly #parts: UplinkParts
  readonly #random: () => number
  readonly #sender: Sender
  readonly #receiver: Receiver | undefined
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #session: Session | undefined
  #abandoned: Closed | undefined
  #state: UplinkStatus['state'] = 'stopped'
  #since: number
  #problem: Closed | undefined
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
    this.#sender = new Sender(settings, { feed: parts.feed, clock: parts.clock, log: parts.log, random: this.#random })
    if (settings.commands) {
      this.#receiver = new Receiver({
        uplink: settings.name,
        key: settings.commands.key,
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

  /** Ends the session in good order and resolves. Nothing is drained: what is not acknowledged stays in the outbox. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#session?.close(STOPPED)
    await this.#loop
    this.#enter('stopped')
  }

  status(): UplinkOwnStatus {
    const now = this.#parts.clock.mono()
    const problem = this.#currentProblem()
    const lastAckAgeMs = this.#sender.lastAckAgeMs()
    return {
      name: this.#settings.name,
      type: this.#settings.type,
      state: this.#state,
      sinceMs: now - this.#since,
      ...(problem === undefined ? {} : { problem }),
      ...(this.#nextTryAt === undefined ? {} : { nextTryInMs: Math.max(0, this.#nextTryAt - now) }),
      inFlight: this.#sender.inFlight,
      window: this.#sender.window,
      ...(lastAckAgeMs === undefined ? {} : { lastAckAgeMs }),
      connects: this.#connects,
      connectFailures: this.#connectFailures,
    }
  }

  #currentProblem(): UplinkStatus['problem'] {
    if (this.#state === 'online') return this.#sender.problem
    if (this.#state === 'stopped' || !this.#problem) return undefined
    return { code: this.#problem.reason, message: this.#problem.detail }
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
      this.#nextTryAt = clock.mono() + pause
      await clock.wait(pause, signal)
      this.#nextTryAt = undefined
    }
  }

  /** One connection from beginning to end; resolves with why it ended and how long it lasted. */
  async #connectAndRun(): Promise<Closed & { readonly lastedMs: number }> {
    const { clock, transport } = this.#parts
    if (this.#state !== 'offline') this.#enter('connecting')
    const ended = Promise.withResolvers<Closed>()
    this.#abandoned = undefined
    let session: Session
    try {
      session = await transport.connect(
        {
          onDelivery: (delivery) => this.#receiver?.receive(delivery),
          onClosed: ended.resolve,
        },
        this.#stopping.signal,
      )
    } catch (error) {
      // Anything else is a mistake in this program.
      if (!(error instanceof ConnectError)) throw error
      this.#connectFailures += 1
      this.#report(error.closed)
      return { ...error.closed, lastedMs: 0 }
    }
    const from = clock.mono()
    this.#sessionSince = from
    this.#begin(session)
    if (this.#stopping.signal.aborted) void session.close(STOPPED)
    else if (this.#abandoned) void session.close(this.#abandoned)
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
  }

  /** The receiver cannot go on with this session, which may still be on its way (a resumed one delivers early). */
  #abandon(because: Closed): void {
    this.#abandoned = because
    void this.#session?.close(because)
  }

  #end(closed: Closed): void {
    this.#session = undefined
    this.#sender.close()
    const now = this.#parts.clock.mono()
    // Quick tries are for a server that restarts. One that ends every session at once (a second client with our id) gets pauses.
    this.#lostAt = now - this.#sessionSince >= LASTED_MS_MIN ? now : undefined
    this.#parts.onLink?.(false, closed.reason)
    if (!this.#stopping.signal.aborted) this.#report(closed)
  }

  /** Logs when the reason changes, not with every try. */
  #report(closed: Closed): void {
    const known = this.#problem?.reason === closed.reason
    this.#problem = closed
    if (known || this.#stopping.signal.aborted) return
    const message = `uplink ${this.#settings.name}: ${closed.detail}`
    if (closed.hurry === 'slow') this.#parts.log.error(message, { reason: closed.reason })
    else this.#parts.log.warn(message, { reason: closed.reason })
  }

  #enter(state: UplinkStatus['state']): void {
    if (this.#state === state) return
    this.#state = state
    this.#since = this.#parts.clock.mono()
  }
}

import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { NewRecord } from '../model.ts'
import type { UplinkSettings } from '../uplink-settings.ts'
import { Canary } from './canary.ts'
import type { Feed } from './feed.ts'
import { Outage, type OutageCounts, outageRecord } from './outage.ts'
import type { Sender } from './sending/sender.ts'
import { Surface, type SurfaceContent } from './surface.ts'
import type { Delivery, Fate, Message, Session, Shortfall } from './transport.ts'

export interface AttendantParts {
  readonly sender: Pick<Sender, 'notice' | 'lateDelivered' | 'hasLate'>
  readonly feed: Pick<Feed, 'dropped'>
  readonly clock: Clock
  readonly log: Logger
  /** Gives a number in [0, 1). */
  readonly random: () => number
  /** What is said on the topics beside the records; absent: nothing is. */
  readonly content?: SurfaceContent | undefined
  /** Takes the report of an outage; absent: none is made. */
  readonly append?: ((record: NewRecord) => void) | undefined
}

/** Changes nobody told of are seen this soon. */
const LOOK_EVERY_MS = 1_000
/** A server that does not take the goodbye is not waited for any longer. */
const LEAVE_WAIT_MAX_MS = 2_000

/**
 * What goes on in a session beside records and commands: it tells what the gateway is and how it is, sends the canary, and
 * reports an outage when everything from before has arrived. It lives as long as the uplink; sessions come and go.
 */
export class Attendant {
  readonly #settings: UplinkSettings
  readonly #parts: AttendantParts
  readonly #surface: Surface | undefined
  readonly #canary: Canary | undefined
  readonly #outage = new Outage()
  /** Shortfalls that stand in the log. */
  readonly #logged = new Set<string>()
  #session: Session | undefined
  #ending = new AbortController()

  constructor(settings: UplinkSettings, parts: AttendantParts) {
    this.#settings = settings
    this.#parts = parts
    const { clock, content, random } = parts
    const publish = (message: Message) => this.#publish(message)
    const devices = settings.filter?.devices
    if (content) this.#surface = new Surface(settings.surface, { content, devices, clock, publish })
    const { commands } = settings
    if (commands?.canary) {
      this.#canary = new Canary({ ...commands, ...commands.canary }, { clock, random, publish })
    }
  }

  /** A session began, and the sender has it. */
  open(session: Session): void {
    this.#session = session
    this.#outage.up(this.#parts.clock.mono())
    this.#surface?.open(session)
    this.#canary?.open()
    this.#ending = new AbortController()
    void this.#lookNowAndThen(this.#ending.signal)
  }

  /** The session ended by itself, or was ended for a reason, with so many records unanswered. */
  cut(reason: string, unanswered: number): void {
    this.#outage.cut(reason, unanswered, this.#counts())
  }

  /** No session came to be. */
  failed(reason: string): void {
    this.#outage.failed(reason, this.#counts())
  }

  /** The session is over. */
  close(): void {
    this.#session = undefined
    this.#ending.abort()
    this.#surface?.close()
    this.#canary?.close()
  }

  /** Says that the gateway leaves on purpose. False: the server has not taken it; whoever watches must learn it by the will. */
  async leave(): Promise<boolean> {
    return (await this.#surface?.leave(LEAVE_WAIT_MAX_MS)) ?? true
  }

  /** Something may have changed. */
  look(): void {
    if (!this.#session) return
    this.#surface?.look()
    this.#canary?.look()
    this.#report()
    this.#logShortfalls()
  }

  /** What became of a message that is no record. */
  answered(message: Message, fate: Fate): void {
    this.#surface?.answered(message, fate)
    this.#canary?.answered(message, fate)
  }

  /** True: it was no command, and is dealt with. */
  receive(delivery: Delivery): boolean {
    return this.#canary?.receive(delivery) ?? false
  }

  /** What the session cannot do, while records go on. */
  get shortfalls(): readonly Shortfall[] {
    if (!this.#session) return []
    const found = [this.#surface?.shortfall, this.#canary?.shortfall]
    return [...this.#session.shortfalls, ...found.filter((shortfall) => shortfall !== undefined)]
  }

  #publish(message: Message): void {
    const session = this.#session
    if (!session) return
    const bytes = session.packetBytes(message)
    if (bytes <= session.packetBytesMax) this.#parts.sender.notice(message)
    // A server would end the session over it.
    else this.answered(message, tooLarge(bytes, session.packetBytesMax))
  }

  async #lookNowAndThen(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.look()
      await this.#parts.clock.wait(LOOK_EVERY_MS, signal)
      if (signal.aborted) return
    }
  }

  #report(): void {
    const { append, clock, sender } = this.#parts
    if (!append || !this.#outage.isReportDue || sender.hasLate) return
    const report = this.#outage.take(this.#counts())
    if (!report) return
    append(outageRecord(report, { uplink: this.#settings.name, mono: clock.mono() }))
  }

  #counts(): OutageCounts {
    const { clock, feed, sender } = this.#parts
    return { now: clock.mono(), late: sender.lateDelivered, dropped: feed.dropped }
  }

  /** Each once, until it is over. */
  #logShortfalls(): void {
    const found = this.shortfalls
    for (const reason of this.#logged) if (!found.some((one) => one.reason === reason)) this.#logged.delete(reason)
    for (const { reason, detail, hint } of found) {
      if (this.#logged.has(reason)) continue
      this.#logged.add(reason)
      this.#parts.log.warn(`uplink ${this.#settings.name}: ${detail}`, { reason, ...(hint ? { hint } : {}) })
    }
  }
}

function tooLarge(bytes: number, bytesMax: number): Fate {
  return { fate: 'rejected', reason: `packet too large: ${bytes} bytes, the broker allows ${bytesMax}` }
}

import type { Clock } from '../clock.ts'
import type { SurfaceSettings } from '../uplink-settings.ts'
import { topicLevel } from './formats/topics.ts'
import type { Fate, Message, Shortfall } from './transport.ts'

/** What is said on the topics beside the records, as JSON texts, as it is now. */
export interface SurfaceContent {
  info(): string
  /** `names`: only these; undefined: all. */
  devices(names: readonly string[] | undefined): string
  health(): string
  /** Differs from the last one when something turned bad, or good again. Never sent. */
  verdicts(): string
  availability(): readonly { readonly device: string; readonly text: string }[]
}

export interface SurfaceParts {
  readonly content: SurfaceContent
  /** The devices this uplink is told of; undefined: all. */
  readonly devices: readonly string[] | undefined
  readonly clock: Clock
  /** Sends a message that is no record; `answered` is told what became of it in the end. */
  readonly publish: (message: Message) => void
}

export const ONLINE = '{"state":"online"}'
/** Also what the server says for us when we are gone (the will). */
export const OFFLINE = '{"state":"offline"}'
/** A verdict that flutters brings a health message at most this often. */
const HEALTH_GAP_MS = 5_000
/** Topics named when the server takes none of them. */
const REFUSED_NAMED_MAX = 3
/** A topic that was refused is tried again this often. */
const RETRY_MS = 300_000
/**
 * Some servers end the connection instead of refusing a topic (MQTT 3.1.1 has no other way). After so many sessions in a
 * row that ended before all this was answered, the next ones do without it: records matter more.
 */
const CUTS_MAX = 3
/** For so long. */
const SILENT_MS = 3_600_000

/**
 * Tells on retained topics what this gateway is and how it is: everything when a session begins, then what changed. It
 * lives as long as the uplink; sessions come and go (`open`, `close`). None of it is stored, for only the newest counts.
 */
export class Surface {
  readonly #topics: SurfaceSettings
  readonly #parts: SurfaceParts
  readonly #wanted: ReadonlySet<string> | undefined
  #session: { readonly retain: boolean } | undefined
  /** What was said last in this session, by topic. */
  readonly #said = new Map<string, string>()
  /** Topics the server does not take anything on. */
  readonly #refused = new Map<string, { readonly reason: string; readonly at: number }>()
  /** Topics with a message on its way. */
  readonly #unanswered = new Set<string>()
  /** Everything that a session begins with was answered. What comes later is unanswered whenever a link breaks. */
  #isTold = false
  /** Sessions in a row that ended before that. */
  #cuts = 0
  #silentUntil = 0
  /** They do not change while the agent runs, so they are made once a session and not with every look. */
  #devices = ''
  #info = ''
  #healthAt = 0
  #verdicts = ''
  #leaving: ((isTaken: boolean) => void) | undefined

  constructor(topics: SurfaceSettings, parts: SurfaceParts) {
    this.#topics = topics
    this.#parts = parts
    this.#wanted = parts.devices && new Set(parts.devices)
  }

  /** A session began: everything is said anew. */
  open(session: { readonly retainAvailable: boolean }): void {
    if (this.#isSilent) return
    this.#session = { retain: session.retainAvailable }
    this.#isTold = false
    this.#said.clear()
    this.#refused.clear()
    this.#healthAt = Number.NEGATIVE_INFINITY
    const { devices, info } = this.#topics
    this.#devices = devices === undefined ? '' : this.#parts.content.devices(this.#parts.devices)
    this.#info = info === undefined ? '' : this.#parts.content.info()
    this.look()
  }

  close(): void {
    if (this.#session && !this.#leaving) this.#noteEnd()
    this.#session = undefined
    this.#unanswered.clear()
    this.#refused.clear()
    this.#leaving?.(false)
  }

  #noteEnd(): void {
    this.#cuts = this.#isTold || this.#unanswered.size === 0 ? 0 : this.#cuts + 1
    if (this.#cuts < CUTS_MAX) return
    this.#cuts = 0
    this.#silentUntil = this.#parts.clock.mono() + SILENT_MS
  }

  get #isSilent(): boolean {
    return this.#parts.clock.mono() < this.#silentUntil
  }

  /** Says what has changed since the last look. */
  look(): void {
    if (!this.#session || this.#leaving) return
    const { state, info, devices, health, availability } = this.#topics
    const { content } = this.#parts
    if (state !== undefined) this.#say(state, ONLINE)
    if (devices !== undefined) this.#say(devices, this.#devices)
    if (info !== undefined) this.#say(info, this.#info)
    if (availability !== undefined) {
      for (const { device, text } of content.availability()) {
        if (this.#wanted?.has(device) ?? true) this.#say(topicFor(availability, device), text)
      }
    }
    if (health !== undefined) this.#lookAtHealth(health)
  }

  /** Says that the gateway leaves on purpose; gives whether the server has taken it within `waitMaxMs`. */
  async leave(waitMaxMs: number): Promise<boolean> {
    const { state } = this.#topics
    if (state === undefined) return true
    if (!this.#say(state, OFFLINE)) return false
    const waiting = new AbortController()
    const taken = new Promise<boolean>((resolve) => {
      this.#leaving = resolve
    })
    const late = this.#parts.clock.wait(waitMaxMs, waiting.signal).then(() => false)
    const isTaken = await Promise.race([taken, late])
    waiting.abort()
    this.#leaving = undefined
    return isTaken
  }

  /** What became of a message, for good. */
  answered({ topic, payload }: Message, fate: Fate): void {
    // Others than the newest of a topic do not count.
    if (this.#said.get(topic) !== payload) return
    this.#unanswered.delete(topic)
    if (this.#unanswered.size === 0) this.#isTold = true
    if (fate.fate === 'accepted') this.#refused.delete(topic)
    else this.#refused.set(topic, { reason: fate.reason, at: this.#parts.clock.mono() })
    if (topic === this.#topics.state && payload === OFFLINE) this.#leaving?.(fate.fate === 'accepted')
  }

  /** Topics the server takes nothing on: nothing that keeps records from being sent. */
  get shortfall(): Shortfall | undefined {
    if (this.#isSilent) {
      return {
        reason: 'surface_withheld',
        detail: `${CUTS_MAX} sessions in a row ended before the broker took what the gateway tells of itself: it is left out for an hour`,
        hint: 'the broker seems to end the connection over it: allow the gateway to publish these topics, or set "surface: false"; records are not affected',
      }
    }
    const [first] = this.#refused
    if (!first) return undefined
    const topics = [...this.#refused.keys()]
    const more = topics.length - REFUSED_NAMED_MAX
    const named = topics.slice(0, REFUSED_NAMED_MAX).join(', ')
    return {
      reason: 'surface_refused',
      detail: `the broker does not take what the gateway tells of itself on ${named}${more > 0 ? ` and ${more} more` : ''}: ${first[1].reason}`,
      hint: 'allow the gateway to publish there, or switch it off under "surface" of the uplink; records are not affected',
    }
  }

  #lookAtHealth({ topic, everyMs }: NonNullable<SurfaceSettings['health']>): void {
    const ageMs = this.#parts.clock.mono() - this.#healthAt
    if (ageMs < Math.min(HEALTH_GAP_MS, everyMs)) return
    const verdicts = this.#parts.content.verdicts()
    if (ageMs < everyMs && verdicts === this.#verdicts) return
    this.#verdicts = verdicts
    this.#healthAt = this.#parts.clock.mono()
    this.#say(topic, this.#parts.content.health())
  }

  /** True: it is on its way. */
  #say(topic: string, payload: string): boolean {
    if (!this.#session || this.#isHopeless(topic) || this.#said.get(topic) === payload) return false
    this.#said.set(topic, payload)
    this.#unanswered.add(topic)
    this.#parts.publish({ topic, payload, retain: this.#session.retain })
    return true
  }

  /** Was it refused lately? When that is long enough ago it is tried once more. */
  #isHopeless(topic: string): boolean {
    const refused = this.#refused.get(topic)
    if (!refused) return false
    if (this.#parts.clock.mono() - refused.at < RETRY_MS) return true
    this.#refused.set(topic, { ...refused, at: this.#parts.clock.mono() })
    this.#said.delete(topic)
    return false
  }
}

function topicFor(template: string, device: string): string {
  return template.replaceAll('{device}', () => topicLevel(device))
}

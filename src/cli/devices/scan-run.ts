/** The scan itself: stage after stage, batch after batch, until it is over or somebody has had enough. */
import type { Profile } from '../../config/profile-file.ts'
import type { RawOrder, RawQuestion, RawReply } from '../../device-api.ts'
import type { LineSettings } from '../../settings.ts'
import { type Match, matches } from './scan-match.ts'
import type { Stage, Step } from './scan-order.ts'
import type { Target } from './source.ts'

/** A unit that answers. */
export interface Found {
  readonly unitId: number
  /** Absent: that of the connection. */
  readonly line?: LineSettings
  readonly tookMs: number
  /** `ok`, or the code of the refusal, of a read of the first registers. */
  readonly holding: string
  readonly input: string
  /** Texts it tells about itself, by object id (function 43/14). */
  readonly texts: Readonly<Record<number, string>>
  readonly match?: Match
}

export interface ScanResult {
  readonly found: readonly Found[]
  /** Units at which a reply came damaged: other line settings, or two devices with one address. */
  readonly damaged: readonly Step[]
  readonly asked: number
  readonly of: number
  /** Cut short. */
  readonly stopped: boolean
}

export interface ScanOptions {
  readonly timeoutMs: number
  readonly profiles: readonly Profile[]
  readonly signal: AbortSignal
  readonly onProgress: (asked: number, of: number, state: { readonly title: string; readonly found: number }) => void
}

/** The connection is held for so long at a time where its line settings are changed. */
const BATCH_MS = 2000

export class Scan {
  readonly #target: Target
  readonly #options: ScanOptions
  readonly #found: Found[] = []
  readonly #damaged: Step[] = []

  constructor(target: Target, options: ScanOptions) {
    this.#target = target
    this.#options = options
  }

  async run(stages: readonly Stage[]): Promise<ScanResult> {
    const { signal, onProgress } = this.#options
    let asked = 0
    let of = stages.reduce((sum, { steps, lastResort }) => sum + (lastResort ? 0 : steps.length), 0)
    try {
      for (const { title, steps, lastResort } of stages) {
        if (lastResort && this.#found.length > 0) break
        if (lastResort) of += steps.length
        for (const batch of this.#batches(steps)) {
          onProgress(asked, of, { title, found: this.#found.length })
          await this.#askBatch(batch)
          asked += batch.length
        }
      }
    } catch (error) {
      // Who has had enough hangs up in the middle of an answer.
      if (!signal.aborted) throw error
    }
    return { found: this.#found, damaged: this.#damaged, asked, of, stopped: signal.aborted }
  }

  get #batchSize(): number {
    return Math.max(1, Math.floor(BATCH_MS / this.#options.timeoutMs))
  }

  #batches(steps: readonly Step[]): Step[][] {
    const size = this.#batchSize
    return Array.from({ length: Math.ceil(steps.length / size) }, (_, index) =>
      steps.slice(index * size, (index + 1) * size),
    )
  }

  /** All of a batch have one line. */
  async #askBatch(steps: readonly Step[]): Promise<void> {
    const questions = steps.flatMap((step) => questionsFor(step))
    const replies = await this.#ask(questions, steps[0]?.line)
    for (const step of steps) {
      const own = replies.filter((_, index) => questions[index]?.unitId === step.unitId)
      if (own.some(isPresent)) this.#found.push(await this.#describe(step))
      else if (own.some(isDamaged)) this.#damaged.push(step)
    }
  }

  /** Who is it? */
  async #describe({ unitId, line }: Step): Promise<Found> {
    const ask = remembering((questions) => this.#ask(questions, line))
    const [holding, input, identity] = await ask([
      first(unitId, 'holding'),
      first(unitId, 'input'),
      { unitId, identify: true },
    ])
    if (!holding || !input || !identity) throw new Error('every question has its reply')
    const unit = { unitId, ask: (order: RawOrder) => ask(order.questions) }
    const [best] = await matches(unit, this.#options.profiles)
    return {
      unitId,
      tookMs: Math.min(...[holding, input].map((reply) => tookMsOf(reply))),
      holding: codeOf(holding),
      input: codeOf(input),
      texts: identity.ok && 'texts' in identity ? identity.texts : {},
      ...(line ? { line } : {}),
      ...(best ? { match: best } : {}),
    }
  }

  async #ask(questions: readonly RawQuestion[], line: LineSettings | undefined): Promise<readonly RawReply[]> {
    const { timeoutMs, signal } = this.#options
    const size = this.#batchSize
    const replies: RawReply[] = []
    for (let from = 0; from < questions.length; from += size) {
      const order = { questions: questions.slice(from, from + size), timeoutMs, ...(line ? { line } : {}) }
      replies.push(...(await this.#target.tools.ask(this.#target.connection.name, order, signal)))
    }
    return replies
  }
}

type Ask = (questions: readonly RawQuestion[]) => Promise<readonly RawReply[]>

/** The profiles of one maker ask for the same registers; the second time costs nothing. */
function remembering(ask: Ask): Ask {
  const known = new Map<string, RawReply>()
  return async (questions) => {
    const fresh = questions.filter((question) => !known.has(JSON.stringify(question)))
    const replies = fresh.length === 0 ? [] : await ask(fresh)
    fresh.forEach((question, index) => {
      known.set(JSON.stringify(question), replies[index] ?? { ok: false, code: 'io' })
    })
    return questions.map((question) => known.get(JSON.stringify(question)) ?? { ok: false, code: 'io' })
  }
}

function questionsFor({ unitId, known }: Step): RawQuestion[] {
  return known ? [first(unitId, 'holding'), first(unitId, 'input')] : [first(unitId, 'holding')]
}

/** Two registers: some devices refuse an odd number. */
function first(unitId: number, register: 'holding' | 'input'): RawQuestion {
  return { unitId, register, address: 0, count: 2 }
}

/** A refusal is an answer, too; but not that of a gateway which says that nobody is there (exceptions 10 and 11). */
function isPresent(reply: RawReply): boolean {
  return reply.ok || /^exception_[1-9]$/.test(reply.code)
}

function isDamaged(reply: RawReply): boolean {
  return !reply.ok && ['crc', 'short_reply', 'noise'].includes(reply.code)
}

function codeOf(reply: RawReply): string {
  return reply.ok ? 'ok' : reply.code
}

function tookMsOf(reply: RawReply): number {
  const took = 'tookMs' in reply ? reply.tookMs : undefined
  return isPresent(reply) && took !== undefined ? took : Number.POSITIVE_INFINITY
}

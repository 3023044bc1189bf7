/** The scan itself: stage after stage, batch after batch, until it is over or somebody has had enough. */
import type { Profile } from '../../config/profile-file.ts'
import type { RawOrder, RawQuestion, RawReply } from '../../device-api.ts'
import { describeLine } from '../../drivers/line.ts'
import { GatewayError } from '../../errors.ts'
import type { LineSettings } from '../../settings.ts'
import { type Match, matches } from './scan-match.ts'
import type { Stage, Step } from './scan-order.ts'
import type { Target } from './source.ts'

/** Something came from a unit, and it was no sound reply: by which code, the last time it was asked. */
export interface Odd extends Step {
  readonly code: string
}

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
  /** Units at which something came that was no sound reply, however often they were asked. */
  readonly damaged: readonly Odd[]
  readonly asked: number
  readonly of: number
  /** Cut short. */
  readonly stopped: boolean
  /** Why it could not go on. */
  readonly problem?: GatewayError
}

export interface ScanOptions {
  readonly timeoutMs: number
  readonly profiles: readonly Profile[]
  readonly signal: AbortSignal
  readonly onProgress: (asked: number, of: number, state: { readonly title: string; readonly found: number }) => void
}

/** A unit that gave no sound reply is asked so often in all. */
const TRIES = 3
/** On a line where everything is disturbed, asking again leads nowhere. */
const REPEATS_MAX = 64
/** Of whoever was silent just before a reply of somebody else came, it may be the late one: they are waited for longer. */
const LATE_SUSPECTS = 4
const LATE_FACTOR = 4
const LATE_MS_MAX = 10_000

/** The connection is held for so long at a time where its line settings are changed. */
const BATCH_MS = 2000

export class Scan {
  readonly #target: Target
  readonly #options: ScanOptions
  readonly #found: Found[] = []
  readonly #damaged: Odd[] = []
  /** Not a word so far, and asked once only. */
  readonly #silent: Step[] = []
  /** A reply was lost or came late: the silence of others proves little. */
  #disturbed = false
  #repeats = 0

  constructor(target: Target, options: ScanOptions) {
    this.#target = target
    this.#options = options
  }

  /** What was found until it could not go on is given all the same, with the problem. */
  async run(stages: readonly Stage[]): Promise<ScanResult> {
    const { signal, onProgress } = this.#options
    let [asked, of] = [0, stages.reduce((sum, { steps, lastResort }) => sum + (lastResort ? 0 : steps.length), 0)]
    let problem: GatewayError | undefined
    const askStage = async ({ title, steps }: Pick<Stage, 'title' | 'steps'>) => {
      for (const batch of this.#batches(steps)) {
        onProgress(asked, of, { title, found: this.#found.length })
        await this.#askBatch(batch)
        asked += batch.length
      }
    }
    try {
      for (const stage of stages) {
        if (stage.lastResort && this.#found.length > 0) break
        if (stage.lastResort) of += stage.steps.length
        await askStage(stage)
      }
      if (this.#disturbed) {
        const again = this.#silent.filter((step) => !this.#isFound(step))
        of += again.length
        for (const steps of byLine(again)) await askStage({ title: 'the silent ones again', steps })
      }
    } catch (error) {
      // Who has had enough hangs up in the middle of an answer.
      if (!signal.aborted) {
        if (!(error instanceof GatewayError)) throw error
        problem = error
      }
    }
    const result = { found: this.#found, damaged: this.#damaged, asked, of, stopped: signal.aborted }
    return problem === undefined ? result : { ...result, problem }
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
    const said = steps.map((step) => ({
      step,
      replies: replies.filter((_, index) => questions[index]?.unitId === step.unitId),
    }))
    try {
      for (const one of said) await this.#takeFirst(one.step, one.replies)
    } catch (error) {
      // Who was heard is there, even if nobody can ask any more who it is.
      for (const { step, replies } of said) if (replies.some(isPresent)) this.#add(bareFound(step, replies))
      throw error
    }
  }

  async #takeFirst(step: Step, replies: readonly RawReply[]): Promise<void> {
    await this.#take(step, { replies, triesLeft: TRIES - 1 })
    if (!replies.some(isForeign)) return
    // Whose reply was it? Somebody's who is slower than he was given time for.
    const suspects = this.#silent.filter((other) => !this.#isFound(other) && isSameLine(other, step))
    for (const suspect of suspects.slice(-LATE_SUSPECTS)) await this.#askAgain(suspect, { triesLeft: 1, late: true })
  }

  /** What a unit said, asked once more where that was nothing sound; before it counts as absent. */
  async #take(
    step: Step,
    { replies, triesLeft }: { readonly replies: readonly RawReply[]; readonly triesLeft: number },
  ): Promise<void> {
    if (this.#isFound(step)) return
    if (replies.some(isPresent)) {
      this.#add(await this.#describe(step))
      return
    }
    const odd = replies.find(isOdd)
    if (odd) this.#disturbed = true
    else if (!this.#silent.some((other) => isSameStep(other, step))) this.#silent.push(step)
    const isLikely = step.known && triesLeft === TRIES - 1
    if (triesLeft > 0 && (odd || isLikely)) await this.#askAgain(step, { triesLeft, late: odd !== undefined })
    if (odd) this.#note(step, odd)
  }

  /** `late`: its reply may be slower than it was given time for. */
  async #askAgain(
    step: Step,
    { triesLeft, late }: { readonly triesLeft: number; readonly late: boolean },
  ): Promise<void> {
    if (this.#repeats >= REPEATS_MAX) return
    this.#repeats += 1
    const { timeoutMs } = this.#options
    const patience = late ? { timeoutMs: Math.min(LATE_MS_MAX, timeoutMs * LATE_FACTOR) } : {}
    const replies = await this.#ask(questionsFor(step), step.line, patience)
    await this.#take(step, { replies, triesLeft: triesLeft - 1 })
  }

  #add(found: Found): void {
    if (!this.#isFound(found)) this.#found.push(found)
  }

  #isFound(step: Pick<Step, 'unitId' | 'line'>): boolean {
    return this.#found.some((found) => isSameStep(found, step))
  }

  #note(step: Step, reply: RawReply): void {
    if (this.#isFound(step) || this.#damaged.some((other) => isSameStep(other, step))) return
    this.#damaged.push({ ...step, code: codeOf(reply) })
  }

  /** Who is it? */
  async #describe(step: Step): Promise<Found> {
    const { unitId, line } = step
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
      ...bareFound(step, [holding, input]),
      texts: identity.ok && 'texts' in identity ? identity.texts : {},
      ...(best ? { match: best } : {}),
    }
  }

  async #ask(
    questions: readonly RawQuestion[],
    line: LineSettings | undefined,
    { timeoutMs = this.#options.timeoutMs } = {},
  ): Promise<readonly RawReply[]> {
    const { signal } = this.#options
    const size = this.#batchSize
    const replies: RawReply[] = []
    for (let from = 0; from < questions.length; from += size) {
      const order = { questions: questions.slice(from, from + size), timeoutMs, ...(line ? { line } : {}) }
      replies.push(...(await this.#target.tools.ask(this.#target.connection.name, order, signal)))
    }
    return replies
  }
}

/** What replies of its first registers say: holding, and perhaps input. */
function bareFound({ unitId, line }: Pick<Step, 'unitId' | 'line'>, replies: readonly RawReply[]): Found {
  const [holding, input] = replies
  return {
    unitId,
    tookMs: Math.min(...replies.map((reply) => tookMsOf(reply))),
    holding: holding ? codeOf(holding) : 'io',
    input: input ? codeOf(input) : 'io',
    texts: {},
    ...(line ? { line } : {}),
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

/** Something came, and it was no sound reply; or the connection broke under the question. */
function isOdd(reply: RawReply): boolean {
  return !reply.ok && ['crc', 'short_reply', 'noise', 'foreign_reply', 'io'].includes(reply.code)
}

function isForeign(reply: RawReply): boolean {
  return !reply.ok && reply.code === 'foreign_reply'
}

function isSameStep(a: Pick<Step, 'unitId' | 'line'>, b: Pick<Step, 'unitId' | 'line'>): boolean {
  return a.unitId === b.unitId && isSameLine(a, b)
}

function isSameLine(a: Pick<Step, 'line'>, b: Pick<Step, 'line'>): boolean {
  return (a.line && describeLine(a.line)) === (b.line && describeLine(b.line))
}

/** A batch has one line. */
function byLine(steps: readonly Step[]): Step[][] {
  return [...Map.groupBy(steps, ({ line }) => line && describeLine(line)).values()]
}

function codeOf(reply: RawReply): string {
  return reply.ok ? 'ok' : reply.code
}

function tookMsOf(reply: RawReply): number {
  const took = 'tookMs' in reply ? reply.tookMs : undefined
  return isPresent(reply) && took !== undefined ? took : Number.POSITIVE_INFINITY
}

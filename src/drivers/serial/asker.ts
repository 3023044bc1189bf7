import type { Clock } from '../../clock.ts'
import type { Sample } from '../../model.ts'
import type { DeviceSettings } from '../../settings.ts'
import { notWanted } from '../driver.ts'
import { type Answer, answerOf } from './answer.ts'
import type { Format } from './messages.ts'
import { LATE_TIMEOUTS_MAX, type Owed, settled, stillOwed } from './owed.ts'

/** The line of one opening, as far as asking needs it. */
export interface Line {
  write(bytes: Uint8Array): void
  /** Waits until nothing is being said, but not for ever. */
  silence(): Promise<void>
  /** A message has begun that has not ended. */
  readonly isBegun: boolean
  /** Bytes of a message are coming in. */
  readonly isFlowing: boolean
  readonly isLost: boolean
}

export interface AskerOptions<State, Message> {
  readonly format: Format<State, Message>
  readonly clock: Clock
  readonly timeoutMs: number
  readonly requestGapMs: number
  /** Time of one character on the line. */
  readonly byteMs: number
  /** Somebody on the line speaks by himself: a message that has begun need not be an answer. */
  readonly othersSpeak: boolean
}

/** A question that is open. */
interface Question {
  readonly owed: Owed
  readonly request: Uint8Array
  readonly answers: (readonly Sample[])[]
  readonly codes: Set<string>
  isDoubtful: boolean
  /** Whose late answers came meanwhile: it may be said twice. */
  readonly late: Set<DeviceSettings>
  /** From the question to the first answer. */
  tookMs: number | undefined
  /** The time is over, but a message that had begun may end. */
  isOverdue: boolean
  finish(): void
}

/** An answer that has begun may be this long: the longest line, the longest frame. */
const ANSWER_BYTES_MAX = 1_024
/** So much of the usual time of a device is its last one. */
const LATENCY_WEIGHT = 0.2

/**
 * Asks the devices of a line, one question at a time. An answer does not say which question it belongs to; so before a
 * question the line must be silent, and an answer that could be taken for the next one must have come or be lost
 * (`owed.ts`). What is owed outlives an opening: the device does not know of it.
 */
export class Asker<State, Message> {
  /** Usual time to the answer, by device. */
  readonly latencyMs = new Map<string, number>()
  readonly #options: AskerOptions<State, Message>
  #question: Question | undefined
  /** What was said last without a question, until it came back. */
  #said: Uint8Array | undefined
  #owed: readonly Owed[] = []
  /** Of what is owed: answers that a device may give to a text. */
  readonly #texts = new WeakSet<Owed>()
  #lastEndAt = Number.NEGATIVE_INFINITY
  /** Ends the wait for what is owed. */
  #change = new AbortController()

  constructor(options: AskerOptions<State, Message>) {
    this.#options = options
  }

  /** The samples of the device's message, or why there are none; undefined when the line was lost before an end. */
  async ask(line: Line, device: DeviceSettings, request: Uint8Array): Promise<Answer | undefined> {
    await this.#untilOwedHasCome(line, device)
    await line.silence()
    if (line.isLost) return undefined
    this.#said = undefined
    const owed = { device, askedAt: this.#options.clock.mono() }
    this.#owed = [...this.#owed, owed]
    const question = await this.#hear(owed, { line, request })
    this.#lastEndAt = this.#options.clock.mono()
    if (line.isLost) return undefined
    if (line.isBegun && !this.#options.othersSpeak) question.codes.add('short_reply')
    const answer = answerOf(question)
    if (answer.code === undefined) {
      this.#owed = this.#owed.filter((one) => one !== owed)
      const usualMs = this.latencyMs.get(device.name) ?? question.tookMs ?? 0
      this.latencyMs.set(device.name, usualMs + ((question.tookMs ?? 0) - usualMs) * LATENCY_WEIGHT)
    }
    return answer
  }

  /**
   * Says something, and waits for no answer. False: nothing was said, the line was lost before. When it is lost later, nobody
   * knows how much went out. `isWanted` is asked right before the first byte: no, and it rejects.
   */
  async say(
    line: Line,
    device: DeviceSettings,
    order: { readonly text: Uint8Array; readonly isWanted?: (() => boolean) | undefined },
  ): Promise<boolean> {
    const { text, isWanted } = order
    const { byteMs, clock } = this.#options
    // What is owed to another text is no answer that matters.
    await this.#untilOwedHasCome(line, device, (owed) => !this.#texts.has(owed))
    await line.silence()
    if (line.isLost) return false
    if (isWanted?.() === false) throw notWanted()
    this.#said = text
    // What the device may say to it must not be taken for the answer to the next question.
    const owed = { device, askedAt: clock.mono() }
    this.#texts.add(owed)
    this.#owed = [...this.#owed, owed]
    line.write(text)
    const outAt = clock.mono() + Math.ceil(text.length * byteMs)
    while (!line.isLost && clock.mono() < outAt) await clock.wait(outAt - clock.mono(), this.#change.signal)
    this.#lastEndAt = clock.mono()
    return true
  }

  /** The device that is being asked. */
  get asked(): DeviceSettings | undefined {
    return this.#question?.owed.device
  }

  /** Is the message the question itself, or what was said last, brought back by the line or the device? */
  isEcho(message: Message): boolean {
    const { format } = this.#options
    if (this.#question !== undefined && format.isEcho(message, this.#question.request)) return true
    if (this.#said === undefined || !format.isEcho(message, this.#said)) return false
    this.#said = undefined
    return true
  }

  /**
   * A message of one of these devices, which all have a request. late: the answer to a former question. unasked: nobody
   * asked for it. Their time is not known, so they are no readings.
   */
  take(message: Message, possible: readonly DeviceSettings[]): 'answer' | 'late' | 'unasked' {
    const question = this.#question
    const former = this.#owed.filter((owed) => owed !== question?.owed)
    const isLate = former.some((owed) => possible.includes(owed.device))
    if (question && possible.includes(question.owed.device)) {
      const { device, askedAt } = question.owed
      question.tookMs ??= this.#options.clock.mono() - askedAt
      question.answers.push(this.#options.format.read(device, message) ?? [])
      question.isDoubtful ||= isLate || possible.some((one) => question.late.has(one))
      if (!isLate) return 'answer'
    }
    question?.codes.add('foreign_reply')
    if (!isLate) return 'unasked'
    for (const one of possible) question?.late.add(one)
    const rest = settled(former, possible)
    this.#owed = question ? [...rest, question.owed] : rest
    this.#changed()
    return 'late'
  }

  /** Something else came that tells why there may be no answer. */
  note(code: string): void {
    this.#question?.codes.add(code)
  }

  /** The line fell silent: one answer, and no other behind it. */
  onQuiet(): void {
    const question = this.#question
    if (question && (question.answers.length > 0 || question.isOverdue)) question.finish()
  }

  /** The line is lost. */
  end(): void {
    this.#question?.finish()
    this.#changed()
  }

  async #untilOwedHasCome(
    line: Line,
    device: DeviceSettings,
    matters: (owed: Owed) => boolean = () => true,
  ): Promise<void> {
    const { clock, format, timeoutMs, requestGapMs } = this.#options
    while (!line.isLost) {
      const now = clock.mono()
      this.#owed = stillOwed(this.#owed, { now, timeoutMs })
      const rivals = this.#owed.filter(
        (owed) => matters(owed) && (owed.device === device || format.mistakable(owed.device, device)),
      )
      const lostAt = Math.max(...rivals.map(({ askedAt }) => askedAt + LATE_TIMEOUTS_MAX * timeoutMs))
      const waitMs = Math.max(lostAt, this.#lastEndAt + requestGapMs) - now
      if (!(waitMs > 0)) return
      await clock.wait(waitMs, this.#change.signal)
    }
  }

  /** Sends the question and hears what comes, until it is answered and the line is silent, or the time is over. */
  #hear(owed: Owed, { line, request }: { readonly line: Line; readonly request: Uint8Array }): Promise<Question> {
    const { byteMs, clock, timeoutMs } = this.#options
    const over = new AbortController()
    return new Promise((resolve) => {
      const question: Question = {
        owed,
        request,
        answers: [],
        codes: new Set(),
        isDoubtful: false,
        late: new Set(),
        tookMs: undefined,
        isOverdue: false,
        finish: () => {
          over.abort()
          this.#question = undefined
          resolve(question)
        },
      }
      const endAfter = async (ms: number) => {
        await clock.wait(Math.ceil(ms), over.signal)
        if (over.signal.aborted) return
        if (question.isOverdue || !line.isFlowing) {
          question.finish()
          return
        }
        question.isOverdue = true
        await endAfter(ANSWER_BYTES_MAX * byteMs)
      }
      this.#question = question
      line.write(request)
      void endAfter(timeoutMs + request.length * byteMs)
    })
  }

  #changed(): void {
    this.#change.abort()
    this.#change = new AbortController()
  }
}

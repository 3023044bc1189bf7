import { systemClock } from '../../clock.ts'
import { MqttTransport } from '../../uplink/mqtt/mqtt.ts'
import type { Finding, ServerTerms } from '../../uplink/mqtt/opening/phase.ts'
import {
  type Closed,
  ConnectError,
  type Fate,
  type Message,
  type Session,
  type Shortfall,
  STOPPED,
} from '../../uplink/transport.ts'
import type { MqttSettings } from '../../uplink-settings.ts'
import { formatDuration, formatSize } from '../format.ts'
import { type Certificate, detailOf } from './details.ts'
import type { Failure } from './meaning.ts'
import { type Step, type StepName, Stopwatch } from './steps.ts'

const INTERRUPTED: Shortfall = { reason: 'interrupted', detail: 'ended from outside before the broker had answered' }

function unanswered(afterMs: number): Shortfall {
  return { reason: 'ack_timeout', detail: `the broker did not answer the message within ${formatDuration(afterMs)}` }
}

/** One connection, from the first byte to the last, and what was seen on the way. */
export class Attempt {
  readonly #settings: MqttSettings
  readonly #stopwatch = new Stopwatch(() => systemClock.precise())
  readonly details: Partial<Record<StepName, string>> = {}
  readonly failures: Failure[] = []
  readonly remarks: string[] = []
  /** The broker took the message and said that nobody is subscribed. */
  unheard = false
  terms: ServerTerms | undefined
  certificate: Certificate | undefined
  #step: StepName = 'dns'
  #closed: Closed | undefined
  #onClosed: (closed: Closed) => void = () => {}

  constructor(settings: MqttSettings) {
    this.#settings = settings
  }

  get steps(): readonly Step[] {
    return this.#stopwatch.steps
  }

  async run(message: Message, signal: AbortSignal): Promise<void> {
    const session = await this.#connect(signal)
    if (!session) return
    for (const shortfall of session.shortfalls) this.#missing(shortfall)
    await this.#publish(session, message, signal)
    await session.close(STOPPED)
  }

  async #connect(signal: AbortSignal): Promise<Session | undefined> {
    const transport = new MqttTransport(this.#settings, {
      onPhase: (phase, peer) => this.#begin(phase, peer),
      onFinding: (finding) => this.#find(finding),
    })
    const onClosed = (closed: Closed) => {
      this.#closed = closed
      this.#onClosed(closed)
    }
    try {
      // Messages to the gateway that come here are neither confirmed nor looked at: they stay its own.
      return await transport.connect({ onDelivery: () => {}, onClosed }, signal)
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error
      this.#fail(this.#step, error.closed)
      return undefined
    } finally {
      this.#stopwatch.end()
    }
  }

  async #publish(session: Session, message: Message, signal: AbortSignal): Promise<void> {
    this.#begin('puback', '')
    const answer = await this.#answerTo(session, message, signal)
    this.#stopwatch.end()
    if ('fate' in answer) this.#judge(answer, message)
    else this.#fail('puback', answer)
  }

  /** The broker's answer, or why there is none. */
  #answerTo(session: Session, message: Message, signal: AbortSignal): Promise<Fate | Shortfall> {
    const { ackTimeoutMs } = this.#settings
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(unanswered(ackTimeoutMs)), ackTimeoutMs)
      const settle = (answer: Fate | Shortfall) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
        resolve(answer)
      }
      const giveUp = () => settle(INTERRUPTED)
      this.#onClosed = settle
      if (this.#closed) settle(this.#closed)
      else if (signal.aborted) giveUp()
      else {
        signal.addEventListener('abort', giveUp, { once: true })
        session.publish(message, settle)
      }
    })
  }

  /** No commands: that is bad. What else a broker cannot do is told, and records go. */
  #missing(shortfall: Shortfall): void {
    if (shortfall.reason.startsWith('subscribe')) this.#fail('suback', shortfall)
    else this.remarks.push(`${sentence(shortfall.detail)}${shortfall.hint ? ` ${sentence(shortfall.hint)}` : ''}`)
  }

  #judge(fate: Fate, message: Message): void {
    switch (fate.fate) {
      case 'accepted':
        this.details.puback = `${message.topic}, ${formatSize(Buffer.byteLength(message.payload))}`
        this.unheard = fate.unheard ?? false
        return
      case 'rejected':
        this.#fail('puback', { reason: 'rejected', detail: `${message.topic}: ${fate.reason}` })
        return
      case 'kept':
        this.#fail('puback', {
          reason: 'kept',
          detail: `${message.topic}: ${fate.reason}`,
          ...(fate.hint === undefined ? {} : { hint: fate.hint }),
        })
    }
  }

  #begin(step: StepName, peer: string): void {
    this.#step = step
    this.#stopwatch.begin(step)
    if (step === 'suback') this.details.suback = this.#settings.commands?.subscribe ?? ''
    else if (peer !== '') this.details[step] = peer
  }

  #find(finding: Finding): void {
    const { step, text } = detailOf(finding)
    this.details[step] = text
    if (finding.what === 'connack') this.terms = finding.terms
    if (finding.what === 'tls') this.certificate = finding.certificate
  }

  #fail(step: StepName, { reason, detail, hint }: Shortfall): void {
    this.failures.push({ step, code: reason, message: detail, ...(hint === undefined ? {} : { hint }) })
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

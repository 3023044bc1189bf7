import type { Clock } from '../../clock.ts'
import type { Sample } from '../../model.ts'
import type { DeviceSettings, PointSettings, SerialBinarySettings, SerialTextSettings } from '../../settings.ts'
import {
  type Driver,
  type DriverCounters,
  LinkError,
  type ListenHandlers,
  type PlannedRead,
  WriteError,
} from '../driver.ts'
import { byteMsOf } from '../line.ts'
import type { OpenPort, Port } from '../port/port.ts'
import { Asker, type Line } from './asker.ts'
import type { Cut, Format } from './messages.ts'
import { MessageStream } from './stream.ts'

export interface SerialWire<State, Message> {
  readonly openPort: OpenPort
  readonly format: Format<State, Message>
  readonly clock: Clock
}

/** One opening: nothing of it is used again after it was lost. */
interface Session<State, Message> {
  readonly port: Port
  readonly stream: MessageStream<State, Message>
  readonly line: Line
  lost: LinkError | undefined
}

/**
 * Instruments on a serial line: those that speak by themselves, and those with a `request`, which are asked. The first
 * device that a message fits gets it, those that speak by themselves before the others.
 */
export class SerialDriver<State, Message> implements Driver {
  onLost?: (error: LinkError) => void
  onNotUnderstood?: (code: string, text: string) => void
  /** Only for text. */
  readonly send?: (device: DeviceSettings, text: string, isWanted?: () => boolean) => Promise<void>
  /** Only where a device speaks by itself. */
  readonly listen?: (handlers: ListenHandlers) => void
  readonly #settings: SerialTextSettings | SerialBinarySettings
  readonly #wire: SerialWire<State, Message>
  readonly #speaking: readonly DeviceSettings[]
  readonly #silent: readonly DeviceSettings[]
  readonly #asker: Asker<State, Message>
  readonly #counters = { exchanges: 0, failures: 0, troubles: new Map<string, number>() }
  #handlers: ListenHandlers | undefined
  #session: Session<State, Message> | undefined
  #opening: AbortController | undefined

  constructor(settings: SerialTextSettings | SerialBinarySettings, wire: SerialWire<State, Message>) {
    this.#settings = settings
    this.#wire = wire
    this.#speaking = settings.devices.filter((device) => !device.request)
    this.#silent = settings.devices.filter((device) => device.request)
    const { timeoutMs, requestGapMs } = settings
    const othersSpeak = this.#speaking.length > 0
    this.#asker = new Asker({ ...wire, timeoutMs, requestGapMs, byteMs: byteMsOf(settings.line), othersSpeak })
    if (settings.type === 'serial-text') this.send = (...order) => this.#send(...order)
    if (this.#speaking.length > 0) {
      this.listen = (handlers) => {
        this.#handlers = handlers
      }
    }
  }

  async open(): Promise<void> {
    const opening = new AbortController()
    this.#opening = opening
    const { clock, openPort } = this.#wire
    let session: Session<State, Message> | undefined
    let gone: LinkError | undefined
    const onClosed = (error: LinkError) => {
      gone = error
      if (session) this.#lose(session, error)
      else opening.abort() // ends the pause after opening
    }
    const port = await openPort({ onData: (bytes) => session?.stream.receive(bytes), onClosed }, opening.signal)
    if (this.#settings.connectDelayMs > 0) await clock.wait(this.#settings.connectDelayMs, opening.signal)
    if (gone || opening.signal.aborted) {
      await port.close()
      throw gone ?? new LinkError('closed', `${this.#settings.name} was closed while opening`)
    }
    session = this.#sessionOver(port)
    this.#session = session
  }

  /** Asks the device once for all the points; what has no `request` cannot be asked. */
  async read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const session = this.#session
    if (!session) throw new LinkError('closed', `${this.#settings.name} is not open`)
    if (!device.request) return points.map((point) => ({ point: point.name, error: 'unsupported' }))
    const answer = await this.#asker.ask(session.line, device, device.request)
    this.#counters.exchanges += 1
    if (answer?.code !== undefined || session.lost) this.#counters.failures += 1
    if (!answer) throw session.lost ?? new LinkError('closed', `${this.#settings.name} was closed`)
    const { samples, code } = answer
    if (code !== undefined) {
      this.#count(`failed_${code}`)
      return points.map((point) => ({ point: point.name, error: code }))
    }
    // A group of the pattern that took no part in the match: the device answered, and not with this.
    return points.map(({ name }) => samples.find(({ point }) => point === name) ?? { point: name, error: 'invalid' })
  }

  async write(device: DeviceSettings, point: PointSettings): Promise<void> {
    const { type } = this.#settings
    throw new WriteError('unsupported', `writing ${device.name}.${point.name}: ${type} devices are only read`, {
      happened: 'no',
      retriable: false,
    })
  }

  async #send(device: DeviceSettings, text: string, isWanted?: () => boolean): Promise<void> {
    const session = this.#session
    if (!session) throw new LinkError('closed', `${this.#settings.name} is not open`)
    const bytes = Uint8Array.from(Buffer.from(text, 'latin1'))
    const wasSent = await this.#asker.say(session.line, device, { text: bytes, isWanted })
    if (!session.lost) return
    const what = wasSent ? 'was lost while a text went out' : 'was lost before a text went out'
    const { code } = session.lost
    const happened = wasSent ? 'maybe' : 'no'
    throw new WriteError(code, `${this.#settings.name} ${what}`, { happened, retriable: true })
  }

  async close(): Promise<void> {
    this.#opening?.abort()
    const session = this.#session
    if (!session) return
    this.#end(session, new LinkError('closed', `${this.#settings.name} was closed`))
    await session.port.close()
  }

  counters(): DriverCounters {
    const { exchanges, failures, troubles } = this.#counters
    const { latencyMs } = this.#asker
    return {
      exchanges,
      failures,
      troubles: Object.fromEntries(troubles),
      ...(latencyMs.size > 0 && { latencyMs: Object.fromEntries(latencyMs) }),
    }
  }

  /** All points of a device come with one message. */
  plan(device: DeviceSettings, points: readonly PointSettings[]): readonly PlannedRead[] {
    if (!device.request || points.length === 0) return []
    const names = points.map((point) => point.name)
    const wireMs = Math.ceil(this.#asker.latencyMs.get(device.name) ?? 0)
    return [{ range: 'one message', count: 1, points: names, wireMs }]
  }

  #sessionOver(port: Port): Session<State, Message> {
    const { clock, format } = this.#wire
    const onCut = (cut: Cut<State, Message>, isQuiet: boolean) => this.#onCut(cut, isQuiet)
    const stream = new MessageStream({ format, clock, byteMs: byteMsOf(this.#settings.line), onCut })
    const session: Session<State, Message> = {
      port,
      stream,
      lost: undefined,
      line: {
        write: (bytes) => port.write(bytes),
        silence: () => stream.silence(),
        get isBegun() {
          return stream.isBegun
        },
        get isFlowing() {
          return stream.isFlowing
        },
        get isLost() {
          return session.lost !== undefined
        },
      },
    }
    return session
  }

  #onCut(cut: Cut<State, Message>, isQuiet: boolean): void {
    for (const message of cut.messages) this.#onMessage(message)
    for (const trouble of cut.troubles) this.#onTrouble(trouble)
    if (isQuiet) this.#asker.onQuiet()
  }

  #onMessage(message: Message): void {
    const { format } = this.#wire
    if (this.#asker.isEcho(message)) {
      this.#count('echo')
      return
    }
    for (const device of this.#speaking) {
      const samples = format.read(device, message)
      if (!samples) continue
      this.#counters.exchanges += 1
      const { asked } = this.#asker
      if (asked && format.read(asked, message)) this.#asker.note('foreign_reply')
      this.#handlers?.onReading(device.name, samples)
      return
    }
    const possible = this.#silent.filter((device) => format.read(device, message) !== undefined)
    if (possible.length === 0) {
      this.#onTrouble('pattern', format.show(message))
      return
    }
    const taken = this.#asker.take(message, possible)
    if (taken !== 'answer') this.#count(taken)
  }

  #onTrouble(code: string, text?: string): void {
    this.#count(code)
    if (this.#speaking.length === 0) {
      this.#asker.note(code)
      if (text !== undefined) this.onNotUnderstood?.(code, text)
      return
    }
    // Where others speak, it may have been theirs: it says nothing of the device that was asked.
    this.#counters.exchanges += 1
    this.#counters.failures += 1
    const [only, ...others] = this.#settings.devices
    this.#handlers?.onError(only && others.length === 0 ? only.name : '', code, text)
  }

  #count(code: string): void {
    const { troubles } = this.#counters
    troubles.set(code, (troubles.get(code) ?? 0) + 1)
  }

  #lose(session: Session<State, Message>, error: LinkError): void {
    if (this.#session !== session) return
    this.#end(session, error)
    void session.port.close()
    this.onLost?.(error)
  }

  #end(session: Session<State, Message>, error: LinkError): void {
    this.#session = undefined
    session.lost = error
    session.stream.close()
    this.#asker.end()
  }
}

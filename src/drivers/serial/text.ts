import type { Sample } from '../../model.ts'
import type { DeviceSettings, PointSettings, SerialTextSettings } from '../../settings.ts'
import { type Driver, type DriverCounters, LinkError, type ListenHandlers, WriteError } from '../driver.ts'
import type { OpenPort, Port } from '../port/port.ts'
import { cutLines, inMidLine, type LineState } from './lines.ts'
import { compilePattern, type LinePattern, readLine } from './pattern.ts'

/**
 * Devices that send lines of text by themselves: scales, counters, gauges. The first device whose pattern matches a line
 * gets it; a line that none understands is reported as `pattern`, one without an end as `too_long`.
 */
export class SerialTextDriver implements Driver {
  onLost?: (error: LinkError) => void
  readonly #settings: SerialTextSettings
  readonly #openPort: OpenPort
  readonly #patterns: readonly LinePattern[]
  readonly #troubles = new Map<string, number>()
  #handlers: ListenHandlers | undefined
  #port: Port | undefined
  #opening: AbortController | undefined
  #state: LineState = inMidLine
  #lines = 0
  #failures = 0

  constructor(settings: SerialTextSettings, wire: { readonly openPort: OpenPort }) {
    this.#settings = settings
    this.#openPort = wire.openPort
    this.#patterns = settings.devices.map(compilePattern)
  }

  listen(handlers: ListenHandlers): void {
    this.#handlers = handlers
  }

  async open(): Promise<void> {
    const opening = new AbortController()
    this.#opening = opening
    this.#state = inMidLine
    let gone: LinkError | undefined
    const onClosed = (error: LinkError) => {
      gone = error
      if (this.#opening !== opening || !this.#port) return
      void this.#port.close()
      this.#port = undefined
      this.onLost?.(error)
    }
    const onData = (bytes: Uint8Array) => {
      if (this.#opening === opening && !opening.signal.aborted) this.#receive(bytes)
    }
    const port = await this.#openPort({ onData, onClosed }, opening.signal)
    if (gone || opening.signal.aborted) {
      await port.close()
      throw gone ?? new LinkError('closed', `${this.#settings.name} was closed while opening`)
    }
    this.#port = port
  }

  /** These devices cannot be asked. */
  async read(_device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    return points.map((point) => ({ point: point.name, error: 'unsupported' }))
  }

  async write(device: DeviceSettings, point: PointSettings): Promise<void> {
    throw new WriteError('unsupported', `writing ${device.name}.${point.name}: a serial-text device only sends`, {
      happened: 'no',
      retriable: false,
    })
  }

  async close(): Promise<void> {
    this.#opening?.abort()
    const port = this.#port
    this.#port = undefined
    await port?.close()
  }

  counters(): DriverCounters {
    return { exchanges: this.#lines, failures: this.#failures, troubles: Object.fromEntries(this.#troubles) }
  }

  #receive(bytes: Uint8Array): void {
    const cut = cutLines(this.#state, bytes, this.#settings.endsWith)
    this.#state = cut.state
    for (const line of cut.lines) this.#understand(line)
    for (let count = 0; count < cut.tooLong; count++) this.#misunderstood('too_long')
  }

  #understand(line: string): void {
    if (line.trim() === '') return // devices that send CR LF CR, or a blank line between blocks
    for (const pattern of this.#patterns) {
      const samples = readLine(pattern, line)
      if (!samples) continue
      this.#lines += 1
      this.#handlers?.onReading(pattern.device.name, samples)
      return
    }
    this.#misunderstood('pattern')
  }

  #misunderstood(code: string): void {
    this.#lines += 1
    this.#failures += 1
    this.#troubles.set(code, (this.#troubles.get(code) ?? 0) + 1)
    // With several devices on the line nobody knows whose line it was.
    const [only, ...others] = this.#settings.devices
    this.#handlers?.onError(only && others.length === 0 ? only.name : '', code)
  }
}

import {
  type Driver,
  type Explorer,
  LinkError,
  type ListenHandlers,
  type Suspicion,
  WriteError,
} from '../../src/drivers/driver.ts'
import type { Sample, Value } from '../../src/model.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import type { VirtualClock } from './bus-clock.ts'

/** A driver whose devices do as the test says, and that notes when it was asked what. */
export class FakeDriver implements Driver {
  onLost?: (error: LinkError) => void
  readonly calls: { readonly at: number; readonly what: string }[] = []
  readonly dead = new Set<string>()
  readonly garbled = new Set<string>()
  /** Time a read takes, by device. */
  readonly slowMs = new Map<string, number>()
  /** What a read of a device that is dead costs. */
  timeoutMs: number
  openFails: LinkError | undefined
  /** Every read leaves the connection in doubt. */
  doubtful = false
  explorer?: Explorer
  suspects: Suspicion | undefined
  /** Set by `listens`. */
  handlers: ListenHandlers | undefined
  listen?: (handlers: ListenHandlers) => void
  readonly #clock: VirtualClock
  #closed = new AbortController()

  constructor(clock: VirtualClock, timeoutMs: number) {
    this.#clock = clock
    this.timeoutMs = timeoutMs
  }

  /** Its devices speak by themselves, but for those with a request. */
  listens(): this {
    this.listen = (handlers) => {
      this.handlers = handlers
    }
    return this
  }

  suspicion(): Suspicion | undefined {
    return this.suspects
  }

  async open(): Promise<void> {
    this.#note('open')
    if (this.openFails) throw this.openFails
    this.#closed = new AbortController()
  }

  async read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    this.#note(`read ${device.name} ${points.map((point) => point.name).join(',')}`)
    const silent = this.dead.has(device.name)
    await this.#clock.wait(silent ? this.timeoutMs : (this.slowMs.get(device.name) ?? 5), this.#closed.signal)
    if (this.#closed.signal.aborted) throw new LinkError('closed', 'closed under the read')
    if (this.doubtful) {
      this.lose(new LinkError('doubt', 'what came was no reply'))
      return points.map(({ name }) => ({ point: name, error: 'noise' }))
    }
    const error = silent ? 'timeout' : this.garbled.has(device.name) ? 'crc' : undefined
    return points.map(({ name }) => (error === undefined ? { point: name, value: 1 } : { point: name, error }))
  }

  async write(device: DeviceSettings, point: PointSettings, value: Value): Promise<void> {
    this.#note(`write ${device.name}.${point.name}=${value}`)
    await this.#clock.wait(5)
    if (this.dead.has(device.name)) throw new WriteError('timeout', 'no reply', { happened: 'maybe', retriable: true })
  }

  async close(): Promise<void> {
    if (!this.#closed.signal.aborted) this.#note('close')
    this.#closed.abort()
  }

  lose(error: LinkError): void {
    this.#closed.abort()
    this.onLost?.(error)
  }

  #note(what: string): void {
    this.calls.push({ at: this.#clock.mono(), what })
  }
}

import type { Clock } from '../../clock.ts'
import type { Sample, Value } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import { type Driver, type Explorer, LinkError, notWanted, WriteError } from '../driver.ts'
import type { DriverCalls } from './driver-calls.ts'
import { explored } from './exploring.ts'
import { isUnasked } from './health.ts'
import { JobQueue } from './job-queue.ts'
import type { Judge } from './judge.ts'
import type { PolledDevice } from './polled-device.ts'

export interface RequestsOptions {
  readonly connection: string
  readonly driver: Driver
  /** Time of one character on the wire. */
  readonly byteMs: number
  readonly clock: Clock
  readonly calls: DriverCalls
  readonly judge: Judge
  /** Undefined: requests can be served. */
  readonly refusal: () => LinkError | undefined
  readonly onAdded: () => void
  readonly onLost: (error: LinkError) => void
}

/** What others ask for between polls: writes, readings, a look at raw registers. */
export class Requests {
  readonly #options: RequestsOptions
  readonly #jobs = new JobQueue()
  #writing = false

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** A write is waited for, so that its fate is known. */
  get isWriting(): boolean {
    return this.#writing
  }

  /** Serves the next one, unless it is a poll's turn. False: none was served. */
  async serve(pollIsDue: boolean): Promise<boolean> {
    const job = this.#jobs.next(pollIsDue)
    await job?.run()
    return job !== undefined
  }

  rejectAll(error: LinkError): void {
    this.#jobs.rejectAll(error)
  }

  write(device: PolledDevice, point: PointSettings, order: { value: Value; isWanted: () => boolean }): Promise<void> {
    const { driver, calls, judge } = this.#options
    return this.#enqueueWrite(order.isWanted, async () => {
      try {
        await calls.run(() => driver.write(device.settings, point, order.value, order.isWanted), 1)
        judge.answered(device)
      } catch (error) {
        if (error instanceof WriteError && error.code.startsWith('exception_')) judge.answered(device)
        else if (!(error instanceof WriteError && isUnasked(error.code))) judge.note(false)
        throw error
      }
    })
  }

  /** Nobody answers a text, so that it says nothing of the device. */
  send(device: PolledDevice, order: { text: string; isWanted: () => boolean }): Promise<void> {
    const { connection, driver, byteMs, calls } = this.#options
    return this.#enqueueWrite(order.isWanted, async () => {
      if (!driver.send) {
        throw new WriteError('unsupported', `devices of ${connection} take no texts`, {
          happened: 'no',
          retriable: false,
        })
      }
      const { text } = order
      const wireMs = text.length * byteMs
      await calls.run(async () => driver.send?.(device.settings, text, order.isWanted), 1, { wireMs })
    })
  }

  #enqueueWrite(isWanted: () => boolean, run: () => Promise<void>): Promise<void> {
    return this.#enqueue(async () => {
      if (!isWanted()) throw notWanted()
      this.#writing = true
      try {
        await run()
      } finally {
        this.#writing = false
      }
    })
  }

  read(device: PolledDevice, points: readonly PointSettings[]): Promise<readonly Sample[]> {
    const { driver, calls, judge } = this.#options
    return this.#enqueue(async () => {
      const samples = await calls.run(() => driver.read(device.settings, points), points.length)
      judge.judge(device, { samples, emit: 'when_offline' })
      return samples
    })
  }

  async explore<T>(run: (explorer: Explorer) => Promise<T>): Promise<T> {
    const { connection, driver, clock, calls, judge } = this.#options
    const { explorer } = driver
    if (!explorer) {
      throw new LinkError('unsupported', `${connection} has no registers that could be read raw`)
    }
    const call = async <A extends { readonly ok: boolean; readonly code?: string }>(ask: () => Promise<A>) => {
      const answer = await calls.run(ask, 1)
      judge.note(answer.ok || answer.code?.startsWith('exception_') === true)
      return answer
    }
    const outcome = await this.#enqueue(() => explored(explorer, run, { clock, connection, call }), {
      givesWay: true,
    })
    if ('tooLong' in outcome) throw outcome.tooLong
    return outcome.result
  }

  #enqueue<T>(run: () => Promise<T>, { givesWay = false } = {}): Promise<T> {
    const refusal = this.#options.refusal()
    if (refusal) return Promise.reject(refusal)
    const onError = (error: unknown) => {
      if (error instanceof LinkError) this.#options.onLost(error)
    }
    const result = this.#jobs.add(run, { onError, givesWay })
    this.#options.onAdded()
    return result
  }
}

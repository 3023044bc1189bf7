/** Writing points: one, or several of one device with one command. */
import type { GroupTarget, PointTarget } from '../../command-settings.ts'
import type { Value } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import { type Devices, type Failure, failureOf } from '../devices.ts'
import { fit, isSame } from '../fit.ts'
import { show } from '../parse.ts'
import { type AttemptResult, ended, type Fit, type Job, type Target } from '../target.ts'
import type { CommandValue } from '../value.ts'

interface Entry {
  /** In the value of the command; absent: the value is that of the point. */
  readonly name?: string
  readonly point: PointSettings
}

/** A point that is to be written. */
interface Wish extends Entry {
  readonly wanted: Value
}

interface Found extends Wish {
  readonly got: Value
  /** What the point held that says the power of ten. */
  readonly power: Value | undefined
}

/** `points`: of the device, by name. */
export function writeTarget(
  settings: PointTarget | GroupTarget,
  parts: { readonly devices: Devices; readonly points: ReadonlyMap<string, PointSettings> },
): Target {
  const named = settings.type === 'group' ? settings.points : [{ point: settings.point }]
  const entries = named.map(({ point: pointName, ...name }) => {
    const point = parts.points.get(pointName)
    if (!point) throw new Error(`${settings.device}.${pointName} is to be written and is not configured`)
    return { ...name, point }
  })
  return new WriteTarget(settings, entries, parts.devices)
}

class WriteTarget implements Target {
  readonly turn: string
  readonly touches: readonly string[]
  readonly device: string
  readonly look?: (job: Job) => Promise<AttemptResult | undefined>
  readonly #entries: readonly Entry[]
  readonly #devices: Devices
  readonly #verified: boolean
  readonly #readable: boolean

  constructor(settings: PointTarget | GroupTarget, entries: readonly Entry[], devices: Devices) {
    this.device = settings.device
    this.turn = `device ${settings.device}`
    this.touches = entries.map(({ point }) => `point ${settings.device}.${point.name}`)
    this.#entries = entries
    this.#devices = devices
    this.#readable = entries.every(({ point }) => point.access !== 'wo')
    this.#verified = settings.verify === 'read_back' && this.#readable
    if (this.#readable) this.look = (job) => this.#look(job)
  }

  isReady(): boolean {
    return this.#devices.isOnline(this.device)
  }

  /** All points are looked at before any is written. */
  fit(value: CommandValue | undefined): Fit {
    if (value === undefined) return { ok: false, reason: '"value" is missing' }
    const [only] = this.#entries
    if (only && only.name === undefined) {
      return typeof value === 'object'
        ? { ok: false, reason: `value is an object, wanted one for ${only.point.name}` }
        : fit(only.point, value)
    }
    return this.#fitGroup(value)
  }

  async apply(job: Job): Promise<AttemptResult> {
    const wishes = this.#wishes(job)
    const written: Wish[] = []
    for (const wish of wishes) {
      try {
        await this.#devices.write(this.device, wish.point.name, wish.wanted, job.isWanted)
      } catch (error) {
        return this.#afterFailure(failureOf(error), job, { failed: wish, written })
      }
      written.push(wish)
    }
    return this.#verified ? this.#readBack(wishes) : ended('applied')
  }

  #fitGroup(value: CommandValue): Fit {
    const names = this.#entries.map(({ name }) => name).join(', ')
    if (typeof value !== 'object')
      return { ok: false, reason: `value is ${show(value)}, wanted an object with ${names}` }
    const foreign = Object.keys(value).find((name) => this.#entries.every((entry) => entry.name !== name))
    if (foreign !== undefined) return { ok: false, reason: `value names ${show(foreign)}, wanted ${names}` }
    const fitted: [string, Value][] = []
    for (const { name = '', point } of this.#entries) {
      const one = Object.hasOwn(value, name) ? value[name] : undefined
      if (one === undefined) continue
      const result = fit(point, one)
      if (!result.ok) return { ok: false, reason: `${name}: ${result.reason}` }
      fitted.push([name, result.value])
    }
    if (fitted.length === 0) return { ok: false, reason: `value is empty, wanted one or more of ${names}` }
    return { ok: true, value: Object.fromEntries(fitted) }
  }

  /** In the order of the configuration. */
  #wishes({ command: { key, id, value } }: Job): Wish[] {
    if (value === undefined) throw new Error(`command ${id} of ${key} has no value to write`)
    return this.#entries.flatMap((entry) => {
      const wanted = entry.name === undefined ? value : typeof value === 'object' ? value[entry.name] : undefined
      return wanted === undefined || typeof wanted === 'object' ? [] : [{ ...entry, wanted }]
    })
  }

  #afterFailure(
    failure: Failure,
    job: Job,
    { failed, written }: { readonly failed: Wish; readonly written: readonly Wish[] },
  ): AttemptResult {
    const { repeatable, isWanted } = job
    const partly = written.length > 0
    const behind = partly ? ` failed after ${written.map(({ name }) => name).join(', ')}` : ''
    const reason = failed.name === undefined ? failure.text : `${failed.name}${behind}: ${failure.text}`
    const { retriable } = failure
    if (failure.happened === 'no') {
      if (retriable && !partly) return { result: 'again', doubt: false, reason }
      // The others are written already: they are written again, or the sender is told that it is half done.
      if (retriable && repeatable && isWanted()) return { result: 'again', doubt: true, reason }
      return ended('failed', { reason })
    }
    // Not retriable, and yet it may have happened: trying again cannot help, and so nobody will ever know.
    if (repeatable && retriable) return { result: 'again', doubt: true, reason }
    if (repeatable || !this.#readable) return ended('unknown', { reason })
    return { result: 'again', doubt: true, reason }
  }

  async #look(job: Job): Promise<AttemptResult | undefined> {
    const wishes = this.#wishes(job)
    const told = job.command.reason ?? 'no reply'
    const what = wishes[0]?.name === undefined ? 'the point was read and has' : 'the points were read:'
    let found: readonly Found[]
    try {
      found = await this.#read(wishes)
    } catch (error) {
      failureOf(error)
      return undefined
    }
    if (found.every((one) => isSame(one.point, one))) {
      const same = wishes[0]?.name === undefined ? 'the value' : 'all have their values'
      return ended(this.#verified ? 'verified' : 'applied', { reason: `${told}; ${what} ${same}`, ...differing(found) })
    }
    const got = found.map((one) => (one.name === undefined ? show(one.got) : `${one.name} has ${show(one.got)}`))
    return ended('unknown', { reason: `${told}; ${what} ${got.join(', ')}`, ...readBackOf(found) })
  }

  async #readBack(wishes: readonly Wish[]): Promise<AttemptResult> {
    let found: readonly Found[]
    try {
      found = await this.#read(wishes)
    } catch (error) {
      const reason = `the device confirmed the write, but it could not be read back: ${failureOf(error).text}`
      return ended('applied', { reason })
    }
    const wrong = found.filter((one) => !isSame(one.point, one))
    if (wrong.length === 0) return ended('verified', differing(found))
    const sentences = wrong.map(({ name, got, wanted }) => {
      const sentence = `read back ${show(got)} after writing ${show(wanted)}`
      return name === undefined ? sentence : `${name}: ${sentence}`
    })
    return ended('failed', { reason: sentences.join('; '), ...differing(found) })
  }

  /** All together, and with them what holds their powers of ten. */
  async #read(wishes: readonly Wish[]): Promise<readonly Found[]> {
    const names = wishes.flatMap(({ point }) => [point.name, point.scaleFrom ?? []].flat())
    const asked = [...new Set(names)]
    const values = await this.#devices.read(this.device, asked)
    const readOf = (name: string | undefined) => (name === undefined ? undefined : values[asked.indexOf(name)])
    return wishes.map((wish) => {
      const got = readOf(wish.point.name)
      if (got === undefined) throw new Error(`reading ${this.device}.${wish.point.name} gave no value`)
      return { ...wish, got, power: readOf(wish.point.scaleFrom) }
    })
  }
}

/** What is there now, of the points where that is not the very value. */
function differing(found: readonly Found[]): { readonly readBack?: CommandValue } {
  return readBackOf(found.filter(({ wanted, got }) => !isEqual(wanted, got)))
}

function readBackOf(found: readonly Found[]): { readonly readBack?: CommandValue } {
  const [first] = found
  if (!first) return {}
  if (first.name === undefined) return { readBack: first.got }
  return { readBack: Object.fromEntries(found.map(({ name = '', got }) => [name, got])) }
}

/** 1 and true, 5 and 5n are the same. */
function isEqual(wanted: Value, got: Value): boolean {
  return wanted === got || (typeof wanted !== 'string' && Number(wanted) === Number(got))
}

/** Points of one device to samples: plan, read, decode, and take apart what the device refuses as a whole. */
import type { Sample } from '../../model.ts'
import type { PointSettings } from '../../settings.ts'
import type { Outcome, ReadRange } from './client.ts'
import { decode, decodeBit, decodePower } from './codec.ts'
import { divide, isRefusal, type Refusal } from './division.ts'
import { sameTogether } from './partition.ts'
import { type PlanLimits, type PlannedRequest, placeOf, plan, sourceOf } from './plan.ts'
import type { Range } from './refusals.ts'
import { isBitTable, widthOf } from './registers.ts'
import type { Unit } from './unit.ts'

/** Requests of one read that may go unanswered, after others were answered, before the rest of it is given up. */
const LOST_REPLIES_MAX = 2

/**
 * One sample per point. When the first request goes unanswered no other is tried, and all samples carry its code: a dead
 * unit costs one timeout. `mayGoOn` is asked before each further request.
 */
export async function readPoints(
  unit: Unit,
  points: readonly PointSettings[],
  options: { readonly limits: Omit<PlanLimits, 'refused'>; readonly mayGoOn: () => boolean },
): Promise<readonly Sample[]> {
  const reading = new Reading(unit, options)
  for (const point of points) if (point.access === 'wo') reading.fail('values', point, 'write_only')
  await reading.run(points)
  // Points that were cut off from their powers of ten by a refusal: it is known now how to read both.
  const cutOff = points.filter((point) => point.access !== 'wo' && !reading.samples.has(point.name))
  if (cutOff.length > 0) await reading.run(cutOff, { mayDivide: false })
  return points.map(({ name }) => reading.samples.get(name) ?? { point: name, error: 'invalid' })
}

/** The short code of a failure. */
export function codeOf(outcome: Outcome<unknown> & { ok: false }): string {
  return outcome.exception === undefined ? outcome.code : `exception_${outcome.exception}`
}

/** A power of ten, if there is one, or why it could not be read. */
type Power = { readonly power: number | undefined } | { readonly code: string }

class Reading {
  readonly samples = new Map<string, Sample>()
  readonly #unit: Unit
  readonly #limits: Omit<PlanLimits, 'refused'>
  readonly #mayGoOn: () => boolean
  readonly #powers = new Map<string, Power>()
  /** Points that were scaled by a power of ten from another request, by the name of that one. */
  readonly #borrowers = new Map<string, PointSettings[]>()
  #answered = false
  #lost = 0
  #givenUp: (Outcome<never> & { ok: false }) | undefined

  constructor(unit: Unit, options: { readonly limits: Omit<PlanLimits, 'refused'>; readonly mayGoOn: () => boolean }) {
    this.#unit = unit
    this.#limits = options.limits
    this.#mayGoOn = options.mayGoOn
  }

  async run(points: readonly PointSettings[], { mayDivide = true } = {}): Promise<void> {
    this.#powers.clear()
    for (const request of plan(points, { ...this.#limits, refused: this.#unit.refusals.known })) {
      if (request.role === 'refused') await this.#askInTurn(request)
      else if (request.role === 'powers_again') await this.#confirm(request)
      else await this.#serve(request, mayDivide)
    }
  }

  fail(role: PlannedRequest['role'], point: PointSettings, code: string): void {
    if (role === 'powers') this.#powers.set(point.name, { code })
    else this.samples.set(point.name, { point: point.name, error: code })
  }

  async #serve(request: PlannedRequest, mayDivide: boolean): Promise<void> {
    const outcome = await this.#ask(request)
    if (outcome.ok) for (const point of request.points) this.#take(request, point, outcome.value)
    else if (mayDivide && isRefusal(outcome)) await this.#takeApart(request, outcome)
    else for (const point of request.points) this.fail(request.role, point, codeOf(outcome))
  }

  async #ask(range: ReadRange): Promise<Outcome<Uint8Array>> {
    if (this.#givenUp) return this.#givenUp
    const outcome = await this.#unit.read(range)
    if (outcome.ok || outcome.exception !== undefined) this.#answered = true
    else if (!this.#answered || ++this.#lost >= LOST_REPLIES_MAX || !this.#mayGoOn()) this.#givenUp = outcome
    return outcome
  }

  /** Decodes a point from the reply to a range that holds it. */
  #take(range: ReadRange & Pick<PlannedRequest, 'role'>, point: PointSettings, bytes: Uint8Array): void {
    if (range.role === 'powers') {
      this.#powers.set(point.name, { power: decodePower(point, slice(bytes, range, point)) })
      return
    }
    if (isBitTable(point.register)) {
      const place = point.address - range.address
      // Bits are packed from the least significant one on (section 6.1).
      const on = (((bytes[place >> 3] ?? 0) >> (place & 7)) & 1) === 1
      this.samples.set(point.name, { point: point.name, value: decodeBit(point, on) })
      return
    }
    const source = sourceOf(point, this.#limits.points)
    const power = source && this.#powerFor(point, source, { range, bytes })
    if (source && !power) return // cut off
    if (power && 'code' in power) {
      this.fail('values', point, power.code)
      return
    }
    const options = power?.power === undefined ? {} : { power: power.power }
    const decoded = decode(point, slice(bytes, range, point), options)
    if (decoded.error === undefined) this.samples.set(point.name, { point: point.name, value: decoded.value })
    else this.fail('values', point, decoded.error)
  }

  #powerFor(
    point: PointSettings,
    source: PointSettings,
    { range, bytes }: { readonly range: ReadRange; readonly bytes: Uint8Array },
  ): Power | undefined {
    if (isWithin(range, source)) return { power: decodePower(source, slice(bytes, range, source)) }
    const power = this.#powers.get(source.name)
    if (power) this.#borrowers.set(source.name, [...(this.#borrowers.get(source.name) ?? []), point])
    return power
  }

  /** Powers of ten that were read apart must still be the same after the values, else nobody knows which one counts. */
  async #confirm(request: PlannedRequest): Promise<void> {
    const borrowers = (source: PointSettings) =>
      (this.#borrowers.get(source.name) ?? []).filter(({ name }) => this.samples.get(name)?.error === undefined)
    if (!request.points.some((source) => borrowers(source).length > 0)) return
    const outcome = await this.#ask(request)
    for (const source of request.points) {
      const before = this.#powers.get(source.name)
      const isSame =
        outcome.ok &&
        before !== undefined &&
        'power' in before &&
        decodePower(source, slice(outcome.value, request, source)) === before.power
      const code = outcome.ok ? 'invalid' : codeOf(outcome)
      if (!isSame) for (const point of borrowers(source)) this.fail('values', point, code)
    }
  }

  /** One of those refused each by itself, and when it is there after all, the next: they may all be. */
  async #askInTurn({ points }: PlannedRequest): Promise<void> {
    const { refusals } = this.#unit
    const place = (point: PointSettings) => ({ ...placeOf(point), register: point.register })
    const waiting = [...points].sort((a, b) => refusals.askedAt(place(a)) - refusals.askedAt(place(b)))
    let answer: (Outcome<never> & { ok: false }) | undefined
    for (const point of waiting) {
      if (answer) {
        const known = isRefusal(answer) ? refusals.exceptionOf(place(point)) : undefined
        this.fail('values', point, known === undefined ? codeOf(answer) : `exception_${known}`)
        continue
      }
      refusals.noteAsked(place(point))
      const range = rangeOf(point)
      const outcome = await this.#ask(range)
      if (outcome.ok) {
        if (!this.#unit.isDoubtful) refusals.forget(place(point))
        this.#take({ ...range, role: 'values' }, point, outcome.value)
      } else {
        answer = outcome
        this.fail('values', point, codeOf(outcome))
      }
    }
  }

  /** Halves a refused request, and remembers what was refused: one bad point never blinds its neighbours. */
  async #takeApart(request: PlannedRequest, refusal: Refusal): Promise<void> {
    const { refusals } = this.#unit
    const { register, role } = request
    const sources = role === 'values' ? request.points.flatMap((point) => this.#sourceWithin(request, point)) : []
    const groups = sameTogether([...new Set([...request.points, ...sources])].map(placeOf))
    const pieces = groups.flatMap(([first]) => (first ? [first] : []))
    let mayLearn = !this.#unit.isDoubtful // else the exception may have been a late one
    const read = async ({ from, to }: Range) => {
      const outcome = await this.#ask({ register, address: from, count: to - from })
      if (this.#unit.isDoubtful) mayLearn = false
      return outcome
    }
    const whole = pieces.length === 1 ? pieces : undefined
    const { parts, seams } = whole
      ? { parts: [{ ...rangeTo(request), pieces: whole, outcome: refusal }], seams: [] }
      : await divide(pieces, read)
    for (const { from, to, pieces: members, outcome } of parts) {
      const range = { register, address: from, count: to - from, role }
      const points = request.points.filter((point) => members.some((piece) => isSamePlace(piece, placeOf(point))))
      for (const point of points) {
        if (outcome.ok) this.#take(range, point, outcome.value)
        else this.fail(role, point, codeOf(outcome))
      }
      const { exception } = isRefusal(outcome) ? outcome : {}
      if (mayLearn && exception !== undefined) refusals.learn({ register, from, to, kind: 'place', exception })
    }
    const { exception } = refusal
    if (mayLearn) for (const seam of seams) refusals.learn({ ...seam, register, kind: 'seam', exception })
  }

  #sourceWithin(range: ReadRange, point: PointSettings): readonly PointSettings[] {
    const source = sourceOf(point, this.#limits.points)
    return source && isWithin(range, source) ? [source] : []
  }
}

function rangeOf(point: PointSettings): ReadRange {
  return { register: point.register, address: point.address, count: widthOf(point) }
}

function rangeTo({ address, count }: ReadRange): Range {
  return { from: address, to: address + count }
}

function isSamePlace(a: Range, b: Range): boolean {
  return a.from === b.from && a.to === b.to
}

function isWithin(range: ReadRange, point: PointSettings): boolean {
  const { from, to } = placeOf(point)
  return point.register === range.register && from >= range.address && to <= range.address + range.count
}

/** The bytes of a point's registers in the reply to a range that holds it. */
function slice(bytes: Uint8Array, range: ReadRange, point: PointSettings): Uint8Array {
  const place = point.address - range.address
  return bytes.subarray(place * 2, (place + widthOf(point)) * 2)
}

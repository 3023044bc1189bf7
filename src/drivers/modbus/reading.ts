/** Points of one device to samples: plan, read, decode, and take apart what the device refuses as a whole. */
import type { Sample } from '../../model.ts'
import { widthOf } from '../../point-types.ts'
import type { PointSettings } from '../../settings.ts'
import type { Outcome, ReadRange } from './client.ts'
import { divide, isRefusal, type Refusal } from './division.ts'
import { sameTogether } from './partition.ts'
import { type PlanLimits, placeOf, plan, type ReadRequest, sourceOf } from './plan.ts'
import type { Range } from './refusals.ts'
import { doubtAbout, isWithin, type Power, powerFrom, samplesFrom } from './samples.ts'
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
  const reader = new PointReader(unit, options)
  for (const point of points) if (point.access === 'wo') reader.fail('values', point, 'write_only')
  await reader.run(points)
  // Points that were cut off from their powers of ten by a refusal: it is known now how to read both.
  const cutOff = points.filter((point) => point.access !== 'wo' && !reader.samples.has(point.name))
  if (cutOff.length > 0) await reader.run(cutOff, { mayDivide: false })
  return points.map(({ name }) => reader.samples.get(name) ?? { point: name, error: 'invalid' })
}

/** The short code of a failure. */
export function codeOf(outcome: Outcome<unknown> & { ok: false }): string {
  return outcome.exception === undefined ? outcome.code : `exception_${outcome.exception}`
}

class PointReader {
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

  fail(role: ReadRequest['role'], point: PointSettings, code: string): void {
    if (role === 'powers') this.#powers.set(point.name, { code })
    else this.samples.set(point.name, { point: point.name, error: code })
  }

  async #serve(request: ReadRequest, mayDivide: boolean): Promise<void> {
    const outcome = await this.#ask(request)
    if (outcome.ok) this.#take(request, outcome.value, request.points)
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

  /** From the reply to a range that holds these points; without those that it cuts off from their powers of ten. */
  #take(range: ReadRange & Pick<ReadRequest, 'role'>, bytes: Uint8Array, points: readonly PointSettings[]): void {
    if (range.role === 'powers') {
      for (const source of points) this.#powers.set(source.name, powerFrom(range, bytes, source))
      return
    }
    const taken = samplesFrom(range, bytes, { points, all: this.#limits.points, powers: this.#powers })
    for (const { point, decoded, borrowed } of taken) {
      const { scaleFrom } = point
      this.samples.set(point.name, { point: point.name, ...decoded })
      if (borrowed && scaleFrom !== undefined) {
        this.#borrowers.set(scaleFrom, [...(this.#borrowers.get(scaleFrom) ?? []), point])
      }
    }
  }

  /** Powers of ten that were read apart must still be the same after the values, else nobody knows which one counts. */
  async #confirm(request: ReadRequest): Promise<void> {
    const borrowers = (source: PointSettings) =>
      (this.#borrowers.get(source.name) ?? []).filter(({ name }) => this.samples.get(name)?.error === undefined)
    if (!request.points.some((source) => borrowers(source).length > 0)) return
    const outcome = await this.#ask(request)
    for (const source of request.points) {
      const after: Power = outcome.ok ? powerFrom(request, outcome.value, source) : { code: codeOf(outcome) }
      const doubt = doubtAbout(this.#powers.get(source.name), after)
      if (doubt !== undefined) for (const point of borrowers(source)) this.fail('values', point, doubt)
    }
  }

  /** One of those refused each by itself, and when it is there after all, the next: they may all be. */
  async #askInTurn({ points }: ReadRequest): Promise<void> {
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
        this.#take({ ...range, role: 'values' }, outcome.value, [point])
      } else {
        answer = outcome
        this.fail('values', point, codeOf(outcome))
      }
    }
  }

  /** Halves a refused request, and remembers what was refused: one bad point never blinds its neighbours. */
  async #takeApart(request: ReadRequest, refusal: Refusal): Promise<void> {
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
      if (outcome.ok) this.#take(range, outcome.value, points)
      else for (const point of points) this.fail(role, point, codeOf(outcome))
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

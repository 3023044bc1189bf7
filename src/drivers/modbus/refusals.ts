/**
 * What a device was found to refuse. It is remembered as addresses, over all openings of the connection, and found out anew
 * after a day: firmware is updated, and a device that was starting up may have refused what it has.
 */
import type { RegisterTable } from '../../settings.ts'

/** Addresses from `from` up to and without `to`. */
export interface Range {
  readonly from: number
  readonly to: number
}

export interface RefusedRange extends Range {
  readonly register: RegisterTable
  /** MODBUS Application Protocol V1.1b3, section 7. */
  readonly exception: number
  /**
   * place: it was refused though it was asked for alone. seam: each side of it is there, but not in one request; it is a hole
   * between two points, or (`from` = `to`) the border between neighbours. Requests that hold either as a whole are refused.
   */
  readonly kind: 'place' | 'seam'
}

const FORGOTTEN_AFTER_MS = 86_400_000

interface Known {
  readonly range: RefusedRange
  readonly since: number
  /** Counts up over all that are asked in turn. */
  asked: number
}

/** Of one unit. */
export class Refusals {
  readonly #now: () => number
  readonly #all = new Map<string, Known>()
  #asked = 0

  /** `now`: a clock that never jumps, in ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  get known(): readonly RefusedRange[] {
    for (const [key, { since }] of this.#all) {
      if (this.#now() - since >= FORGOTTEN_AFTER_MS) this.#all.delete(key)
    }
    return [...this.#all.values()].map(({ range }) => range)
  }

  /** What is known already keeps its age, so that it is forgotten in time. */
  learn(range: RefusedRange): void {
    const key = keyOf(range)
    if (!this.#all.has(key)) this.#all.set(key, { range, since: this.#now(), asked: ++this.#asked })
  }

  forget(place: Place): void {
    this.#all.delete(keyOf({ ...place, kind: 'place' }))
  }

  noteAsked(place: Place): void {
    const known = this.#place(place)
    if (known) known.asked = ++this.#asked
  }

  /** Larger for what was asked later; 0 for what is not known. */
  askedAt(place: Place): number {
    return this.#place(place)?.asked ?? 0
  }

  /** The exception by which a place was refused. */
  exceptionOf(place: Place): number | undefined {
    return this.#place(place)?.range.exception
  }

  #place(place: Place): Known | undefined {
    return this.#all.get(keyOf({ ...place, kind: 'place' }))
  }
}

type Place = Pick<RefusedRange, 'register' | 'from' | 'to'>

function keyOf({ kind, register, from, to }: Place & Pick<RefusedRange, 'kind'>): string {
  return `${kind} ${register} ${from} ${to}`
}

/** Does a request for these addresses hold what is refused? */
export function holds(request: Range, refused: Range): boolean {
  const isInside = request.from <= refused.from && refused.to <= request.to
  return isInside && request.from < refused.to && refused.from < request.to
}

/** A request that is refused as a whole is halved until it is known which parts of it are not. */
import type { Outcome } from './client.ts'
import { spanOf } from './partition.ts'
import type { Range } from './refusals.ts'

/** MODBUS Application Protocol V1.1b3, section 7. */
const ILLEGAL_ADDRESS = 2
const ILLEGAL_VALUE = 3

/** What a device says to addresses, or to a number of them, that are not to its liking. */
const refusals: readonly number[] = [ILLEGAL_ADDRESS, ILLEGAL_VALUE]

/** What was asked for, and what came of it. Refused parts are single pieces, but for what went wrong otherwise. */
export interface Part extends Range {
  readonly pieces: readonly Range[]
  readonly outcome: Outcome<Uint8Array>
}

export interface Division {
  readonly parts: readonly Part[]
  /** Each side was answered, and both together were refused. */
  readonly seams: readonly Range[]
}

export type Refusal = { readonly ok: false; readonly exception: number }

/** Does the exception say that the addresses or their number are not to its liking? */
export function isRefusal(outcome: Outcome<unknown>): outcome is Refusal {
  return !outcome.ok && outcome.exception !== undefined && refusals.includes(outcome.exception)
}

/** The same of a short code. */
export function isRefusalCode(code: string): boolean {
  return refusals.some((exception) => code === `exception_${exception}`)
}

/**
 * `pieces`: what cannot be divided, without two of the same; together they were refused. After a lost reply nothing more is
 * asked, and what is left over has the same outcome.
 */
export async function divide(
  pieces: readonly Range[],
  read: (range: Range) => Promise<Outcome<Uint8Array>>,
): Promise<Division> {
  const parts: Part[] = []
  const seams: Range[] = []
  let lost: Outcome<Uint8Array> | undefined

  /** True: answered, and not to be divided any further. */
  async function ask(some: readonly Range[]): Promise<boolean> {
    const span = spanOf(some)
    const outcome = lost ?? (await read(span))
    if (!outcome.ok && outcome.exception === undefined) lost = outcome
    if (isRefusal(outcome) && some.length > 1) {
      await halve(some)
      return false
    }
    parts.push({ ...span, pieces: some, outcome })
    return outcome.ok
  }

  async function halve(some: readonly Range[]): Promise<void> {
    const middle = Math.ceil(some.length / 2)
    const [left, right] = [some.slice(0, middle), some.slice(middle)]
    const isLeftThere = await ask(left)
    const isRightThere = await ask(right)
    if (isLeftThere && isRightThere) seams.push(seamOf(left, right))
  }

  await halve([...pieces].sort((a, b) => a.from - b.from || a.to - b.to))
  return { parts, seams }
}

/** The hole or the border between two halves. Where they overlap there is none, and only the whole is known to be refused. */
function seamOf(left: readonly Range[], right: readonly Range[]): Range {
  const [before, after] = [spanOf(left), spanOf(right)]
  if (before.to <= after.from) return { from: before.to, to: after.from }
  return spanOf([before, after])
}

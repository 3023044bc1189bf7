/**
 * Replies that a unit on a serial line still owes. Pure.
 *
 * A reply on a serial line says neither which address was asked for nor which request it answers. When a unit did not
 * answer in time, its reply may come at any later moment, also after any pause we could afford, and would pass every check
 * of a request with the same function and count: the value of another register, without an error. So after a lost reply
 * the next request to that unit is made distinguishable: its reply has a length (or function) that none of the owed
 * replies has. Devices answer in the order of the requests, so once that reply is here, nothing is owed any longer.
 */
export interface Owed {
  readonly functionCode: number
  /** Data bytes of the owed reply. */
  readonly bytes: number
  /** CLOCK_MONOTONIC in ms when it was given up. */
  readonly since: number
}

/**
 * After this long nothing is owed. Devices have one buffer and forget; serial servers and radio modems that queue are
 * known to hold seconds, not minutes.
 */
export const OWED_MAX_MS = 60_000
/** Owed replies remembered for a unit; with more, only waiting for OWED_MAX_MS helps, which comparing does. */
const OWED_MAX = 32

export interface ReadShape {
  readonly functionCode: number
  /** Registers, or bits for functions 1 and 2. */
  readonly count: number
  /** What one request may ask for. */
  readonly countMax: number
}

/**
 * How to read without mistaking an owed reply for the answer.
 * - plain: the request itself is distinguishable, or nothing is owed.
 * - first: read `count` from the same address first; its reply proves that nothing is owed any longer.
 * - compare: no count is left; read twice, wait each time to the deadline for a second reply, and compare.
 */
export type Approach =
  | { readonly how: 'plain' }
  | { readonly how: 'first'; readonly count: number }
  | { readonly how: 'compare' }

export function approach(shape: ReadShape, owed: readonly Owed[]): Approach {
  const isFree = (count: number) =>
    !owed.some(
      (reply) => reply.functionCode === shape.functionCode && reply.bytes === replyBytes(shape.functionCode, count),
    )
  if (isFree(shape.count)) return { how: 'plain' }
  // Fewer first: those addresses are known to exist. Then more, which the device may refuse.
  for (let count = shape.count - 1; count >= 1; count--) {
    if (isFree(count)) return { how: 'first', count }
  }
  for (let count = shape.count + 1; count <= shape.countMax; count++) {
    if (isFree(count)) return { how: 'first', count }
  }
  return { how: 'compare' }
}

/** Could an exception, or the confirmation of a write, of this function belong to an owed request? */
export function isAmbiguous(functionCode: number, owed: readonly Owed[]): boolean {
  return owed.some((reply) => reply.functionCode === functionCode)
}

/** The owed replies after one more was given up; those that are too old are left out. */
export function remember(owed: readonly Owed[], lost: Owed): readonly Owed[] {
  return [...stillOwed(owed, lost.since), lost].slice(-OWED_MAX)
}

export function stillOwed(owed: readonly Owed[], now: number): readonly Owed[] {
  return owed.filter((reply) => now - reply.since < OWED_MAX_MS)
}

function replyBytes(functionCode: number, count: number): number {
  return functionCode <= 2 ? Math.ceil(count / 8) : count * 2
}

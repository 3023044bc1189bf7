import { bitsOf } from '../../point-types.ts'
import type { PointType } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Point } from '../schema/point.ts'
import type { Findings } from './findings.ts'

/** Checks `bit` and `width` of a point that is read from so many bits: a register, or a byte of a frame. */
export function checkBits(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly type: PointType; readonly bits: 8 | 16 },
): void {
  const { point, type, bits } = options
  const isBits = type === 'bit' || type === 'bits'
  if (isBits && !findings.attempted([...path, 'bit'])) {
    const which = type === 'bit' ? `which of the ${bits} bits` : 'the lowest of its bits'
    findings.error(path, `missing "bit": ${which}, 0 is the least significant`, { at: 'key' })
  }
  if (type === 'bits' && !findings.attempted([...path, 'width'])) {
    findings.error(path, 'missing "width": how many bits make the number', { at: 'key' })
  }
  if (!isBits) findings.refuse(path, ['bit'], `has no meaning for type ${type}`)
  if (type !== 'bits') findings.refuse(path, ['width'], `has no meaning for type ${type}`)
  const last = (point.bit ?? 0) + (type === 'bits' ? (point.width ?? 1) : 1) - 1
  if (!isBits || last < bits) return
  const place = type === 'bits' && findings.written([...path, 'width']) ? 'width' : 'bit'
  findings.error([...path, place], `ends at bit ${last}, and the last one is ${bits - 1}`)
}

/** Words are only swapped where there are two. */
export function checkByteOrder(
  findings: Findings,
  path: Path,
  options: { readonly point: Point; readonly type: PointType },
): void {
  const { point, type } = options
  const order = point.byte_order
  if (order === undefined || bitsOf(type) > 16 || order === 'ABCD' || order === 'BADC') return
  const what =
    type === 'string' ? 'the words of a string are never swapped' : `${type} is one word, there is nothing to swap`
  const hint = order === 'DCBA' ? 'write BADC to swap the two bytes' : 'remove it'
  findings.error([...path, 'byte_order'], `${order} swaps words; ${what}`, { hint })
}

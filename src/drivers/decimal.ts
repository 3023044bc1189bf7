/**
 * Exact decimal arithmetic for scaling. A device that counts tenths of a degree reports 613, and 613 * 0.1 in binary
 * floating point is 61.300000000000004. Numbers are taken at their shortest decimal form (what a person wrote into the
 * configuration), computed exactly, and only the result is turned into the nearest double.
 */
export interface Decimal {
  /** value = digits * 10 ** exponent */
  readonly digits: bigint
  readonly exponent: number
}

/** The decimal a finite number prints as. Throws RangeError for NaN and infinities. */
export function toDecimal(value: number | bigint): Decimal {
  if (typeof value === 'bigint') return { digits: value, exponent: 0 }
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))
  if (!match) throw new RangeError(`${value} has no decimal form`)
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match
  return { digits: BigInt(sign + whole + fraction), exponent: Number(exponent) - fraction.length }
}

/** The double nearest to a decimal. */
export function toNumber(decimal: Decimal): number {
  const value = Number(`${decimal.digits}e${decimal.exponent}`)
  return value === 0 ? 0 : value // never -0, which prints as 0 but is not equal to it everywhere
}

/** value * scale + offset, exact. */
export function scaleUp(value: Decimal, scale: Decimal, offset: Decimal): Decimal {
  return add({ digits: value.digits * scale.digits, exponent: value.exponent + scale.exponent }, offset)
}

/** (value - offset) / scale, rounded to the nearest integer, halves away from zero. `scale` must not be 0. */
export function scaleDown(value: Decimal, scale: Decimal, offset: Decimal): bigint {
  const difference = add(value, { digits: -offset.digits, exponent: offset.exponent })
  const shift = difference.exponent - scale.exponent
  const dividend = shift > 0 ? difference.digits * power(shift) : difference.digits
  const divisor = shift < 0 ? scale.digits * power(-shift) : scale.digits
  return divideRounded(dividend, divisor)
}

function add(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent)
  return {
    digits: a.digits * power(a.exponent - exponent) + b.digits * power(b.exponent - exponent),
    exponent,
  }
}

function power(exponent: number): bigint {
  return 10n ** BigInt(exponent)
}

function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const negative = dividend < 0n !== divisor < 0n
  const [top, bottom] = [magnitude(dividend), magnitude(divisor)]
  const rounded = (2n * top + bottom) / (2n * bottom)
  return negative ? -rounded : rounded
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

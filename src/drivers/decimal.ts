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

/** Any two doubles differ within 17 digits; a few more keep the rounding of a rounded quotient from mattering. */
const QUOTIENT_DIGITS = 25

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
  const difference = subtract(value, offset)
  return quotient(difference, scale, 0)
}

/** (value - offset) / scale, with more digits than a double can tell apart. `scale` must not be 0. */
export function unscale(value: Decimal, scale: Decimal, offset: Decimal): Decimal {
  const difference = subtract(value, offset)
  const magnitude = (decimal: Decimal) => String(absolute(decimal.digits)).length + decimal.exponent
  const exponent = magnitude(difference) - magnitude(scale) - QUOTIENT_DIGITS
  return { digits: quotient(difference, scale, exponent), exponent }
}

/** Rounded to so many digits behind the point, halves away from zero. */
export function roundTo(value: Decimal, places: number): Decimal {
  if (value.exponent >= -places) return value
  return { digits: divideRounded(value.digits, power(-places - value.exponent)), exponent: -places }
}

/** value * 10 ** by */
export function shift(value: Decimal, by: number): Decimal {
  return { digits: value.digits, exponent: value.exponent + by }
}

/** The whole number it is, if it is one. */
export function toInteger({ digits, exponent }: Decimal): bigint | undefined {
  if (exponent >= 0) return digits * power(exponent)
  return digits % power(-exponent) === 0n ? digits / power(-exponent) : undefined
}

/** dividend / divisor in units of 10 ** exponent, rounded, halves away from zero. */
function quotient(dividend: Decimal, divisor: Decimal, exponent: number): bigint {
  const by = dividend.exponent - divisor.exponent - exponent
  return by > 0
    ? divideRounded(dividend.digits * power(by), divisor.digits)
    : divideRounded(dividend.digits, divisor.digits * power(-by))
}

function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { digits: -b.digits, exponent: b.exponent })
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
  const [top, bottom] = [absolute(dividend), absolute(divisor)]
  const rounded = (2n * top + bottom) / (2n * bottom)
  return negative ? -rounded : rounded
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value
}

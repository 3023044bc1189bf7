/** The narrow float types (IEEE 754 binary16 and binary32) and the decimals that people mean by them. Pure. */

/** Half precision came to DataView after the library types in use here. */
interface HalfView {
  getFloat16(offset: number): number
  setFloat16(offset: number, value: number): void
}

/** Significant decimal digits that are enough for, and the fewest that can identify, a value of the narrow float types. */
const FLOAT_DIGITS = { float16: { least: 3, enough: 5 }, float32: { least: 6, enough: 9 } } as const

export type FloatType = 'float16' | 'float32' | 'float64'

/** The value of the bytes, most significant first: 61.3, not the 61.29999923706055 that a float32 widens to. */
export function readFloat(view: DataView, type: FloatType): number {
  if (type === 'float64') return view.getFloat64(0)
  return shortest(type === 'float32' ? view.getFloat32(0) : (view as DataView & HalfView).getFloat16(0), type)
}

/** Into bytes, most significant first. */
export function writeFloat(view: DataView, type: FloatType, value: number): void {
  if (type === 'float64') view.setFloat64(0, value)
  else if (type === 'float32') view.setFloat32(0, value)
  else (view as DataView & HalfView).setFloat16(0, value)
}

/** The nearest value of the type; an infinity when it is too large. */
export function narrow(value: number, type: FloatType): number {
  if (type === 'float64') return value
  if (type === 'float32') return Math.fround(value)
  const view = new DataView(new ArrayBuffer(2)) as DataView & HalfView
  view.setFloat16(0, value)
  return view.getFloat16(0)
}

/** The shortest decimal that is this value in its own width. */
export function shortest(value: number, type: FloatType): number {
  if (type === 'float64' || !Number.isFinite(value)) return value
  const { least, enough } = FLOAT_DIGITS[type]
  for (let digits: number = least; digits < enough; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (narrow(candidate, type) === value) return candidate
  }
  return Number(value.toPrecision(enough))
}

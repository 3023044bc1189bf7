import type { RegisterTable } from '../settings.ts'
import type { Parsed } from './units.ts'

/** Where a point lives: the table and the address from 0, as on the wire. */
export interface RegisterPlace {
  readonly register: RegisterTable
  readonly address: number
}

/** The leading digit of the traditional reference numbers (MODBUS Application Protocol V1.1b3, 4.4, and every datasheet). */
const tables: Readonly<Record<string, RegisterTable>> = { 0: 'coil', 1: 'discrete', 3: 'input', 4: 'holding' }
const digitOf: Readonly<Record<RegisterTable, string>> = { coil: '0', discrete: '1', input: '3', holding: '4' }

/** The pattern an editor checks against (JSON Schema). */
export const refPattern = '^[0134][0-9]{4,5}$'

/**
 * Datasheet notation -> place: 30013 is input register 12, 400001 holding register 0. The first digit names the table,
 * the rest counts from 1. Coils start with 0, so they come as text.
 */
export function parseRef(ref: number | string): Parsed<RegisterPlace> {
  const text = String(ref)
  const parts = /^(\d)(\d{4,5})$/.exec(text)
  if (!parts) {
    return {
      problem: `expected a datasheet reference of 5 or 6 digits such as 30013 or 400001, got ${text}`,
      ...(/^\d{1,4}$/.test(text) ? { hint: `an address that counts from 0 is written address: ${Number(text)}` } : {}),
    }
  }
  const [, digit = '', index = ''] = parts
  const register = tables[digit]
  if (register === undefined) {
    return { problem: `${text}: ${digit} names no table; 0 is coil, 1 discrete, 3 input, 4 holding` }
  }
  const number = Number(index)
  if (number === 0)
    return { problem: `${text}: references count from 1`, hint: `the first one is ${digit}${index.slice(0, -1)}1` }
  if (number > 65_536) return { problem: `${text} is above ${digit}65536, the last one` }
  return { value: { register, address: number - 1 } }
}

/** The place in datasheet notation, as remark beside an address. */
export function formatRef(place: RegisterPlace): string {
  const digits = place.address < 9999 ? 4 : 5
  return digitOf[place.register] + String(place.address + 1).padStart(digits, '0')
}

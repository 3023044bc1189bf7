/** What one request may ask for, and how long requests and replies may be (MODBUS Application Protocol V1.1b3). */
import { isBitTable } from './point-types.ts'
import type { RegisterTable } from './settings.ts'

/** Sections 6.3 and 6.4. */
export const REGISTERS_READ_MAX = 125
/** Sections 6.1 and 6.2. */
export const BITS_READ_MAX = 2000
/** Section 6.12. */
export const REGISTERS_WRITTEN_MAX = 123
/** Section 6.11. */
export const BITS_WRITTEN_MAX = 1968
/** Section 6.17: by a request that reads as well. */
export const REGISTERS_WRITTEN_AND_READ_MAX = 121
/** Function code and data, section 4.1. */
export const PDU_BYTES_MAX = 253
/** Addresses are below this, section 4.4. */
export const ADDRESS_END = 65_536

/** Registers, or bits in a bit table, that one request may read. */
export function readMaxOf(table: RegisterTable): number {
  return isBitTable(table) ? BITS_READ_MAX : REGISTERS_READ_MAX
}

/**
 * The reply of a correct device to a request, both as function code and data (MODBUS Application Protocol V1.1b3,
 * section 6). Pure but for what the device does. Checks in the order of the specification: function (exception 1),
 * quantities and lengths (3), addresses (2).
 */
import {
  ADDRESS_END,
  BITS_READ_MAX,
  BITS_WRITTEN_MAX,
  REGISTERS_WRITTEN_AND_READ_MAX,
  REGISTERS_WRITTEN_MAX,
} from '../../modbus-limits.ts'
import type { RegisterTable } from '../../settings.ts'
import type { RawRange } from '../driver.ts'
import { identificationReply, serverIdReply } from './identification.ts'
import { ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refusal } from './refusal.ts'

export type RegisterPlace = Pick<RawRange, 'register' | 'address'>

interface Table {
  readonly register: RegisterTable
}

/** What a request is answered from. */
export interface AnsweringDevice {
  /** Undefined when one of the registers or bits is not there. */
  read(range: RawRange): readonly number[] | undefined
  /** False, and nothing done, when one of them cannot be written. `place`: of the first one. */
  write(place: RegisterPlace, words: readonly number[]): boolean
  /** Absent: all functions. */
  readonly functions?: readonly number[] | undefined
  /** Registers one request may read or write, 1..125. */
  readonly registersMax: number
  /** Texts for functions 17 and 43/14 by object id; empty: it has neither. */
  readonly identity: Readonly<Record<number, string>>
}

const EXCEPTION_FLAG = 0x80

export function answerRequest(device: AnsweringDevice, pdu: Uint8Array): Uint8Array {
  const functionCode = pdu[0] ?? 0
  try {
    if (device.functions && !device.functions.includes(functionCode)) throw new Refusal(ILLEGAL_FUNCTION)
    return reply(device, new Request(pdu))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return Uint8Array.of(functionCode | EXCEPTION_FLAG, error.exception)
  }
}

function reply(device: AnsweringDevice, request: Request): Uint8Array {
  switch (request.functionCode) {
    case 1:
      return readBits(device, request, { register: 'coil' })
    case 2:
      return readBits(device, request, { register: 'discrete' })
    case 3:
      return readRegisters(device, request, { register: 'holding' })
    case 4:
      return readRegisters(device, request, { register: 'input' })
    case 5:
      return writeCoil(device, request)
    case 6:
      request.mustBe(5)
      write(device, { register: 'holding', address: request.word(1), words: [request.word(3)] })
      return request.pdu.slice()
    case 15:
      return writeCoils(device, request)
    case 16:
      return writeRegisters(device, request)
    case 17:
      request.mustBe(1)
      return serverIdReply(device.identity)
    case 22:
      return maskRegister(device, request)
    case 23:
      return writeAndRead(device, request)
    case 43:
      return identificationReply(device.identity, request.pdu)
    default:
      throw new Refusal(ILLEGAL_FUNCTION)
  }
}

/** A request taken apart. What is missing at its end makes its length wrong, and that is exception 3. */
class Request {
  readonly pdu: Uint8Array
  constructor(pdu: Uint8Array) {
    this.pdu = pdu
  }

  get functionCode(): number {
    return this.pdu[0] ?? 0
  }

  word(at: number): number {
    const [high, low] = this.pdu.subarray(at, at + 2)
    if (high === undefined || low === undefined) throw new Refusal(ILLEGAL_VALUE)
    return (high << 8) | low
  }

  mustBe(length: number): void {
    if (this.pdu.length !== length) throw new Refusal(ILLEGAL_VALUE)
  }

  /** The count at this place; exception 3 when it is none or too many. */
  count(at: number, most: number): number {
    const count = this.word(at)
    if (count < 1 || count > most) throw new Refusal(ILLEGAL_VALUE)
    return count
  }

  /** The data behind a byte count, of which there must be so many bytes, up to the end. */
  data(at: number, bytes: number): Uint8Array {
    this.mustBe(at + 1 + bytes)
    if (this.pdu[at] !== bytes) throw new Refusal(ILLEGAL_VALUE)
    return this.pdu.subarray(at + 1)
  }
}

function readBits(device: AnsweringDevice, request: Request, { register }: Table): Uint8Array {
  request.mustBe(5)
  const range = { register, address: request.word(1), count: request.count(3, BITS_READ_MAX) }
  const bits = read(device, range)
  const data = new Uint8Array(Math.ceil(bits.length / 8))
  bits.forEach((bit, index) => {
    if (bit !== 0) data[index >> 3] = (data[index >> 3] ?? 0) | (1 << (index & 7))
  })
  return Uint8Array.of(request.functionCode, data.length, ...data)
}

function readRegisters(device: AnsweringDevice, request: Request, { register }: Table): Uint8Array {
  request.mustBe(5)
  const range = { register, address: request.word(1), count: request.count(3, device.registersMax) }
  return withWords(request.functionCode, read(device, range))
}

function writeCoil(device: AnsweringDevice, request: Request): Uint8Array {
  request.mustBe(5)
  const value = request.word(3)
  if (value !== 0xff00 && value !== 0) throw new Refusal(ILLEGAL_VALUE)
  write(device, { register: 'coil', address: request.word(1), words: [value === 0 ? 0 : 1] })
  return request.pdu.slice()
}

function writeCoils(device: AnsweringDevice, request: Request): Uint8Array {
  const count = request.count(3, BITS_WRITTEN_MAX)
  const data = request.data(5, Math.ceil(count / 8))
  const words = Array.from({ length: count }, (_, index) => ((data[index >> 3] ?? 0) >> (index & 7)) & 1)
  write(device, { register: 'coil', address: request.word(1), words })
  return request.pdu.slice(0, 5)
}

function writeRegisters(device: AnsweringDevice, request: Request): Uint8Array {
  const count = request.count(3, Math.min(REGISTERS_WRITTEN_MAX, device.registersMax))
  const words = wordsOf(request.data(5, count * 2))
  write(device, { register: 'holding', address: request.word(1), words })
  return request.pdu.slice(0, 5)
}

/** Section 6.16: (current AND and) OR (or AND NOT and). */
function maskRegister(device: AnsweringDevice, request: Request): Uint8Array {
  request.mustBe(7)
  const address = request.word(1)
  const [and, or] = [request.word(3), request.word(5)]
  const [current = 0] = read(device, { register: 'holding', address, count: 1 })
  write(device, { register: 'holding', address, words: [(current & and) | (or & ~and & 0xffff)] })
  return request.pdu.slice()
}

/** Section 6.17: the write is done before the read. Nothing is written when the range to read is not there. */
function writeAndRead(device: AnsweringDevice, request: Request): Uint8Array {
  const range = { register: 'holding', address: request.word(1), count: request.count(3, device.registersMax) } as const
  const count = request.count(7, Math.min(REGISTERS_WRITTEN_AND_READ_MAX, device.registersMax))
  const words = wordsOf(request.data(9, count * 2))
  read(device, range)
  write(device, { register: 'holding', address: request.word(5), words })
  return withWords(request.functionCode, read(device, range))
}

function read(device: AnsweringDevice, range: RawRange): readonly number[] {
  const words = range.address + range.count > ADDRESS_END ? undefined : device.read(range)
  if (words === undefined) throw new Refusal(ILLEGAL_ADDRESS)
  return words
}

function write(device: AnsweringDevice, data: RegisterPlace & { readonly words: readonly number[] }): void {
  const inside = data.address + data.words.length <= ADDRESS_END
  if (!inside || !device.write(data, data.words)) throw new Refusal(ILLEGAL_ADDRESS)
}

function withWords(functionCode: number, words: readonly number[]): Uint8Array {
  return Uint8Array.of(functionCode, words.length * 2, ...words.flatMap((word) => [word >> 8, word & 0xff]))
}

function wordsOf(data: Uint8Array): number[] {
  return Array.from({ length: data.length / 2 }, (_, i) => ((data[i * 2] ?? 0) << 8) | (data[i * 2 + 1] ?? 0))
}

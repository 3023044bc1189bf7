import { createServer, type Server, type Socket } from 'node:net'

/**
 * A Modbus device that answers wrongly, by script: every unit has one fault, which it has in some requests and not in the
 * next ones. Speaks TCP frames, or RTU frames through a socket (socat makes it a serial line). Its frames are made here and not by the
 * product, so that a mistake there is not made twice.
 *
 * Points are uint32, two registers each. Every reply carries a number that is never used again, so that a value tells
 * which request it answered and whether it was honest.
 */
export const faults = [
  'refuses',
  'is silent',
  'is late',
  'answers as another unit',
  'answers another function',
  'answers too little',
  'breaks off',
  'sends garbage',
  'talks by itself', // A good answer, and some time later bytes nobody asked for.
  'answers with a broken check', // RTU: the CRC is wrong. TCP: the transaction is another one.
] as const
export type Fault = (typeof faults)[number]

/** The point at this address is number `address / POINT_REGISTERS`. */
export const POINT_REGISTERS = 4

interface Request {
  readonly transaction: number
  readonly unitId: number
  readonly functionCode: number
  readonly address: number
  readonly count: number
}

/** Between two polls. */
const BABBLE_MS = 20
/** What a slow device needs for each answer; it gives them in the order of the requests. */
const SLOW_MS = 15
/** So many requests in a row are answered badly ... */
const badRun = (unitId: number) => (faults[unitId - 1] === 'is late' ? 1 : 4)
/** ... after so many honest ones: enough for a device to be taken back, and for each unit another number, so that the
 * faults of two units do not meet for ever. */
const honestRun = (unitId: number) => (faults[unitId - 1] === 'is late' ? 4 : 9 + unitId)

export class FaultyDevice {
  readonly #server: Server
  readonly #kind: 'tcp' | 'rtu'
  readonly #lateMs: number
  readonly #asked = new Map<number, number>()
  /** number -> unit and address it was honestly given for */
  readonly honest = new Map<number, { readonly unitId: number; readonly address: number }>()
  /** Numbers that went out in replies that must not be believed. */
  readonly dishonest = new Set<number>()
  readonly #sockets = new Set<Socket>()
  #number = 0
  #busyUntil = 0

  private constructor(kind: 'tcp' | 'rtu', lateMs: number) {
    this.#kind = kind
    this.#lateMs = lateMs
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** `lateMs`: how long a late answer takes, more than anybody waits. */
  static async start(kind: 'tcp' | 'rtu', options: { readonly lateMs: number }): Promise<FaultyDevice> {
    const device = new FaultyDevice(kind, options.lateMs)
    await new Promise<void>((resolve) => device.#server.listen(0, '127.0.0.1', resolve))
    return device
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the device does not listen')
    return address.port
  }

  /** Unit 1 has the first fault, and so on. */
  static unitIdOf(fault: Fault): number {
    return faults.indexOf(fault) + 1
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0)
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.setNoDelay(true)
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes])
      for (let length = this.#requestBytes(received); length > 0; length = this.#requestBytes(received)) {
        this.#answer(socket, this.#parse(received.subarray(0, length)))
        received = received.subarray(length)
      }
    })
  }

  /** 0 while no request is complete. All requests are reads: unit, function, address, count. */
  #requestBytes(received: Buffer): number {
    const length = this.#kind === 'tcp' ? 12 : 8
    return received.length >= length ? length : 0
  }

  #parse(frame: Buffer): Request {
    const at = this.#kind === 'tcp' ? 6 : 0
    const transaction = this.#kind === 'tcp' ? frame.readUInt16BE(0) : 0
    const [unitId = 0, functionCode = 0] = frame.subarray(at)
    return {
      transaction,
      unitId,
      functionCode,
      address: frame.readUInt16BE(at + 2),
      count: frame.readUInt16BE(at + 4),
    }
  }

  #answer(socket: Socket, request: Request): void {
    const asked = this.#asked.get(request.unitId) ?? 0
    this.#asked.set(request.unitId, asked + 1)
    this.#number += 1
    const number = this.#number
    const fault =
      asked % (honestRun(request.unitId) + badRun(request.unitId)) < honestRun(request.unitId)
        ? undefined
        : faults[request.unitId - 1]
    if (fault === undefined || fault === 'talks by itself') this.honest.set(number, request)
    else this.dishonest.add(number)
    const bytes = this.#reply(fault, request, number)
    if (faults[request.unitId - 1] === 'is late') this.#answerInTurn(socket, bytes, fault ? this.#lateMs : SLOW_MS)
    else if (bytes.length > 0) socket.write(bytes)
    if (fault === 'talks by itself') setTimeout(() => socket.destroyed || socket.write(garbage(number)), BABBLE_MS)
  }

  #answerInTurn(socket: Socket, bytes: Buffer, afterMs: number): void {
    const now = performance.now()
    this.#busyUntil = Math.max(now, this.#busyUntil) + afterMs
    setTimeout(() => socket.destroyed || socket.write(bytes), this.#busyUntil - now)
  }

  #reply(fault: Fault | undefined, request: Request, number: number): Buffer {
    const pdu = Buffer.alloc(2 + request.count * 2)
    pdu.writeUInt8(request.functionCode, 0)
    pdu.writeUInt8(request.count * 2, 1)
    if (request.count >= 2) pdu.writeUInt32BE(number, 2)
    switch (fault) {
      case undefined:
      case 'is late':
      case 'talks by itself':
        return this.#frame(request, pdu)
      case 'refuses':
        return this.#frame(request, Buffer.from([request.functionCode | 0x80, 2]))
      case 'is silent':
        return Buffer.alloc(0)
      case 'answers as another unit':
        return this.#frame({ ...request, unitId: request.unitId + 100 }, pdu)
      case 'answers another function':
        return this.#frame(request, Buffer.concat([Buffer.from([request.functionCode ^ 7]), pdu.subarray(1)]))
      case 'answers too little':
        return this.#frame(request, Buffer.concat([pdu.subarray(0, 1), Buffer.from([pdu.length - 4]), pdu.subarray(4)]))
      case 'breaks off': {
        const frame = this.#frame(request, pdu)
        return frame.subarray(0, frame.length - 3)
      }
      case 'sends garbage':
        return garbage(number)
      case 'answers with a broken check':
        return this.#frame({ ...request, transaction: request.transaction ^ 0x5555 }, pdu, 0x0101)
    }
  }

  #frame(request: Request, pdu: Buffer, spoil = 0): Buffer {
    const content = Buffer.concat([Buffer.from([request.unitId]), pdu])
    if (this.#kind === 'rtu') {
      const check = Buffer.alloc(2)
      check.writeUInt16LE(checksum(content) ^ spoil)
      return Buffer.concat([content, check])
    }
    const header = Buffer.alloc(6)
    header.writeUInt16BE(request.transaction, 0)
    header.writeUInt16BE(content.length, 4)
    return Buffer.concat([header, content])
  }
}

/** The protocol identifier of TCP and the CRC of RTU are wrong in it. */
function garbage(seed: number): Buffer {
  return Buffer.from(Array.from({ length: 11 }, (_, index) => (seed * 31 + index * 67 + 13) & 0xff))
}

/** CRC-16 of MODBUS over Serial Line V1.02, 6.2.2. */
function checksum(bytes: Buffer): number {
  let register = 0xffff
  for (const byte of bytes) {
    register ^= byte
    for (let bit = 0; bit < 8; bit += 1) register = register & 1 ? (register >> 1) ^ 0xa001 : register >> 1
  }
  return register
}

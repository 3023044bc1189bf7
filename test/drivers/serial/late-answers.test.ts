/**
 * Goal: no value is ever taken from an answer to a former question. Method: instruments that answer in order, each answer
 * with a value of its own, but late, twice, in pieces, with noise between, or never; a virtual clock; and whatever is read
 * must belong to a question that was sent in that very reading, to that very device.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Driver } from '../../../src/drivers/driver.ts'
import type { DeviceSettings } from '../../../src/settings.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { binarySettings, driverOn, latin1, ScriptedLine } from '../../support/instrument.ts'

const TIMEOUT_MS = 100
/** What is later than this cannot be told from a prompt answer, see docs/serial.md. */
const LATEST_MS = 3 * TIMEOUT_MS - 40

interface Fate {
  /** Until the answer begins; undefined: it never does. */
  readonly afterMs: number | undefined
  readonly isDoubled: boolean
  readonly isTorn: boolean
  readonly noise: string
  /** The pause before the next reading. */
  readonly pauseMs: number
  readonly device: 0 | 1
}

const fate: fc.Arbitrary<Fate> = fc.record({
  afterMs: fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 1, max: 30 }) },
    { weight: 4, arbitrary: fc.integer({ min: 30, max: LATEST_MS }) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  ),
  isDoubled: fc.boolean(),
  isTorn: fc.integer({ min: 0, max: 9 }).map((draw) => draw === 0),
  noise: fc.oneof(
    { weight: 5, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom('\x00', '!?', 'x', '\r\n') },
  ),
  pauseMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 500 })),
  device: fc.constantFrom(0, 1),
})

interface Wire {
  readonly devices: readonly [DeviceSettings, DeviceSettings]
  readonly answer: (device: 0 | 1, value: number) => Uint8Array
  readonly open: (clock: VirtualClock, line: ScriptedLine) => Driver
}

function textWire(patterns: readonly [string, string], prefixes: readonly [string, string]): Wire {
  const [one, other] = patterns.map((pattern, index) =>
    deviceWith({
      name: `device-${index}`,
      request: latin1(`${index}?\r\n`),
      pattern,
      points: [pointWith({ name: 'value', type: 'number' })],
    }),
  )
  assert.ok(one && other)
  return {
    devices: [one, other],
    answer: (device, value) => latin1(`${prefixes[device]}${value}\r\n`),
    open: (clock, line) => driverOn(line, textSettings([one, other], { timeoutMs: TIMEOUT_MS }), { clock }),
  }
}

function binaryWire(): Wire {
  const [one, other] = [0, 1].map((index) =>
    deviceWith({
      name: `device-${index}`,
      request: Uint8Array.of(index),
      match: [{ at: 1, bytes: Uint8Array.of(index) }],
      points: [pointWith({ name: 'value', type: 'uint16', address: 2 })],
    }),
  )
  assert.ok(one && other)
  const frame = {
    startsWith: Uint8Array.of(0xaa),
    length: { fixed: 5 },
    checksum: { kind: 'sum8', from: 0, behind: 0, littleEndian: false },
  } as const
  return {
    devices: [one, other],
    answer: (device, value) => {
      const body = [0xaa, device, value >> 8, value & 0xff]
      return Uint8Array.of(...body, body.reduce((sum, byte) => sum + byte, 0) & 0xff)
    },
    open: (clock, line) => driverOn(line, binarySettings([one, other], { frame, timeoutMs: TIMEOUT_MS }), { clock }),
  }
}

/** Reads once per fate; fails on a value that is not of this reading. Gives how many readings had a value. */
async function exercise(wire: Wire, fates: readonly Fate[]): Promise<{ values: number; troubles: readonly string[] }> {
  const clock = new VirtualClock()
  const line = new ScriptedLine(clock)
  /** A value says which question it answers, and of which device. */
  const codeOf = (device: 0 | 1, question: number) => 1_000 * (device + 1) + question
  let current = fates[0]
  let freeAt = 0
  line.script = (request, index) => {
    if (!current) return []
    const { afterMs, isDoubled, isTorn, noise, device } = current
    assert.deepEqual(request, wire.devices[device].request)
    if (afterMs === undefined) return []
    // In order: an instrument works on one question after the other.
    freeAt = Math.max(freeAt, clock.mono() + afterMs)
    const bytes = wire.answer(device, codeOf(device, index))
    const half = bytes.subarray(0, bytes.length >> 1)
    const wait = freeAt - clock.mono()
    freeAt += 10 // what it says takes its time: devices do not speak at once
    const said = isTorn ? [half] : [half, bytes.subarray(half.length)]
    return [latin1(noise), ...said, ...(isDoubled && !isTorn ? [bytes] : [])].map((part, order) => {
      return { afterMs: wait + order, bytes: part }
    })
  }
  const driver = wire.open(clock, line)
  await clock.run(driver.open())
  let values = 0
  for (const next of fates) {
    current = next
    const before = line.heard.length
    const device = wire.devices[next.device]
    const [sample] = await clock.run(driver.read(device, device.points))
    assert.ok(sample)
    assert.ok(line.heard.length <= before + 1)
    if (sample.error === undefined) {
      values += 1
      assert.equal(sample.value, codeOf(next.device, before))
    }
    await clock.advance(next.pauseMs)
  }
  return { values, troubles: Object.keys(driver.counters?.().troubles ?? {}) }
}

describe('a late answer is never taken for the one to the question at hand', () => {
  const wires: readonly (readonly [string, Wire])[] = [
    ['lines that name their device', textWire(['^A(?<value>\\d+)$', '^B(?<value>\\d+)$'], ['A', 'B'])],
    ['lines that look the same', textWire(['^(?<value>\\d{4})$', '^(?<value>\\d{4})$'], ['', ''])],
    ['lines of which one pattern is too loose', textWire(['^A?(?<value>\\d+)$', '^B?(?<value>\\d+)$'], ['', ''])],
    ['frames that name their device', binaryWire()],
  ]
  for (const [what, wire] of wires) {
    it(what, async () => {
      let values = 0
      const troubles = new Set<string>()
      await fc.assert(
        fc.asyncProperty(fc.array(fate, { minLength: 1, maxLength: 25 }), async (fates) => {
          const outcome = await exercise(wire, fates)
          values += outcome.values
          for (const trouble of outcome.troubles) troubles.add(trouble)
        }),
        { numRuns: 60 },
      )
      assert.ok(values > 100, `${values} values`)
      assert.ok(troubles.has('late') && troubles.has('failed_timeout'), [...troubles].join())
    })
  }
})

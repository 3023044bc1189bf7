/**
 * Everything that goes wrong on a line, byte for byte and at its time, on real serial ports: what the driver makes of it.
 * Chance plays the same kinds of faults in `test/faults/pty-bus.test.ts`.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import type { Sample } from '../../../src/model.ts'
import { bytesOf, type Delivery, type HeardRequest, readReply, type Script } from '../../support/bus.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'
import { needs } from '../../support/needs.ts'
import { ScriptedPty } from '../../support/pty-bus.ts'

/**
 * Long against what a busy machine adds to the times of a script. Behind a lost reply the line is left alone for half of it, so
 * the next request is out 1.5 timeouts after the lost one.
 */
const TIMEOUT_MS = 1_500
const SOON_MS = 10
/** Lines at work at the same time: nearly all their time is waiting. */
const LINES = 8

/** Far apart, so that each point is a request of its own, and all replies look alike. A register holds its own address. */
const points = [100, 200, 300, 400].map((address) => pointWith({ name: `r${address}`, address }))
const device = deviceWith({ name: 'meter', unitId: 5, points })

/** What comes of reading r100, r200 ... one after the other. */
type Outcome = number | string

interface Row {
  readonly name: string
  readonly outcomes: readonly Outcome[]
  /** Bytes for each request, by how many came before; behind the last script, requests are answered as they should be. */
  readonly scripts: readonly Script[]
  /** What must have been counted. */
  readonly trouble?: string
}

const sound = (request: HeardRequest) => readReply(request, (address) => address)
const answer = (request: HeardRequest, afterMs = SOON_MS): Delivery => ({ afterMs, bytes: sound(request) })
const says = (hex: string, afterMs = SOON_MS): Delivery => ({ afterMs, bytes: bytesOf(hex) })
const frame = (unitId: number, hex: string): Delivery => ({ afterMs: SOON_MS, bytes: rtuFrame(unitId, bytesOf(hex)) })
const joined = (...parts: readonly Uint8Array[]): Delivery => ({ afterMs: SOON_MS, bytes: Buffer.concat(parts) })
const late =
  (share: number): Script =>
  (request) => [answer(request, TIMEOUT_MS * share)]
const silent: Script = () => []

const rows: readonly Row[] = [
  { name: 'no reply', scripts: [silent], outcomes: ['timeout', 200], trouble: 'failed_timeout' },
  { name: 'noise instead of a reply', scripts: [() => [says('ff00ff00ff')]], outcomes: ['noise', 200] },
  {
    name: 'a reply of another unit',
    scripts: [(request) => [{ afterMs: SOON_MS, bytes: sound({ ...request, unitId: 6 }) }]],
    outcomes: ['foreign_reply', 200],
  },
  {
    name: 'a reply of another unit, and then the right one',
    scripts: [(request) => [{ afterMs: SOON_MS, bytes: sound({ ...request, unitId: 6 }) }, answer(request, 60)]],
    outcomes: [100, 200],
    trouble: 'foreign_reply',
  },
  { name: 'another function', scripts: [() => [frame(5, '04 02 0064')]], outcomes: ['foreign_reply', 200] },
  { name: 'another length', scripts: [() => [frame(5, '03 04 00640065')]], outcomes: ['foreign_reply', 200] },
  { name: 'a bad checksum', scripts: [() => [says('05 03 02 0064 1234')]], outcomes: ['crc', 200] },
  {
    name: 'two replies glued together',
    scripts: [(request) => [joined(sound(request), sound(request))]],
    outcomes: ['foreign_reply', 200],
  },
  {
    name: 'a late reply glued before the right one',
    scripts: [(request) => [joined(bytesOf('05 03 02 0063 09ad'), sound(request))]],
    outcomes: ['foreign_reply', 200],
  },
  {
    name: 'half a reply',
    scripts: [(request) => [{ afterMs: SOON_MS, bytes: sound(request).subarray(0, 4) }]],
    outcomes: ['short_reply', 200],
  },
  {
    name: 'a reply in two halves',
    scripts: [
      (request) => [
        { afterMs: SOON_MS, bytes: sound(request).subarray(0, 4) },
        { afterMs: 60, bytes: sound(request).subarray(4) },
      ],
    ],
    outcomes: [100, 200],
  },
  {
    name: 'the echo of the request alone',
    scripts: [(request) => [{ afterMs: SOON_MS, bytes: rtuFrame(5, request.pdu) }]],
    outcomes: ['timeout', 200],
  },
  {
    name: 'the echo of the request, and then the reply',
    scripts: [(request) => [{ afterMs: SOON_MS, bytes: rtuFrame(5, request.pdu) }, answer(request, 60)]],
    outcomes: [100, 200],
    trouble: 'echo',
  },
  {
    name: 'noise before the reply',
    scripts: [(request) => [says('ff00'), answer(request, 60)]],
    outcomes: [100, 200],
    trouble: 'noise',
  },
  {
    name: 'noise right behind the reply',
    scripts: [(request) => [joined(sound(request), bytesOf('00'))]],
    outcomes: [100, 200],
    trouble: 'noise',
  },
  { name: 'a refusal', scripts: [() => [frame(5, '83 02')]], outcomes: ['exception_2', 200] },
  { name: 'a reply between the timeout and the next request', scripts: [late(1.2)], outcomes: ['timeout', 200, 300] },
  {
    name: 'a reply while the next request is open',
    scripts: [late(1.7), late(0.5)],
    outcomes: ['timeout', 200, 300],
    trouble: 'late_reply',
  },
  {
    // The refusal may be meant for either: another function tells that nothing older comes, then it is asked again.
    name: 'a refusal while the next request is open',
    scripts: [() => [{ afterMs: TIMEOUT_MS * 1.7, bytes: rtuFrame(5, bytesOf('83 02')) }], late(0.5)],
    outcomes: ['timeout', 200, 300],
  },
  {
    name: 'each reply later than any before, each while the next request is open',
    scripts: [late(1.7), late(1.9), late(2.1), late(0.8)],
    outcomes: ['timeout', 'foreign_reply', 'foreign_reply', 400],
    trouble: 'late_reply',
  },
]

describe('scripts on a real serial port: a value is right, or it is an error', { concurrency: LINES }, () => {
  for (const { name, scripts, outcomes, trouble } of rows) {
    it(`${name}: ${outcomes.join(', ')}`, async (test) => {
      if (!needs(test, 'socat')) return
      const pty = await ScriptedPty.open((request) => scripts[request.index]?.(request) ?? [answer(request)])
      const times = { timeoutMs: TIMEOUT_MS, timeoutMinMs: TIMEOUT_MS }
      const driver = createDriver(rtuSettings([device], { port: pty.path, ...times }))
      try {
        await driver.open()
        const samples: Sample[] = []
        for (const point of points.slice(0, outcomes.length)) samples.push(...(await driver.read(device, [point])))
        assert.deepEqual(
          samples.map(({ error, value }) => error ?? value),
          outcomes,
        )
        if (trouble !== undefined) assert.ok((driver.counters?.().troubles[trouble] ?? 0) >= 1, `no ${trouble} counted`)
      } finally {
        await driver.close()
        await pty.close()
      }
    })
  }
})

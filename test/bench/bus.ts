/**
 * A bus of 10 units at 9600 baud, 3 of them dead, read through the real poller. The far end is `tidegate simulate` in a
 * process of its own, with the time every byte takes. Printed: how well the seven others keep their interval, and what their
 * exchanges take as a multiple of the time that cannot be saved (bytes, silence between frames, the device's delay).
 * Usage: node test/bench/bus.ts [seconds]; needs socat.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import type { Driver } from '../../src/drivers/driver.ts'
import { byteMsOf } from '../../src/drivers/line.ts'
import { timingOf } from '../../src/drivers/modbus/timing.ts'
import { Poller } from '../../src/drivers/poller/poller.ts'
import { silentLogger } from '../../src/log.ts'
import { deviceWith, pointWith, rtuSettings } from '../support/bus-settings.ts'
import { PtyCable } from '../support/pty.ts'
import { until } from '../support/until.ts'
import { middle } from './load.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const UNITS = 10
const DEAD = [3, 6, 9]
const REGISTERS = 20
const DELAY_MS = 10
const INTERVAL_MS = 1_000
const TIMEOUT_MS = 400
const REQUEST_BYTES = 8
const REPLY_BYTES = 5 + 2 * REGISTERS
const CHECKOUT = fileURLToPath(new URL('../../bin/tidegate.mjs', import.meta.url))

const line = { baud: 9_600, dataBits: 8, parity: 'none', stopBits: 1 } as const
const unitIds = Array.from({ length: UNITS }, (_, index) => index + 1)
function simulation(port: string): string {
  const devices = unitIds.map((unitId) => {
    const faults = DEAD.includes(unitId) ? 'faults: [ { kind: dead } ], ' : ''
    const points = `points: { all: { address: 0, type: string, length: ${REGISTERS}, value: "${'x'.repeat(REGISTERS)}" } }`
    return `  unit${unitId}: { connection: bus, unit_id: ${unitId}, delay: ${DELAY_MS}ms, ${faults}${points} }`
  })
  return `version: 1
connections: { bus: { type: modbus-rtu, port: ${port}, line: 9600 8N1, simulate_line: true } }
devices:
${devices.join('\n')}
`
}

const folder = mkdtempSync(join(tmpdir(), 'tidegate-bus-'))
const cable = await PtyCable.plugged()
const file = join(folder, 'bus.yaml')
writeFileSync(file, simulation(cable.far))
const far = spawn(process.execPath, [CHECKOUT, 'simulate', file], { stdio: ['ignore', 'ignore', 'inherit'] })

const points = [pointWith({ name: 'all', type: 'string', length: REGISTERS, intervalMs: INTERVAL_MS })]
const devices = unitIds.map((unitId) => deviceWith({ name: `unit${unitId}`, unitId, points }))
const settings = rtuSettings(devices, { port: cable.near, line, timeoutMs: TIMEOUT_MS, timeoutMinMs: 150 })
const readings = new Map<string, number[]>(devices.map(({ name }) => [name, []]))
/**
 * What one exchange takes at least: bytes, the device's own time, and a silence behind each of the two frames (the simulated
 * device knows by it that the request has ended, as real ones do).
 */
const boundMs = (REQUEST_BYTES + REPLY_BYTES) * byteMsOf(line) + 2 * timingOf(settings).silenceMs + DELAY_MS
const exchanges = new Map<string, number[]>(devices.map(({ name }) => [name, []]))
const driver = timed(createDriver(settings))
const poller = new Poller(settings, {
  driver,
  clock: systemClock,
  log: silentLogger,
  onReading: ({ device, samples }) => {
    if (samples.every((sample) => sample.error === undefined)) readings.get(device)?.push(performance.now())
  },
  onDeviceEvent: () => {},
})
poller.start()
const alive = devices.filter(({ unitId }) => !DEAD.includes(unitId))
try {
  const isSettled = () => {
    const states = poller.status().devices.map(({ name, state }) => [name, state] as const)
    return states.every(
      ([name, state]) => state === (alive.some((device) => device.name === name) ? 'online' : 'offline'),
    )
  }
  await until(isSettled, { what: 'seven units online, three offline', timeoutMs: 60_000 })
  for (const times of [...readings.values(), ...exchanges.values()]) times.splice(0)
  const skippedBefore = skipped()
  const from = performance.now()
  await delay(SECONDS * 1_000)
  const tookMs = performance.now() - from
  const gaps = alive.flatMap(({ name }) => gapsOf(readings.get(name) ?? []))
  const off = gaps.map((gap) => Math.abs(gap - INTERVAL_MS)).toSorted((a, b) => a - b)
  const at = (share: number) => (off[Math.min(off.length - 1, Math.floor(off.length * share))] ?? Number.NaN).toFixed(0)
  const read = alive.reduce((sum, { name }) => sum + (readings.get(name)?.length ?? 0), 0)
  const due = (alive.length * tookMs) / INTERVAL_MS
  const own = alive.flatMap(({ name }) => exchanges.get(name) ?? [])
  const percent = (ms: number) => `${((100 * ms) / tookMs).toFixed(0)} %`
  const [ownMs, allMs] = [sum(own), sum([...exchanges.values()].flat())]
  console.log(`\n${UNITS} units at 9600 baud, ${DEAD.length} dead, ${REGISTERS} registers each second`)
  console.log(`load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`)
  console.log(
    `readings of the ${alive.length} others: ${read} of ${due.toFixed(1)} due in ${(tookMs / 1_000).toFixed(1)} s, ${skipped() - skippedBefore} polls missed`,
  )
  console.log(`off their interval of ${INTERVAL_MS} ms: median ${at(0.5)} ms, p99 ${at(0.99)} ms, worst ${at(1)} ms`)
  console.log(
    `their exchanges: median ${middle(own).toFixed(2)} ms, bound by the wire ${boundMs.toFixed(2)} ms, ratio ${(middle(own) / boundMs).toFixed(3)}; ` +
      `mean ${(ownMs / own.length).toFixed(2)} ms, ratio ${(ownMs / own.length / boundMs).toFixed(3)}`,
  )
  console.log(
    `bus busy ${percent(allMs)}: ${percent(ownMs)} for them (${percent(own.length * boundMs)} by the wire alone), ${percent(allMs - ownMs)} for probes of the dead`,
  )
} finally {
  await poller.stop()
  const ended = once(far, 'exit')
  far.kill('SIGTERM')
  await ended
  await cable.close()
  rmSync(folder, { recursive: true, force: true })
}

function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time))
}

function skipped(): number {
  return poller.missedPolls
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Notes how long each read of a device takes: one exchange, because its points are one range. */
function timed(inner: Driver): Driver {
  const read = inner.read.bind(inner)
  inner.read = async (device, wanted) => {
    const from = performance.now()
    const samples = await read(device, wanted)
    exchanges.get(device.name)?.push(performance.now() - from)
    return samples
  }
  return inner
}

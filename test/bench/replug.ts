/**
 * How long until readings come again after a USB adapter is plugged back in? An adapter (one end of a pseudo terminal) is
 * pulled, stays away for a while drawn by chance, and appears again under the same path with its device behind it. The pauses
 * between tries are the real, random ones. Printed: the time from its appearance to the first good reading.
 * Usage: node test/bench/replug.ts [rounds]; needs socat.
 */
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../src/clock.ts'
import { createDriver } from '../../src/drivers/catalog.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import { Poller } from '../../src/drivers/poller/poller.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { silentLogger } from '../../src/log.ts'
import { deviceWith, pointWith, rtuSettings } from '../support/bus-settings.ts'
import { attach, detach, PtyCable } from '../support/pty.ts'
import { until } from '../support/until.ts'
import { middle } from './load.ts'

const ROUNDS = Number(process.argv[2] ?? 30)
/** From a loose plug to one that is carried to another socket. */
const AWAY_MIN_MS = 200
const AWAY_MAX_MS = 8_000
const INTERVAL_MS = 1_000
/** What docs and design promise. */
const BOUND_MS = 2_000
const WAIT_MS = 60_000

const device = deviceWith({ name: 'tank', unitId: 3, points: [pointWith({ name: 'level', intervalMs: INTERVAL_MS })] })
const unit = new SimulatedUnit(3, [{ register: 'holding', address: 0, type: 'uint16', value: 42 }])
// On a pseudo terminal a request arrives whole.
const answer = (bytes: Buffer, send: (reply: Uint8Array) => void) => {
  if (bytes[0] === 3) send(rtuFrame(3, unit.answer(bytes.subarray(1, -2), 0)))
}

const cable = await PtyCable.plugged()
let far = await attach(cable.far, answer)
const settings = rtuSettings([device], { port: cable.near, timeoutMs: 500, timeoutMinMs: 150 })
let readAt: number | undefined
const poller = new Poller(settings, {
  driver: createDriver(settings),
  clock: systemClock,
  log: silentLogger,
  onReading: ({ samples }) => {
    if (samples.every(({ value }) => value === 42)) readAt ??= performance.now()
  },
  onDeviceEvent: () => {},
})
poller.start()
const tookMs: number[] = []
try {
  await until(() => readAt, { what: 'the first reading', timeoutMs: WAIT_MS })
  for (let round = 0; round < ROUNDS; round += 1) {
    await cable.unplug()
    await detach(far)
    await delay(AWAY_MIN_MS + Math.random() * (AWAY_MAX_MS - AWAY_MIN_MS))
    readAt = undefined
    await cable.plug()
    const pluggedAt = performance.now()
    far = await attach(cable.far, answer)
    const back = await until(() => readAt, { what: 'a reading after the replug', timeoutMs: WAIT_MS })
    tookMs.push(back - pluggedAt)
  }
} finally {
  await poller.stop()
  await detach(far)
  await cable.close()
}
const worst = Math.max(...tookMs)
const late = tookMs.filter((ms) => ms > BOUND_MS).length
console.log(
  `\nan adapter pulled ${ROUNDS} times, away for ${AWAY_MIN_MS} to ${AWAY_MAX_MS} ms, read every ${INTERVAL_MS} ms`,
)
console.log(`load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`)
console.log(
  `first good reading after it is back: median ${middle(tookMs).toFixed(0)} ms, worst ${worst.toFixed(0)} ms; ${late} of ${ROUNDS} later than ${BOUND_MS} ms`,
)

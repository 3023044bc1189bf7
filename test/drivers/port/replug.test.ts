import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { it } from 'node:test'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { rtuFrame } from '../../../src/drivers/modbus/frame.ts'
import { Poller } from '../../../src/drivers/poller/poller.ts'
import { SimulatedUnit } from '../../../src/drivers/simulator/unit.ts'
import { silentLogger } from '../../../src/log.ts'
import { deviceWith, pointWith, rtuSettings } from '../../support/bus-settings.ts'
import { needs } from '../../support/needs.ts'
import { attach, detach, PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

const ROUNDS = 100
/** Rounds after which everything that is made once has been made. */
const WARM_ROUNDS = 5

const INTERVAL_MS = 20
const point = pointWith({ name: 'level', intervalMs: INTERVAL_MS })
const device = deviceWith({ name: 'tank', unitId: 3, points: [point] })

it(`an adapter unplugged and plugged in ${ROUNDS} times: readings come again each time, at their old times, and nothing is left behind`, async (test) => {
  if (!needs(test, 'socat')) return
  const cable = await PtyCable.plugged()
  const unit = new SimulatedUnit(3, [{ register: 'holding', address: 0, type: 'uint16', value: 42 }])
  const answer = (bytes: Buffer, send: (reply: Uint8Array) => void) => {
    if (bytes[0] === 3) send(rtuFrame(3, unit.answer(bytes.subarray(1, -2), 0)))
  }
  let far = await attach(cable.far, answer)
  const connection = rtuSettings([device], { port: cable.near, timeoutMs: 200 })
  let readings = 0
  // What the poller waits for while its device answers is the next due time, if it is no further away than the interval.
  const due = new Set<number>()
  const onWait = (ms: number, until: number) => {
    if (ms <= INTERVAL_MS && poller.status().devices[0]?.state === 'online') due.add(until)
  }
  const poller = new Poller(connection, {
    driver: createDriver(connection),
    clock: watchedClock(onWait),
    log: silentLogger,
    random: () => 0.2, // the pauses between tries are drawn; short ones here
    onReading: ({ samples }) => {
      if (samples.every(({ value }) => value === 42)) readings += 1
    },
    onDeviceEvent: () => {},
  })
  poller.start()
  let warm: Held | undefined
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      readings = 0
      await until(() => readings >= 2, { what: `readings in round ${round}`, timeoutMs: 20_000 })
      if (round === WARM_ROUNDS) warm = held()
      await cable.unplug()
      await until(() => poller.status().connection.problem !== undefined, { what: 'the loss', timeoutMs: 20_000 })
      await detach(far)
      await cable.plug()
      far = await attach(cable.far, answer)
    }
    readings = 0
    await until(() => readings >= 2, { what: 'readings at the end', timeoutMs: 20_000 })
    assert.ok(due.size >= ROUNDS, `only ${due.size} due times`)
    assert.equal(new Set([...due].map((time) => time % INTERVAL_MS)).size, 1, 'the schedule was shifted')
    assert.ok(warm)
    const end = held()
    test.diagnostic(`after ${WARM_ROUNDS} rounds ${JSON.stringify(warm)}, after ${ROUNDS} ${JSON.stringify(end)}`)
    assert.equal(end.descriptors, warm.descriptors)
    // A poll may just be under way: a timer or two more, not one for each round.
    assert.ok(end.timers <= warm.timers + 5, `${end.timers} timers, ${warm.timers} before`)
    assert.ok(end.others <= warm.others + 5, `${end.others} other handles, ${warm.others} before`)
    assert.ok(end.listeners <= warm.listeners, `${end.listeners} listeners on the process, ${warm.listeners} before`)
  } finally {
    await poller.stop()
    await detach(far)
    await cable.close()
  }
  await until(() => held().timers === 0, { what: 'no timer left after the stop' })
})

/**
 * The system clock, standing still while a piece of code runs that waits for nothing: so what it computes from the time and
 * what it then waits for belong together to the millisecond.
 */
function watchedClock(onWait: (ms: number, until: number) => void): Clock {
  let now: number | undefined
  const mono = () => {
    if (now === undefined) {
      now = systemClock.mono()
      setImmediate(() => {
        now = undefined
      })
    }
    return now
  }
  return {
    ...systemClock,
    mono,
    wait: (ms, signal) => {
      onWait(ms, mono() + ms)
      return systemClock.wait(ms, signal)
    },
  }
}

interface Held {
  readonly descriptors: number
  readonly timers: number
  readonly others: number
  readonly listeners: number
}

/** What this process holds: file descriptors, timers, other handles, listeners on the process itself. */
function held(): Held {
  const resources = process.getActiveResourcesInfo()
  const timers = resources.filter((name) => name === 'Timeout').length
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    timers,
    others: resources.length - timers,
    listeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
  }
}

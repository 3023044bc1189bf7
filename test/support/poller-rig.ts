import { Poller, type PollerOptions } from '../../src/drivers/poller/poller.ts'
import type { Logger } from '../../src/log.ts'
import type { DeviceEvent, Reading } from '../../src/model.ts'
import type { ConnectionSettings, DeviceSettings } from '../../src/settings.ts'
import { VirtualClock } from './bus-clock.ts'
import { deviceWith, pointWith, tcpSettings } from './bus-settings.ts'
import { FakeDriver } from './fake-driver.ts'

/** What a read of a dead device costs. */
export const TIMEOUT_MS = 200

export function meter(name: string, intervalMs = 1_000): DeviceSettings {
  return deviceWith({
    name,
    points: [
      pointWith({ name: 'energy', type: 'uint32', intervalMs }),
      pointWith({ name: 'power', address: 2, intervalMs, access: 'rw' }),
    ],
  })
}

interface Given extends Pick<PollerOptions, 'isAwaited' | 'isClockKnown'> {
  readonly connection?: ConnectionSettings
  readonly random?: number
  /** The driver hears devices that speak by themselves. */
  readonly listens?: boolean
}

/** A poller over a driver that does as the test says, in time that stands still until the test moves it. */
export function rigWith(devices: readonly DeviceSettings[], given: Given = {}) {
  const clock = new VirtualClock()
  const driver = new FakeDriver(clock, TIMEOUT_MS)
  if (given.listens) driver.listens()
  const readings: Reading[] = []
  const events: DeviceEvent[] = []
  const lines: string[] = []
  const { isAwaited, isClockKnown, random = 0 } = given
  const poller = new Poller(given.connection ?? tcpSettings(devices), {
    driver,
    clock,
    log: loggerTo(lines),
    onReading: (reading) => readings.push(reading),
    onDeviceEvent: (event) => events.push(event),
    random: () => random,
    ...(isAwaited && { isAwaited }),
    ...(isClockKnown && { isClockKnown }),
  })
  const start = clock.mono()
  /** Times of the calls that begin so, since the start. */
  const times = (what: string) =>
    driver.calls.filter((call) => call.what.startsWith(what)).map((call) => call.at - start)
  return { clock, driver, poller, readings, events, lines, times }
}

/** "warn: no connection". */
function loggerTo(lines: string[]): Logger {
  const to = (level: string) => (message: string) => void lines.push(`${level}: ${message}`)
  const logger: Logger = { debug() {}, info: to('info'), warn: to('warn'), error: to('error'), child: () => logger }
  return logger
}

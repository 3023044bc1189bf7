/** The southbound side put together: a poller for each connection, what becomes of what they read, what tools can do. */
import type { Clock } from './clock.ts'
import type { DeviceDesk } from './device-api.ts'
import { createDriver, type DriverOptions } from './drivers/catalog.ts'
import { cronTimes, type NextTime } from './drivers/poller/cron.ts'
import { Poller } from './drivers/poller/poller.ts'
import type { LastValues } from './lastvalue/lastvalue.ts'
import { deviceEventRecord, expiries, readingRecords } from './lastvalue/record.ts'
import { Reports } from './lastvalue/report.ts'
import type { Logger } from './log.ts'
import type { DeviceEvent, NewRecord, Reading } from './model.ts'
import type { Settings } from './settings.ts'
import type { Times } from './times.ts'
import { Watchers } from './workbench/watchers.ts'
import { Workbench } from './workbench/workbench.ts'

export interface SouthboundParts {
  readonly clock: Clock
  readonly times: Times
  readonly log: Logger
  readonly lastValues: LastValues
  readonly openPort?: DriverOptions['openPort']
  /** Takes the records. */
  readonly append: (records: NewRecord[]) => void
  /** Called after its record was handed over. */
  readonly onDeviceEvent: (event: DeviceEvent) => void
}

export interface Southbound {
  /** In the order of the connections. */
  readonly pollers: readonly Poller[]
  /** What tools can do with the devices. */
  readonly desk: DeviceDesk
  /** Records a reading that somebody asked for, whether it is news or not. */
  readonly record: (reading: Reading) => void
}

export function createSouthbound(settings: Settings, parts: SouthboundParts): Southbound {
  const { clock, openPort, append, lastValues } = parts
  const { connections } = settings
  const devices = connections.flatMap((connection) => connection.devices)
  const watchers = new Watchers(devices, () => clock.wall())
  const reports = new Reports(devices, { untilNextMs: untilNext(clock) })
  const expiryOf = expiries(devices)
  const note = (reading: Reading) => {
    append(readingRecords(reading, expiryOf))
    watchers.heard(reading)
  }
  const pollers = createPollers(settings, { ...parts, watchers, reports, note })
  const onWrite = (record: NewRecord) => append([record])
  const workbench = new Workbench({ connections, pollers, clock, running: true, openPort, onWrite })
  const desk = Object.assign(workbench, { watch: watchers.watch.bind(watchers) })
  const record = (reading: Reading) => {
    lastValues.offer(reading)
    reports.news(reading)
    note(reading)
  }
  return { pollers, desk, record }
}

interface PollerParts extends SouthboundParts {
  readonly watchers: Watchers
  readonly reports: Reports
  /** Records what is news. */
  readonly note: (news: Reading) => void
}

function createPollers(settings: Settings, parts: PollerParts): Poller[] {
  const { clock, times, lastValues, watchers, reports, note, append } = parts
  const commanded = new Set(settings.commands.flatMap(({ target }) => ('device' in target ? target.device : [])))
  return settings.connections.map(
    (connection) =>
      new Poller(connection, {
        driver: createDriver(connection, parts.openPort ? { clock, openPort: parts.openPort } : { clock }),
        clock,
        log: parts.log.child(connection.name),
        isClockKnown: () => times.now().clockKnown,
        isAwaited: (device) => commanded.has(device),
        onReading(reading) {
          lastValues.offer(reading)
          const news = reports.news(reading)
          if (news) note(news)
        },
        onDeviceEvent(event) {
          append([deviceEventRecord(event, clock.mono())])
          if (event.event === 'device_offline') lastValues.markOffline(event.device)
          watchers.happened(event)
          parts.onDeviceEvent(event)
        },
      }),
  )
}

/** How long it is to the next time of a cron expression, by the wall clock as it is. */
function untilNext(clock: Clock): (schedule: string) => number {
  const known = new Map<string, NextTime>()
  return (schedule) => {
    const next = known.get(schedule) ?? cronTimes(schedule)
    known.set(schedule, next)
    return next(clock.wall()) - clock.wall()
  }
}

/** The poll plan as plain data. */

import { hundredths } from '../clock.ts'
import type { PlannedConnection, PlannedDevice, PlanReport, PointFacts } from '../device-api.ts'
import { describeConnection } from '../drivers/line.ts'
import type { Poller } from '../drivers/poller/poller.ts'
import type { ConnectionSettings, DeviceSettings, PointSettings } from '../settings.ts'

interface Place {
  readonly connection: ConnectionSettings
  readonly poller: Poller
}

/** `running`: the pollers poll, so that what they found out counts. */
export function planReport(places: readonly Place[], running: boolean): PlanReport {
  return { running, connections: places.map((place) => plannedConnection(place, running)) }
}

function plannedConnection({ connection, poller }: Place, running: boolean): PlannedConnection {
  const { connection: state, devices } = poller.status()
  const polls = poller.plan()
  return {
    name: connection.name,
    type: connection.type,
    line: describeConnection(connection),
    ...('host' in connection ? { host: connection.host } : {}),
    port: connection.port,
    ...(running ? { state: state.state } : {}),
    ...(running && state.busy !== undefined ? { busy: state.busy } : {}),
    devices: connection.devices.map((device) => {
      const own = devices.find(({ name }) => name === device.name)
      return {
        ...plannedDevice(device),
        ...(running && own ? { state: own.state } : {}),
        ...(own?.latencyMs === undefined ? {} : { latencyMs: own.latencyMs }),
        ...(own?.missedPolls === undefined ? {} : { missedPolls: own.missedPolls }),
        polls: polls
          .filter((poll) => poll.device === device.name)
          .map(({ intervalMs = 0, schedule, reads }) => ({
            intervalMs,
            ...(schedule === undefined ? {} : { schedule }),
            reads: reads.map((read) => ({ ...read, wireMs: hundredths(read.wireMs) })),
          })),
      }
    }),
  }
}

function plannedDevice({ name, unitId, profile }: DeviceSettings): Omit<PlannedDevice, 'polls'> {
  return { name, unitId, ...(profile === undefined ? {} : { profile }) }
}

/** What tools need to know of a point. */
export function factsOf(point: PointSettings, connection: ConnectionSettings): PointFacts {
  const { name, type, access, unit, min, max, register, address, byteOrder } = point
  const isModbus = connection.type.startsWith('modbus-')
  return {
    point: name,
    type,
    access,
    ...(unit === undefined ? {} : { unit }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(isModbus ? { register, address, byteOrder } : {}),
  }
}

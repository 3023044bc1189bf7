import { plan } from '../../drivers/modbus/plan.ts'
import { groupsOf } from '../../drivers/schedule.ts'
import type { ConnectionSettings, DeviceSettings, PointSettings } from '../../settings.ts'
import { exchangeMs } from './wire.ts'

/** Above this share of the time a bus has no room for retries and commands. */
const busyMax = 0.8

/** What reading a device takes. */
export interface DevicePlan {
  readonly device: string
  readonly connection: string
  /** The shortest interval of its points; 0 where the device speaks by itself. */
  readonly everyMs: number
  readonly requests: number
  /** Registers (and bits) asked for, holes included. */
  readonly registers: number
  /** Computed with an assumed turnaround. */
  readonly wireMs: number
  /** Share of the interval, points with longer intervals included. */
  readonly busy: number
  readonly rarer: readonly RarerPlan[]
}

/** What points with a longer interval add. */
export interface RarerPlan {
  readonly everyMs: number
  readonly requests: number
  readonly points: readonly string[]
}

/** How busy a wire is. */
export interface ConnectionPlan {
  readonly connection: string
  readonly type: ConnectionSettings['type']
  readonly busy: number
  readonly fits: boolean
  readonly devices: readonly DevicePlan[]
}

/** The requests of every device as the driver will make them, and whether they fit their wire. */
export function pollPlan(connections: readonly ConnectionSettings[]): ConnectionPlan[] {
  return connections.map((connection) => {
    const devices = connection.devices.map((device) => devicePlan(connection, device))
    const busy = devices.reduce((sum, device) => sum + device.busy, 0)
    return { connection: connection.name, type: connection.type, busy, fits: busy <= busyMax, devices }
  })
}

function devicePlan(connection: ConnectionSettings, device: DeviceSettings): DevicePlan {
  const groups = [...groupsOf(device, 0)].sort((a, b) => a.intervalMs - b.intervalMs)
  const [often, ...rarer] = groups
  const base = { device: device.name, connection: connection.name }
  if (often === undefined) return { ...base, everyMs: 0, requests: 0, registers: 0, wireMs: 0, busy: 0, rarer: [] }
  const main = costOf(connection, device, often.points)
  let busy = main.wireMs / often.intervalMs
  const added = rarer.map((group) => {
    // Due together with the others when the interval is a multiple, and then read in the same requests where possible.
    const together = group.intervalMs % often.intervalMs === 0
    const whole = costOf(connection, device, together ? [...often.points, ...group.points] : group.points)
    const requests = together ? whole.requests - main.requests : whole.requests
    busy += (together ? whole.wireMs - main.wireMs : whole.wireMs) / group.intervalMs
    return { everyMs: group.intervalMs, requests, points: group.points.map((point) => point.name) }
  })
  return { ...base, everyMs: often.intervalMs, ...main, busy, rarer: added }
}

function costOf(
  connection: ConnectionSettings,
  device: DeviceSettings,
  points: readonly PointSettings[],
): Pick<DevicePlan, 'requests' | 'registers' | 'wireMs'> {
  const requests = plan(points, { registersMax: device.registersMax, holeMax: device.holeMax })
  return {
    requests: requests.length,
    registers: requests.reduce((sum, request) => sum + request.count, 0),
    wireMs: requests.reduce((sum, request) => sum + exchangeMs(connection, request), 0),
  }
}

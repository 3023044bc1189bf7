import { requestMs } from '../../drivers/modbus/cost.ts'
import { limitsOf, plan } from '../../drivers/modbus/plan.ts'
import { askingMs } from '../../drivers/serial/cost.ts'
import type { ConnectionSettings, DeviceSettings, PointSettings } from '../../settings.ts'
import { type Poll, pollsOf, speaksByItself } from './polls.ts'

/** Above this share of the time a bus has no room for retries and commands. */
const busyMax = 0.8

/** What reading a device takes. */
export interface DevicePlan {
  readonly device: string
  readonly connection: string
  /** Nobody asks it, so the rest is 0. */
  readonly speaks: boolean
  /** The shortest interval of its points, or the mean distance of their scheduled times; 0: nothing is read. */
  readonly everyMs: number
  /** Set where all its points are read by schedule: the first of them. */
  readonly schedule?: string
  readonly requests: number
  /** Registers (and bits) asked for, holes included; 0 for instruments that send messages. */
  readonly registers: number
  /** Computed with an assumed turnaround. */
  readonly wireMs: number
  /** Share of the time, all its points included. */
  readonly busy: number
  readonly rarer: readonly RarerPlan[]
}

/** What points with a longer interval, or with a schedule, add. */
export interface RarerPlan {
  readonly everyMs: number
  readonly schedule?: string
  readonly requests: number
  readonly points: readonly string[]
}

/** How busy a wire is. */
export interface ConnectionPlan {
  readonly connection: string
  readonly type: ConnectionSettings['type']
  readonly busy: number
  readonly fits: boolean
  /** The line behind a converter is not configured; the times are computed with a usual one. */
  readonly lineAssumed: boolean
  readonly devices: readonly DevicePlan[]
}

/** The requests of every device as the driver will make them, and whether they fit their wire. */
export function pollPlan(connections: readonly ConnectionSettings[]): ConnectionPlan[] {
  return connections.map((connection) => {
    const devices = connection.devices.map((device) => devicePlan(connection, device))
    const busy = devices.reduce((sum, device) => sum + device.busy, 0)
    const lineAssumed = connection.type === 'modbus-rtu-over-tcp' && connection.line === undefined
    return { connection: connection.name, type: connection.type, busy, fits: busy <= busyMax, lineAssumed, devices }
  })
}

function devicePlan(connection: ConnectionSettings, device: DeviceSettings): DevicePlan {
  const speaks = speaksByItself(connection, device)
  const [often, ...others] = speaks ? [] : pollsOf(device)
  const base = { device: device.name, connection: connection.name, speaks }
  if (often === undefined) return { ...base, everyMs: 0, requests: 0, registers: 0, wireMs: 0, busy: 0, rarer: [] }
  const main = costOf(often.points, { connection, device })
  const added = others.map((poll) => addedBy(poll, { often, main, connection, device }))
  const busy = added.reduce((sum, one) => sum + one.busy, main.wireMs / often.everyMs)
  const { everyMs, schedule } = often
  return {
    ...base,
    everyMs,
    ...(schedule === undefined ? {} : { schedule }),
    ...main,
    busy,
    rarer: added.map(({ plan: rarer }) => rarer),
  }
}

interface Cost {
  readonly requests: number
  readonly registers: number
  readonly wireMs: number
}

interface Beside {
  readonly often: Poll
  readonly main: Cost
  readonly connection: ConnectionSettings
  readonly device: DeviceSettings
}

/** Due together with the others when the interval is a multiple, and then read in the same requests where possible. */
function addedBy(poll: Poll, { often, main, connection, device }: Beside): { plan: RarerPlan; busy: number } {
  const { everyMs, schedule, points } = poll
  const together = schedule === undefined && everyMs % often.everyMs === 0
  const whole = costOf(together ? [...often.points, ...points] : points, { connection, device })
  const wireMs = together ? whole.wireMs - main.wireMs : whole.wireMs
  const plan = {
    everyMs,
    ...(schedule === undefined ? {} : { schedule }),
    requests: together ? whole.requests - main.requests : whole.requests,
    points: points.map((point) => point.name),
  }
  return { plan, busy: wireMs / everyMs }
}

function costOf(
  points: readonly PointSettings[],
  { connection, device }: { readonly connection: ConnectionSettings; readonly device: DeviceSettings },
): Cost {
  if (connection.type === 'serial-text' || connection.type === 'serial-binary') {
    return { requests: 1, registers: 0, wireMs: askingMs(connection, device) }
  }
  const limits = limitsOf(connection, device)
  const requests = plan(points, limits)
  return {
    requests: requests.length,
    registers: requests.reduce((sum, request) => sum + request.count, 0),
    wireMs: requests.reduce((sum, request) => sum + requestMs(limits.cost, request), 0),
  }
}

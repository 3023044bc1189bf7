import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { valueAt } from '../explain.ts'
import type { Path } from '../problem.ts'
import type { Connection } from '../schema/connection.ts'
import { type Device, unitIdDefault, unitIdMax, unitIdOfTcpServer } from '../schema/device.ts'
import type { Context } from './context.ts'
import { checkOverlaps } from './overlaps.ts'
import { checkPattern } from './pattern.ts'
import { buildPoint } from './points.ts'
import { buildTextPoint } from './text-points.ts'

type ConnectionType = Connection['type']

/** Devices with their points. What is wrong is left out and told. */
export function buildDevices(context: Context): DeviceSettings[] {
  const users = new Map<string, string>()
  return Object.entries(context.file.devices).flatMap(([name, device]) => {
    const path = ['devices', name]
    const connections = context.names(['connections'])
    if (!connections.includes(device.connection)) {
      context.dangling([...path, 'connection'], { kind: 'connection', name: device.connection, known: connections })
      return []
    }
    const type = typeOf(context, device.connection)
    if (type === undefined) return [] // the connection is wrong, and told
    if (type !== 'serial-text') checkUnitId(context, path, { device, type, users })
    return [type === 'serial-text' ? textDevice(context, name, device) : modbusDevice(context, name, device)]
  })
}

/** The type of a connection, also of one that is wrong otherwise. */
function typeOf(context: Context, connection: string): ConnectionType | undefined {
  const written: unknown = Reflect.get(valueAt(context.raw, ['connections', connection]) ?? {}, 'type')
  return written === 'modbus-tcp' || written === 'modbus-rtu' || written === 'serial-text' ? written : undefined
}

function modbusDevice(context: Context, name: string, device: Device): DeviceSettings {
  const path = ['devices', name]
  context.refuse(path, ['pattern'], 'has no meaning for a Modbus device')
  const points: PointSettings[] = []
  for (const [pointName, point] of Object.entries(device.points)) {
    const built = buildPoint(context, [...path, 'points', pointName], { point, device })
    if (built) points.push(built)
  }
  checkOverlaps(context, [...path, 'points'], points)
  return common(name, device, points)
}

function textDevice(context: Context, name: string, device: Device): DeviceSettings {
  const path = ['devices', name]
  const keys = ['unit_id', 'interval', 'byte_order', 'max_registers', 'max_hole']
  context.refuse(path, keys, 'has no meaning on a serial-text connection')
  const points: PointSettings[] = []
  for (const [pointName, point] of Object.entries(device.points)) {
    const built = buildTextPoint(context, [...path, 'points', pointName], { point, device })
    if (built) points.push(built)
  }
  checkPattern(context, path, device.pattern)
  return { ...common(name, device, points), ...(device.pattern === undefined ? {} : { pattern: device.pattern }) }
}

function common(name: string, device: Device, points: readonly PointSettings[]): DeviceSettings {
  return {
    name,
    connection: device.connection,
    unitId: device.unit_id ?? unitIdDefault,
    registersMax: device.max_registers,
    holeMax: device.max_hole,
    labels: { ...device.labels },
    points,
  }
}

function checkUnitId(
  context: Context,
  path: Path,
  options: { device: Device; type: ConnectionType; users: Map<string, string> },
): void {
  const { device, type, users } = options
  const place = [...path, 'unit_id']
  const unitId = device.unit_id
  if (unitId === undefined) {
    if (type === 'modbus-rtu' && !context.attempted(place)) {
      context.error(path, 'missing "unit_id": the Modbus address of the device on this bus', { at: 'key' })
    }
    return
  }
  if (type === 'modbus-rtu' && unitId === 0) {
    context.error(place, '0 is for everybody on the bus (broadcast) and is never answered', {
      hint: `1..${unitIdMax} is possible`,
    })
  } else if (unitId > unitIdMax && !(type === 'modbus-tcp' && unitId === unitIdOfTcpServer)) {
    context.error(place, `${unitId} is above ${unitIdMax} (248..255 are reserved)`)
  }
  const user = `${device.connection} ${unitId}`
  const other = users.get(user)
  if (other !== undefined) {
    context.warning(place, `devices.${other} has unit_id ${unitId} on ${device.connection} too`, {
      hint: 'right only if both are one device',
    })
  }
  users.set(user, String(path[1]))
}

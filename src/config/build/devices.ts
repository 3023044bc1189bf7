import type { ConnectionSettings, DeviceSettings, PointSettings } from '../../settings.ts'
import { valueAt } from '../explain.ts'
import type { Path } from '../problem.ts'
import { connectionTypes } from '../schema/connection.ts'
import { type Device, unitIdDefault } from '../schema/device.ts'
import type { Context } from './context.ts'
import { checkOverlaps } from './overlaps.ts'
import { buildPoint } from './points.ts'
import { checkReporting } from './reported.ts'
import { checkScaleFrom } from './scale-from.ts'
import { binaryDevice, textDevice } from './spoken.ts'
import { checkTimes } from './traits.ts'
import { checkUnitId } from './unit-id.ts'

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
    const type = connectionTypeOf(context, device.connection)
    if (type === undefined || context.lacksProfile(name)) return [] // wrong, and told
    checkTimes(context, path)
    checkReporting(context, path, device)
    if (type !== 'serial-text' && type !== 'serial-binary') checkUnitId(context, path, { device, type, users })
    return [{ ...common(name, device), ...specific(context, path, { device, type }) }]
  })
}

/** The type of a connection, also of one that is wrong otherwise. */
export function connectionTypeOf(context: Context, connection: string): ConnectionSettings['type'] | undefined {
  const written: unknown = Reflect.get(valueAt(context.raw, ['connections', connection]) ?? {}, 'type')
  return connectionTypes.find((type) => type === written)
}

function specific(
  context: Context,
  path: Path,
  options: { readonly device: Device; readonly type: ConnectionSettings['type'] },
): Pick<DeviceSettings, 'points'> {
  const { device, type } = options
  if (type === 'serial-text') return textDevice(context, path, device)
  if (type === 'serial-binary') {
    return binaryDevice(context, path, { device, frameLength: frameLengthOf(context, device) })
  }
  context.refuse(path, ['pattern', 'match', 'request'], 'has no meaning for a Modbus device')
  const points: PointSettings[] = []
  for (const [name, point] of Object.entries(device.points ?? {})) {
    const built = buildPoint(context, [...path, 'points', name], { point, device })
    if (built) points.push(built)
  }
  checkOverlaps(context, [...path, 'points'], points)
  checkScaleFrom(context, [...path, 'points'], points)
  return { points }
}

/** Bytes of a frame where all have the same number of them. */
function frameLengthOf(context: Context, device: Device): number | undefined {
  const connection = context.file.connections[device.connection]
  const length = connection?.type === 'serial-binary' ? connection.frame.length : undefined
  return typeof length === 'number' ? length : undefined
}

function common(name: string, device: Device): Omit<DeviceSettings, 'points'> {
  return {
    name,
    connection: device.connection,
    ...(device.profile === undefined ? {} : { profile: device.profile }),
    unitId: device.unit_id ?? unitIdDefault,
    registersMax: device.max_registers,
    holeMax: device.max_hole,
    ...(device.one_point_per_request ? { onePointPerRequest: true } : {}),
    labels: { ...device.labels },
  }
}

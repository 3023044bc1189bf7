import type { ConnectionSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import { type Device, unitIdMax, unitIdOfTcpServer } from '../schema/device.ts'
import type { Context } from './context.ts'

/** Checks the Modbus address of a device; `users` remembers who has which on what connection. */
export function checkUnitId(
  context: Context,
  path: Path,
  options: { device: Device; type: ConnectionSettings['type']; users: Map<string, string> },
): void {
  const { device, type, users } = options
  const place = [...path, 'unit_id']
  const unitId = device.unit_id
  const isBus = type !== 'modbus-tcp'
  if (unitId === undefined) {
    if (isBus && !context.attempted(place)) {
      const factory = context.profiles.get(String(path[1]))?.unitId
      const hint = factory === undefined ? undefined : `its profile says that it leaves the factory with ${factory}`
      context.error(path, 'missing "unit_id": the Modbus address of the device on this bus', { hint, at: 'key' })
    }
    return
  }
  if (isBus && unitId === 0) {
    context.error(place, '0 is for everybody on the bus (broadcast) and is never answered', {
      hint: `1..${unitIdMax} is possible`,
    })
  } else if (unitId > unitIdMax && (isBus || unitId !== unitIdOfTcpServer)) {
    const hint = isBus
      ? `1..${unitIdMax} is possible`
      : `0..${unitIdMax}, or ${unitIdOfTcpServer}: the device behind the address itself`
    context.error(place, `${unitId} is above ${unitIdMax} (248..255 are reserved)`, { hint })
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

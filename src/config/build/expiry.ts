import type { PointSettings } from '../../settings.ts'
import type { Device } from '../schema/device.ts'
import type { Point } from '../schema/point.ts'

/** For how long a reading of the point is wanted: its own word, else that of its device. */
export function expiryOf(point: Point, device: Device): Pick<PointSettings, 'expiresAfterMs'> {
  const expiresAfterMs = point.expires_after ?? device.expires_after
  return expiresAfterMs === undefined ? {} : { expiresAfterMs }
}

import type { SurfaceSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import type { Context } from './context.ts'
import { buildTopic } from './uplink-topics.ts'

/** The topics that tell about the gateway itself. */
export function buildSurface(context: Context, path: Path, surface: Uplink['surface']): SurfaceSettings {
  if (surface === false) return {}
  const root = buildTopic(context, [...path, 'root'], { template: surface.root, placeholders: ['gateway'] })
  return {
    ...(surface.state ? { state: `${root}/state` } : {}),
    ...(surface.info ? { info: `${root}/info` } : {}),
    ...(surface.health === false ? {} : { health: { topic: `${root}/health`, everyMs: surface.health } }),
    ...(surface.devices ? { devices: `${root}/devices` } : {}),
    ...(surface.availability ? { availability: `${root}/{device}/availability` } : {}),
  }
}

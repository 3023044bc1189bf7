import type { DeviceSettings } from '../../settings.ts'
import type { FilterSettings } from '../../uplink-settings.ts'
import { glob } from '../glob.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { formatDuration } from '../units.ts'
import type { Context } from './context.ts'

/** Which records an uplink wants; undefined: all of them. */
export function buildFilter(
  context: Context,
  path: Path,
  options: { readonly uplink: Uplink; readonly devices: readonly DeviceSettings[] },
): FilterSettings | undefined {
  const { uplink, devices } = options
  const wanted = wantedDevices(context, path, uplink)
  if (uplink.thin_to !== undefined) {
    const concerned = devices.filter((device) => wanted === undefined || wanted.includes(device.name))
    checkThinning(context, [...path, 'thin_to'], { thinToMs: uplink.thin_to, devices: concerned })
  }
  if (wanted === undefined && uplink.thin_to === undefined) return undefined
  return {
    ...(wanted === undefined ? {} : { devices: wanted }),
    ...(uplink.thin_to === undefined ? {} : { thinToMs: uplink.thin_to }),
  }
}

function wantedDevices(context: Context, path: Path, uplink: Uplink): string[] | undefined {
  const told = context.errors.length
  const names = context.names(['devices'])
  const included = uplink.include === undefined ? names : matching(context, [...path, 'include'], uplink.include)
  const excluded = uplink.exclude === undefined ? [] : matching(context, [...path, 'exclude'], uplink.exclude)
  const wanted = names.filter((name) => included.includes(name) && !excluded.includes(name))
  if (wanted.length === 0 && names.length > 0 && context.errors.length === told) {
    const key = context.written([...path, 'exclude']) ? 'exclude' : 'include'
    context.error([...path, key], 'no device is left for this uplink', { hint: 'it would never get a reading' })
  }
  return wanted.length === names.length ? undefined : wanted
}

function matching(context: Context, path: Path, given: string | readonly string[]): string[] {
  const globs = typeof given === 'string' ? [given] : given
  const names = context.names(['devices'])
  return globs.flatMap((one, index) => {
    const found = names.filter(glob(one))
    if (found.length === 0) {
      context.dangling(typeof given === 'string' ? path : [...path, index], { kind: 'device', name: one, known: names })
    }
    return found
  })
}

function checkThinning(
  context: Context,
  path: Path,
  options: { readonly thinToMs: number; readonly devices: readonly DeviceSettings[] },
): void {
  const { thinToMs, devices } = options
  const shortest = Math.min(...devices.map(shortestMs))
  if (Number.isFinite(shortest) && shortest > 0 && thinToMs <= shortest) {
    const message = `no device is read more often than every ${formatDuration(shortest)}, so this thins nothing`
    context.warning(path, message, { hint: 'remove it, or write a longer time' })
    return
  }
  for (const device of devices) {
    const point = changingPoint(device)
    if (point === undefined) continue
    const message = `${device.name}.${point} is sent when it changes, and of several changes within ${formatDuration(thinToMs)} only the first is: what it was last may never arrive`
    context.warning(path, message, { hint: 'add at_least_every to the point, or leave the device out' })
  }
}

/** A point whose next value may be long in coming: one that thinning leaves out is not made up for soon. */
function changingPoint({ points }: DeviceSettings): string | undefined {
  return points.find(
    ({ access, report }) => access !== 'wo' && report !== undefined && report.atLeastEveryMs === undefined,
  )?.name
}

/** The shortest time between two readings; 0: not known, because the device speaks by itself or has a schedule. */
function shortestMs(device: DeviceSettings): number {
  return Math.min(...device.points.filter((point) => point.access !== 'wo').map((point) => point.intervalMs))
}

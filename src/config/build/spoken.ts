import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { parseHex } from '../hex.ts'
import type { Path } from '../problem.ts'
import type { Device } from '../schema/device.ts'
import { buildBinaryPoint } from './binary-points.ts'
import type { Context } from './context.ts'
import { checkEscapes, checkOneByte } from './escapes.ts'
import { checkPattern } from './pattern.ts'
import { buildTextPoint, type Times } from './text-points.ts'

/** Keys of Modbus devices. */
const modbusKeys = ['unit_id', 'max_registers', 'max_hole', 'one_point_per_request', 'profile', 'include', 'exclude']

/** What makes a device on a serial-text or serial-binary connection different from others. */
type Spoken = Pick<DeviceSettings, 'points' | 'pattern' | 'match' | 'request'>

/** A device that sends lines of text. What is wrong is left out and told. */
export function textDevice(context: Context, path: Path, device: Device): Spoken {
  const why = 'has no meaning on a serial-text connection'
  context.refuse(path, [...modbusKeys, 'byte_order', 'match'], why)
  const times = timesOf(context, path, device)
  const points: PointSettings[] = []
  for (const [name, point] of Object.entries(device.points ?? {})) {
    const built = buildTextPoint(context, [...path, 'points', name], { point, device, times })
    if (built) points.push(built)
  }
  checkPattern(context, path, device.pattern)
  return {
    points,
    ...(device.pattern === undefined ? {} : { pattern: device.pattern }),
    ...(device.request === undefined ? {} : { request: textRequest(context, path, device.request) }),
  }
}

/** A device that sends frames of bytes. What is wrong is left out and told. */
export function binaryDevice(
  context: Context,
  path: Path,
  options: { readonly device: Device; readonly frameLength: number | undefined },
): Spoken {
  const { device, frameLength } = options
  context.refuse(path, [...modbusKeys, 'pattern'], 'has no meaning on a serial-binary connection')
  checkMatch(context, path, device)
  const times = timesOf(context, path, device)
  const points: PointSettings[] = []
  for (const [name, point] of Object.entries(device.points ?? {})) {
    const built = buildBinaryPoint(context, [...path, 'points', name], { point, device, times, frameLength })
    if (built) points.push(built)
  }
  return {
    points,
    ...matchOf(context, path, device),
    ...(device.request === undefined ? {} : { request: bytesRequest(context, path, device.request) }),
  }
}

/** A device that speaks by itself chooses its own times. */
function timesOf(context: Context, path: Path, device: Device): Times {
  if (device.request === undefined) {
    if (!context.attempted([...path, 'request'])) {
      context.refuse(path, ['interval', 'schedule'], 'has no meaning without a request: the device speaks by itself')
    }
    return { intervalMs: 0 }
  }
  return device.schedule === undefined ? { intervalMs: device.interval } : { intervalMs: 0, schedule: device.schedule }
}

function textRequest(context: Context, path: Path, request: string): Uint8Array {
  const place = [...path, 'request']
  checkEscapes(context, place, request)
  checkOneByte(context, place, request)
  return Uint8Array.from(Buffer.from(request, 'latin1'))
}

function bytesRequest(context: Context, path: Path, request: string): Uint8Array {
  const parsed = parseHex(request)
  if ('value' in parsed) return parsed.value
  context.error([...path, 'request'], parsed.problem, { hint: parsed.hint })
  return new Uint8Array()
}

/** Frames say whose they are, or somebody asked for them, or there is only one who can have sent them. */
function checkMatch(context: Context, path: Path, device: Device): void {
  if (device.request !== undefined || context.attempted([...path, 'match'])) return
  const others = Object.entries(context.file.devices).filter(([name, other]) => {
    return other.connection === device.connection && name !== path[1]
  })
  const [first] = others
  if (first === undefined) return
  const message = `missing "match": without it, frames of devices.${first[0]} are taken for its own`
  context.error(path, message, { hint: 'which bytes of a frame say whose it is', at: 'key' })
}

function matchOf(context: Context, path: Path, device: Device): Pick<DeviceSettings, 'match'> {
  const match = Object.entries(device.match ?? {}).flatMap(([position, bytes]) => {
    if (/^\d{1,4}$/.test(position)) return [{ at: Number(position), bytes }]
    context.error([...path, 'match', position], `expected a position in the frame such as 2, got "${position}"`, {
      hint: 'positions count from 0',
      at: 'key',
    })
    return []
  })
  return match.length === 0 ? {} : { match }
}

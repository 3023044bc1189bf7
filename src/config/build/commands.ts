import type { CommandSettings, DeviceSettings } from '../../settings.ts'
import type { Path } from '../problem.ts'
import type { Command } from '../schema/command.ts'
import type { Context } from './context.ts'

interface Target {
  readonly device: string
  readonly point: string
}

/** The allow-list of commands. Those that are wrong are left out and told. */
export function buildCommands(context: Context, devices: readonly DeviceSettings[]): CommandSettings[] {
  return Object.entries(context.file.commands).flatMap(([key, command]) => {
    const path = ['commands', key]
    const target = targetOf(context, [...path, 'write'], command.write)
    if (target === undefined) return []
    checkTarget(context, path, { command, target, devices })
    return [
      {
        key,
        ...target,
        mode: 'last_value',
        expiresAfterMs: command.expires_after,
        verify: command.verify,
        repeatable: command.repeatable,
        acceptRetained: command.accept_retained,
      },
    ]
  })
}

function targetOf(context: Context, place: Path, write: string): Target | undefined {
  const [, device = '', point = ''] = /^([^.]+)\.([^.]+)$/.exec(write) ?? []
  if (point === '') {
    context.error(place, `expected device.point, got "${write}"`)
    return undefined
  }
  const devices = context.names(['devices'])
  if (!devices.includes(device)) {
    context.dangling(place, { kind: 'device', name: device, known: devices })
    return undefined
  }
  if (context.lacksProfile(device)) return undefined // what points it has is not known
  const points = context.names(['devices', device, 'points'])
  if (!points.includes(point)) {
    context.dangling(place, { kind: `point of ${device}`, name: point, known: points })
    return undefined
  }
  return { device, point }
}

function checkTarget(
  context: Context,
  path: Path,
  options: { command: Command; target: Target; devices: readonly DeviceSettings[] },
): void {
  const { command, target } = options
  const device = options.devices.find((one) => one.name === target.device)
  const point = device?.points.find((one) => one.name === target.point)
  if (point === undefined) return // the point is wrong, and told
  if (point.access === 'ro') {
    const hint =
      device?.pattern === undefined ? `add access: rw to devices.${target.device}.points.${target.point}` : undefined
    context.error([...path, 'write'], `${command.write} is read-only`, { hint })
    return
  }
  if (command.verify === 'read_back' && point.access === 'wo') {
    context.error([...path, 'verify'], `${command.write} has access wo and cannot be read back`, {
      hint: 'write verify: none',
    })
  }
  if (point.access === 'rw' && !context.attempted([...path, 'verify'])) {
    context.warning(path, 'no verify: the device acknowledges the write, but nobody reads it back', {
      at: 'key',
      hint: 'write verify: read_back, or verify: none if that is meant',
    })
  }
}

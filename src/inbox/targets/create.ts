import type { Clock } from '../../clock.ts'
import type { CommandSettings } from '../../command-settings.ts'
import type { Settings } from '../../settings.ts'
import type { Devices } from '../devices.ts'
import type { Target } from '../target.ts'
import { execTarget } from './exec.ts'
import { messageTarget } from './message.ts'
import type { runProgram } from './program.ts'
import { type Verbs, verbTarget } from './verb.ts'
import { writeTarget } from './write.ts'

export interface TargetParts {
  readonly devices: Devices
  readonly verbs: Verbs
  readonly clock: Clock
  /** Runs programs; a test's stand-in. */
  readonly runProgram?: typeof runProgram
}

/** What the commands do, by key. */
export function createTargets(
  settings: Pick<Settings, 'commands' | 'connections'>,
  parts: TargetParts,
): ReadonlyMap<string, Target> {
  const all = settings.connections.flatMap((connection) => connection.devices)
  const points = new Map(all.map((device) => [device.name, new Map(device.points.map((point) => [point.name, point]))]))
  const targetOf = ({ key, target }: CommandSettings): Target => {
    switch (target.type) {
      case 'point':
      case 'group':
        return writeTarget(target, { devices: parts.devices, points: points.get(target.device) ?? new Map() })
      case 'message':
        return messageTarget(target, parts.devices)
      case 'gateway':
        return verbTarget(target.verb, { verbs: parts.verbs, deviceNames: all.map(({ name }) => name) })
      case 'exec':
        return execTarget(target, { key, ...parts })
    }
  }
  return new Map(settings.commands.map((command) => [command.key, targetOf(command)]))
}

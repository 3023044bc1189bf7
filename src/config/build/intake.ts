import type { CommandIntakeSettings } from '../../uplink-settings.ts'
import type { Path } from '../problem.ts'
import type { Uplink } from '../schema/uplink.ts'
import { checkFilter, fillGateway } from '../topics.ts'
import type { Context } from './context.ts'

/** Where commands come from; undefined when the uplink takes none. */
export function buildIntake(context: Context, uplinkPath: Path, uplink: Uplink): CommandIntakeSettings | undefined {
  const intake = uplink.commands
  if (intake === undefined) return undefined
  const path = [...uplinkPath, 'commands']
  for (const { problem, hint } of checkFilter(intake.subscribe))
    context.error([...path, 'subscribe'], problem, { hint })
  if (uplink.protocol === '3.1.1') checkOldProtocol(context, path, intake)
  if (context.names(['commands']).length === 0) {
    context.warning(path, 'this uplink takes commands, but there are none', {
      at: 'key',
      hint: 'name them under commands',
    })
  }
  if (/^\$(queue|q)\//.test(intake.subscribe) && intake.key.from === 'topic') {
    context.warning([...path, 'subscribe'], 'an EMQX queue keeps one command per sender unless it is told the key', {
      hint: 'send the key as user property, and write key: user-property:key',
    })
  }
  return {
    subscribe: fillGateway(intake.subscribe, context.gatewayId),
    key: intake.key,
    receiveMaximum: intake.receive_maximum,
  }
}

function checkOldProtocol(context: Context, path: Path, intake: NonNullable<Uplink['commands']>): void {
  if (intake.key.from === 'user-property') {
    context.error([...path, 'key'], 'MQTT 3.1.1 has no user properties', {
      hint: 'topic:-1 or json:/pointer is possible',
    })
  }
  if (context.written([...path, 'receive_maximum'])) {
    context.warning([...path, 'receive_maximum'], 'MQTT 3.1.1 has no receive maximum', { at: 'key', hint: 'remove it' })
  }
}

import type { Settings } from '../../settings.ts'
import { buildCommands } from './commands.ts'
import { buildConnections } from './connections.ts'
import type { Context } from './context.ts'
import { buildDevices } from './devices.ts'
import { checkNames } from './names.ts'
import { buildOutbox } from './outbox.ts'
import { buildUplinks } from './uplinks.ts'

/**
 * From the schema's output to settings, with everything checked that one part of the file says about another. The result
 * is only complete when the context has no errors afterwards.
 */
export function buildSettings(context: Context): Settings {
  const { gateway, inbox } = context.file
  checkNames(context)
  const devices = buildDevices(context)
  const connections = buildConnections(context, devices)
  const commands = buildCommands(context, devices)
  const uplinks = buildUplinks(context, devices)
  return {
    gateway: { id: context.gatewayId, labels: { ...gateway.labels }, clock: gateway.clock },
    connections,
    commands,
    uplinks,
    outbox: buildOutbox(context),
    inbox: { keepHistoryMs: inbox.keep_history },
  }
}

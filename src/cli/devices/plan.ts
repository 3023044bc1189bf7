import { loadSettings } from '../../config/load.ts'
import type { PlanReport } from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'
import { isRunning } from '../client.ts'
import { ownPlan } from './own.ts'
import { planText } from './plan-text.ts'
import { remoteTools } from './remote.ts'
import type { DeviceFlags } from './source.ts'

/** `tidegate plan`: what is asked of the devices when, as the agent does it now, or as the configuration has it. */
export async function plan(name: string | undefined, flags: DeviceFlags): Promise<number> {
  const report = await reportOf(flags)
  if (!report.running) console.error(`The agent is not running: computed from ${flags.config}.`)
  const connections = report.connections.filter((one) => name === undefined || one.name === name)
  if (connections.length === 0) {
    const names = report.connections.map((one) => one.name).join(', ')
    throw new GatewayError('unknown_device', `there is no connection ${name}`, { hint: `one of ${names}` })
  }
  const shown = { ...report, connections }
  console.log(flags.json ? JSON.stringify(shown, null, 2) : planText(shown).join('\n'))
  return 0
}

async function reportOf({ stateDir, config }: DeviceFlags): Promise<PlanReport> {
  if (await isRunning(stateDir)) return remoteTools(stateDir).plan()
  return ownPlan(loadSettings(config).settings.connections).plan()
}

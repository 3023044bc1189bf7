/** What needs a human about connections and devices: one sentence each, worst first. Pure. */
import type { ConnectionStatus, DeviceStatus } from './status.ts'

/** With more silent devices on a connection than this, one sentence speaks for all of them. */
const SILENT_NAMED_MAX = 3
/** Polls that are left out although there is room are the price of a command or a tool, not of the configuration. */
const OVERLOADED = 0.8

export function deviceAttention(
  connections: readonly ConnectionStatus[],
  devices: readonly DeviceStatus[],
): readonly string[] {
  return [
    ...connections.flatMap(({ name, problem }) => (problem ? [`connection ${name}: ${withHint(problem)}`] : [])),
    ...connections.flatMap(({ name, problem, suspicion }) =>
      suspicion && !problem ? [`connection ${name}: ${withHint(suspicion)}`] : [],
    ),
    ...connections.flatMap((connection) => ofSilence(connection, devices)),
    ...connections.flatMap(ofLoad),
  ]
}

/** What the sentence about the connection does not say already. */
function ofSilence(connection: ConnectionStatus, allDevices: readonly DeviceStatus[]): string[] {
  if (connection.problem || connection.suspicion) return []
  const devices = allDevices.filter((device) => device.connection === connection.name)
  const silent = devices.filter((device) => device.state === 'offline')
  const [first] = silent
  if (first === undefined) return []
  if (silent.length > 1 && silent.length === devices.length) {
    const hint = `check power, wiring, ${connection.type.startsWith('modbus-') ? 'line settings and unit ids' : 'and line settings'}`
    return [
      `connection ${connection.name}: none of its ${devices.length} devices answers (${reasonsOf(silent)}): ${hint}`,
    ]
  }
  if (silent.length <= SILENT_NAMED_MAX) {
    return silent.map((device) => `device ${device.name} is silent (${device.reason ?? 'no reply'})`)
  }
  const named = silent.slice(0, SILENT_NAMED_MAX).map(({ name }) => name)
  const names = `${named.join(', ')} and ${silent.length - named.length} more`
  return [`connection ${connection.name}: ${silent.length} of ${devices.length} devices are silent (${names})`]
}

function reasonsOf(devices: readonly DeviceStatus[]): string {
  return [...new Set(devices.map(({ reason }) => reason ?? 'no reply'))].join(', ')
}

function ofLoad({ name, busy = 0, missedPollsLately = 0 }: ConnectionStatus): string[] {
  if (missedPollsLately === 0 || busy < OVERLOADED) return []
  const polls = missedPollsLately === 1 ? '1 poll was' : `${missedPollsLately} polls were`
  const hint = 'longer intervals, fewer points or a faster line help: tidegate plan'
  return [
    `connection ${name} is in use ${Math.round(busy * 100)} % of the time and cannot keep up: ${polls} missed in the last minute (${hint})`,
  ]
}

function withHint(problem: { readonly message: string; readonly hint?: string }): string {
  return problem.hint ? `${problem.message} (${problem.hint})` : problem.message
}

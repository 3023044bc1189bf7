import type {
  CheckAnswer,
  DeviceTools,
  PlanReport,
  RawReply,
  ReadAnswer,
  WatchLine,
  WriteAnswer,
} from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'
import { callJson, getJson, openLines } from '../client.ts'

/** The devices of the running agent, over its socket. */
export function remoteTools(stateDir: string): DeviceTools {
  const post = (path: string, body: object, signal?: AbortSignal) =>
    callJson(stateDir, { method: 'POST', path, body, signal })
  return {
    plan: async () => (await getJson(stateDir, '/api/v1/connections')) as PlanReport,
    read: async (device, order) => (await post(`${deviceAt(device)}/read`, order)) as ReadAnswer,
    check: async (device, order) => (await post(`${deviceAt(device)}/check`, order)) as CheckAnswer,
    write: async (device, order) => (await post(`${deviceAt(device)}/write`, order)) as WriteAnswer,
    ask: async (connection, order, signal) =>
      (await post(`/api/v1/connections/${encodeURIComponent(connection)}/ask`, order, signal)) as RawReply[],
  }
}

/** What is recorded from now on, until the agent ends or the signal says so. */
export async function* remoteWatch(
  stateDir: string,
  { pattern, signal }: { readonly pattern: string | undefined; readonly signal: AbortSignal },
): AsyncGenerator<WatchLine> {
  const query = pattern === undefined ? '' : `?pattern=${encodeURIComponent(pattern)}`
  for await (const line of openLines(stateDir, {
    path: `/api/v1/devices/watch${query}`,
    signal,
    waitMs: SILENCE_MAX_MS,
  })) {
    if (line !== '') yield JSON.parse(line) as WatchLine
  }
  if (!signal.aborted) throw new GatewayError('agent_unreachable', 'the agent has ended')
}

/** The agent gives a sign of life every few seconds. */
const SILENCE_MAX_MS = 30_000

function deviceAt(name: string): string {
  return `/api/v1/devices/${encodeURIComponent(name)}`
}

import type { Status } from '../status.ts'
import { formatCount, formatNumberOf } from './format.ts'

/**
 * The whole truth in one line, for `systemctl status` and login greetings:
 * "5/5 devices, cloud online, 0 queued"
 */
export function statusLine(status: Status): string {
  const online = status.devices.filter((device) => device.state === 'online').length
  const parts = [`${online}/${status.devices.length} devices`]
  for (const uplink of status.uplinks)
    parts.push(`${uplink.name} ${uplink.state}`, `${formatCount(uplink.pending)} queued`)
  const waiting = status.inbox.waiting.length
  if (waiting > 0) parts.push(`${formatNumberOf(waiting, 'command')} waiting`)
  const count = status.attention.length
  if (count > 0) parts.push(`${formatCount(count)} ${count === 1 ? 'needs' : 'need'} attention`)
  return parts.join(', ')
}

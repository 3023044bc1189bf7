import type { UplinkStatus } from '../status.ts'
import { formatAge, formatByteRate, formatCount, formatDuration, formatMessageRate } from './format.ts'
import { narrowTable } from './narrow.ts'
import { remarkLines } from './remark-lines.ts'

/** The uplinks of `tidegate status`: a row each, below it how it sends and what is wrong. `told` stands above in full. */
export function uplinkLines(uplinks: readonly UplinkStatus[], told: readonly string[]): string[] {
  const head = ['UPLINKS', 'state', 'acked', 'delay', 'queued', 'oldest', 'delivered']
  const [first = '', ...rows] = narrowTable([head, ...uplinks.map(uplinkRow)], [0])
  const below = uplinks.map((uplink) => [...mannerLines(uplink), ...remarkLines(uplinkProblems(uplink, told))])
  return [first, ...rows.flatMap((row, index) => [row, ...(below[index] ?? [])])]
}

function uplinkRow(uplink: UplinkStatus): string[] {
  const state = uplink.state === 'offline' ? 'OFFLINE' : uplink.state
  return [
    uplink.name,
    `${state} ${formatDuration(uplink.sinceMs)}`,
    formatAge(uplink.lastAckAgeMs),
    uplink.deliveryDelayMs === undefined ? '-' : formatDuration(uplink.deliveryDelayMs),
    formatCount(uplink.pending),
    uplink.oldestPendingAgeMs === undefined ? '-' : formatDuration(uplink.oldestPendingAgeMs),
    formatCount(uplink.delivered),
  ]
}

/** Its type and how it sends, where that is not everything in order, twice if need be, and as fast as it goes. */
function mannerLines({ type, order, delivery, pace }: UplinkStatus): string[] {
  const parts = [
    ...(order === undefined ? [] : ['live first']),
    ...(delivery === undefined ? [] : ['at most once']),
    ...(pace?.messagesPerSecond === undefined ? [] : [`${formatMessageRate(pace.messagesPerSecond)} at most`]),
    ...(pace?.bytesPerSecond === undefined ? [] : [`${formatByteRate(pace.bytesPerSecond)} at most`]),
  ]
  return parts.length === 0 ? [] : [`  ${[type, ...parts].join(', ')}`]
}

/** What is told above in full has only its code here. */
function uplinkProblems(uplink: UplinkStatus, told: readonly string[]): string[] {
  const { paused, problem, shortfalls = [], nextTryInMs, rejected, dropped } = uplink
  const textOf = ({ code, message }: NonNullable<UplinkStatus['problem']>) =>
    told.some((sentence) => sentence.includes(message)) ? `${code}, see above` : message
  const retry = nextTryInMs === undefined ? '' : `, retry in ${formatDuration(nextTryInMs)}`
  return [
    ...(paused ? ['paused by an operator'] : []),
    ...(problem === undefined ? [] : [`${textOf(problem)}${retry}`]),
    ...shortfalls.map(textOf),
    ...(rejected > 0 ? [`${formatCount(rejected)} rejected by the broker`] : []),
    ...(dropped > 0 ? [`${formatCount(dropped)} dropped`] : []),
  ]
}

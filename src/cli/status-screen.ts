import type { ConnectionStatus, DeviceStatus, InboxStatus, PointStatus, Status, UplinkStatus } from '../status.ts'
import { formatAge, formatCount, formatDuration, formatNumberOf, formatRate, formatSize } from './format.ts'
import { table } from './table.ts'

/** Commands listed one by one; beyond it they are only counted. */
const WAITING_COMMANDS_MAX = 3
/** Points of a device shown with their values; all are in `--json`. */
const POINTS_MAX = 4
/** Device problems named in a connection's row; beyond it they are only counted. */
const DEVICE_PROBLEMS_MAX = 2

/** One screen with everything: what is bad carries "!" and a reason in words. Pure. */
export function statusScreen(status: Status): string[] {
  return [
    headline(status),
    ...status.attention.map((sentence) => `! ${sentence}`),
    '',
    ...table([
      ['CONNECTIONS', 'type', 'line', 'devices', 'busy', 'failed', 'last reply', ''],
      ...status.connections.map((connection) => connectionRow(connection, status)),
    ]),
    '',
    ...table([['DEVICES', 'state', 'reply', 'last values'], ...status.devices.map(deviceRow)]),
    '',
    ...table([
      ['UPLINKS', 'type', 'state', 'acked', 'delay', 'queued', 'oldest', 'delivered', ''],
      ...status.uplinks.map((uplink) => uplinkRow(uplink, status.attention)),
    ]),
    '',
    ...table([['OUTBOX', outboxText(status)], ['INBOX', inboxText(status.inbox)], ...waitingRows(status.inbox)]),
    ...nextLine(status),
  ]
}

function headline(status: Status): string {
  const count = status.attention.length
  const verdict =
    count === 0 ? 'all is well' : `${formatNumberOf(count, 'thing')} ${count === 1 ? 'needs' : 'need'} attention`
  const clock = status.clockKnown ? [] : ['clock not vouched for (gateway.clock)']
  return [
    status.gateway,
    `tidegate ${status.version}`,
    `up ${formatDuration(status.uptimeMs)}`,
    ...clock,
    verdict,
  ].join('   ')
}

function connectionRow(connection: ConnectionStatus, status: Status): string[] {
  const devices = status.devices.filter((device) => device.connection === connection.name)
  const online = devices.filter((device) => device.state === 'online').length
  return [
    connection.name,
    connection.type,
    connection.line,
    `${online} of ${devices.length}`,
    connection.busy === undefined ? '-' : `${Math.round(connection.busy * 100)} %`,
    `${formatCount(connection.failures)} of ${formatCount(connection.exchanges)}`,
    formatAge(connection.lastReplyAgeMs),
    remark(connectionProblems(connection, { devices, told: status.attention })),
  ]
}

function deviceRow(device: DeviceStatus): string[] {
  const shown = device.points.slice(0, POINTS_MAX).map(pointText)
  const more = device.points.length > POINTS_MAX ? [`and ${device.points.length - POINTS_MAX} more`] : []
  const reply = device.latencyMs === undefined ? '-' : `${Math.round(device.latencyMs)} ms`
  return [device.name, device.state, reply, [...shown, ...more].join(' · ')]
}

function pointText({ name, value, error, unit, quality }: PointStatus): string {
  if (error !== undefined) return `${name} ${error}`
  if (value === undefined) return `${name} -`
  return `${name} ${value}${unit === undefined ? '' : ` ${unit}`}${quality === 'stale' ? ' (old)' : ''}`
}

/** What is told above in full has only its code here. */
function connectionProblems(
  connection: ConnectionStatus,
  { devices, told }: { readonly devices: readonly DeviceStatus[]; readonly told: readonly string[] },
): string[] {
  const { problem, suspicion, missedPollsLately = 0 } = connection
  const isTold = ({ message }: { readonly message: string }) => told.some((sentence) => sentence.includes(message))
  if (problem !== undefined && connection.state !== 'open') {
    if (isTold(problem)) return [`${problem.code}, see above`]
    return [problem.hint === undefined ? problem.message : `${problem.message} (${problem.hint})`]
  }
  const silent = devices.filter((device) => device.state === 'offline').map(deviceProblem)
  const notes = [
    ...(connection.state === 'paused' ? ['polling is paused'] : []),
    ...(connection.state === 'lent' ? ['used by a tool, nothing is polled'] : []),
    ...(suspicion ? [isTold(suspicion) ? `${suspicion.code}, see above` : suspicion.message] : []),
    ...(missedPollsLately > 0 ? [`${formatNumberOf(missedPollsLately, 'poll')} missed in the last minute`] : []),
  ]
  const more = silent.length - DEVICE_PROBLEMS_MAX
  return [...notes, ...(more > 0 ? [...silent.slice(0, DEVICE_PROBLEMS_MAX), `${more} more`] : silent)]
}

function deviceProblem(device: DeviceStatus): string {
  const reason = device.reason === undefined ? '' : ` (${device.reason})`
  const retry = device.nextProbeInMs === undefined ? '' : `, retry in ${formatDuration(device.nextProbeInMs)}`
  return `${device.name} offline ${formatDuration(device.sinceMs)}${reason}${retry}`
}

function uplinkRow(uplink: UplinkStatus, told: readonly string[]): string[] {
  const state = uplink.state === 'offline' ? 'OFFLINE' : uplink.state
  return [
    uplink.name,
    typeText(uplink),
    `${state} ${formatDuration(uplink.sinceMs)}`,
    formatAge(uplink.lastAckAgeMs),
    uplink.deliveryDelayMs === undefined ? '-' : formatDuration(uplink.deliveryDelayMs),
    formatCount(uplink.pending),
    uplink.oldestPendingAgeMs === undefined ? '-' : formatDuration(uplink.oldestPendingAgeMs),
    formatCount(uplink.delivered),
    remark(uplinkProblems(uplink, told)),
  ]
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

/** Its type, and how it sends where that is not everything in order, twice if need be, and as fast as it goes. */
function typeText({ type, order, delivery, pace }: UplinkStatus): string {
  const parts = [
    type,
    ...(order === undefined ? [] : ['live first']),
    ...(delivery === undefined ? [] : ['at most once']),
    ...(pace?.messagesPerSecond === undefined ? [] : [`${formatRate(pace.messagesPerSecond)}/s`]),
    ...(pace?.bytesPerSecond === undefined ? [] : [`${formatSize(pace.bytesPerSecond)}/s`]),
  ]
  return parts.join(', ')
}

function outboxText({ outbox, storage }: Status): string {
  const parts = [
    `${formatSize(outbox.usedBytes)} of ${formatSize(outbox.maxBytes)}`,
    `${formatCount(outbox.tail)} in memory`,
    `${formatNumberOf(outbox.writtenRecords, 'record')} written in ${formatNumberOf(outbox.commits, 'commit')}${flashText(storage)}`,
  ]
  if (storage.problem !== undefined) {
    const since = `for ${formatDuration(storage.problem.sinceMs)}`
    parts.push(
      `! ${storage.problem.message}, ${since}${storage.problem.hint === undefined ? '' : `: ${storage.problem.hint}`}`,
    )
  }
  if (storage.recovered !== undefined) parts.push(storage.recovered)
  return parts.join(' · ')
}

/** What the card had to take for it. */
function flashText({ writtenBytes }: Status['storage']): string {
  return writtenBytes === undefined ? '' : `, ${formatSize(writtenBytes)} to flash`
}

function inboxText(inbox: InboxStatus): string {
  const finished = Object.entries(inbox.finished).filter(([, count]) => count > 0)
  return [
    `${formatCount(inbox.waiting.length)} waiting`,
    `${formatCount(inbox.received)} received`,
    ...finished.map(([state, count]) => `${formatCount(count)} ${state}`),
    ...(inbox.repeatedWrites ? [`${formatCount(inbox.repeatedWrites)} written again`] : []),
  ].join(' · ')
}

function waitingRows(inbox: InboxStatus): string[][] {
  const rows = inbox.waiting
    .slice(0, WAITING_COMMANDS_MAX)
    .map(({ key, value, reason, expiresInMs }) => [
      '',
      `${key} ${value} waits: ${reason}, expires in ${formatDuration(expiresInMs)}`,
    ])
  const more = inbox.waiting.length - rows.length
  return more > 0 ? [...rows, ['', `and ${formatNumberOf(more, 'other')}: tidegate inbox`]] : rows
}

/** The command that helps, when something is wrong. */
function nextLine(status: Status): string[] {
  if (status.attention.length === 0) return []
  const backlog = status.uplinks.some(({ pending, state, paused }) => pending > 0 && (paused || state !== 'online'))
  const absent = status.outbox.absent?.some(({ pending }) => pending > 0)
  const look = backlog || absent ? 'tidegate outbox' : 'tidegate status --json'
  return ['', `next:  journalctl -u tidegate -p warning -n 50      ${look}`]
}

function remark(problems: readonly string[]): string {
  return problems.length === 0 ? '' : `! ${problems.join('; ')}`
}

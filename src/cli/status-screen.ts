import type { ConnectionStatus, DeviceStatus, InboxStatus, PointStatus, Status } from '../status.ts'
import { formatAge, formatCount, formatDuration, formatNumberOf, formatSize } from './format.ts'
import { narrowTable, wrappedTable } from './narrow.ts'
import { remarkLines } from './remark-lines.ts'
import { uplinkLines } from './status-uplinks.ts'
import { cut } from './table.ts'
import { wrapped } from './wrapped.ts'

/** Commands listed one by one; beyond it they are only counted. */
const WAITING_COMMANDS_MAX = 3
/** Points of a device shown with their values; all are in `--json`. */
const POINTS_MAX = 4
/** Cells of a device's name, of a point with its value, of a command's value; what is longer is in `--json` and `tidegate inbox`. */
const NAME_CELLS = 22
const POINT_CELLS = 36
/** Device problems named in a connection's row; beyond it they are only counted. */
const DEVICE_PROBLEMS_MAX = 2

/** One screen of 80 columns with everything: what is bad carries "!" and a reason in words, below its row. Pure. */
export function statusScreen(status: Status): string[] {
  return [
    ...headline(status),
    ...status.attention.flatMap((sentence) => wrapped(`! ${sentence}`, '  ')),
    '',
    ...connectionLines(status),
    '',
    ...wrappedTable([['DEVICES', 'state', 'reply', 'last values'], ...status.devices.map(deviceRow)]),
    '',
    ...uplinkLines(status.uplinks, status.attention),
    '',
    ...wrappedTable([['OUTBOX', outboxText(status)], ['INBOX', inboxText(status.inbox)], ...waitingRows(status.inbox)]),
    ...nextLine(status),
  ]
}

/** What to know about the clock does not fit into one line with the rest. */
function headline(status: Status): string[] {
  const count = status.attention.length
  const verdict =
    count === 0 ? 'all is well' : `${formatNumberOf(count, 'thing')} ${count === 1 ? 'needs' : 'need'} attention`
  const about = [status.gateway, `tidegate ${status.version}`, `up ${formatDuration(status.uptimeMs)}`].join('   ')
  return status.clockKnown
    ? wrapped(`${about}   ${verdict}`, '   ')
    : [...wrapped(about, '   '), `   clock not vouched for (gateway.clock)   ${verdict}`]
}

/** When the table is too wide, its type is the first to be cut: the line says most of it. */
function connectionLines(status: Status): string[] {
  const { connections, devices, attention } = status
  const head = ['CONNECTIONS', 'type', 'line', 'devices', 'busy', 'failed', 'last reply']
  const [first = '', ...rows] = narrowTable([head, ...connections.map((one) => connectionRow(one, status))], [1, 2, 0])
  const below = connections.map((connection) => {
    const own = devices.filter((device) => device.connection === connection.name)
    return remarkLines(connectionProblems(connection, { devices: own, told: attention }))
  })
  return [first, ...rows.flatMap((row, index) => [row, ...(below[index] ?? [])])]
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
  ]
}

function deviceRow(device: DeviceStatus): string[] {
  const shown = device.points.slice(0, POINTS_MAX).map((point) => cut(pointText(point), POINT_CELLS))
  const more = device.points.length > POINTS_MAX ? [`and ${device.points.length - POINTS_MAX} more`] : []
  const reply = device.latencyMs === undefined ? '-' : `${Math.round(device.latencyMs)} ms`
  return [cut(device.name, NAME_CELLS), device.state, reply, [...shown, ...more].join(' · ')]
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
      `${key} ${cut(value, POINT_CELLS)} waits: ${reason}, expires in ${formatDuration(expiresInMs)}`,
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

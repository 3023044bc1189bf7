import type { OutboxBooks, OutboxDisk, OutboxReport, OutboxUplink } from '../../outbox-api.ts'
import { formatCount, formatDuration, formatNumberOf, formatRate, formatSize } from '../format.ts'
import { table } from '../table.ts'

/** The outbox on one screen of 80 columns: what is bad carries "!" and a reason in words. Pure. */
export function outboxScreen(report: OutboxReport): string[] {
  return [
    `${report.gateway}   epoch ${report.epoch}   newest record ${formatCount(report.head)}`,
    '',
    ...flowLines(report),
    '',
    ...booksLines([...report.uplinks, ...report.absent]),
    '',
    ...diskLines(report.disk),
    ...nextLines(report),
  ]
}

/** Whether it moves: one row for each uplink, with remarks below it. */
function flowLines({ uplinks, absent, inPerSecond }: OutboxReport): string[] {
  const rows = [
    ...uplinks.map((uplink) => ({ cells: flowCells(uplink, inPerSecond), remarks: remarksOf(uplink) })),
    ...absent.map((books) => ({
      cells: [books.name, 'not configured', ...depthCells(books), '-', '-', '-'],
      remarks: [`its records are kept for it; to give them up: tidegate outbox forget ${books.name}`],
    })),
  ]
  const head = ['UPLINK', 'state', 'waiting', 'oldest', 'in/s', 'out/s', 'drains in']
  const lines = table([head, ...rows.map(({ cells }) => cells)], { right: [2, 3, 4, 5, 6] })
  return [lines[0] ?? '', ...rows.flatMap(({ remarks }, index) => [lines[index + 1] ?? '', ...remarks.map(indented)])]
}

function flowCells(uplink: OutboxUplink, inPerSecond: number | undefined): string[] {
  return [
    uplink.name,
    stateText(uplink),
    ...depthCells(uplink),
    formatRate(inPerSecond),
    formatRate(uplink.outPerSecond),
    uplink.drainsInMs === undefined ? '-' : formatDuration(uplink.drainsInMs),
  ]
}

function depthCells({ pending, oldestAgeMs }: OutboxBooks): string[] {
  return [formatCount(pending), oldestAgeMs === undefined ? '-' : formatDuration(oldestAgeMs)]
}

function stateText({ paused, state, sinceMs }: OutboxUplink): string {
  if (paused) return 'PAUSED'
  if (state === undefined) return 'not running'
  const since = sinceMs === undefined ? '' : ` ${formatDuration(sinceMs)}`
  return `${state === 'offline' ? 'OFFLINE' : state}${since}`
}

function remarksOf({ name, paused, problem, state, dropped, rejected }: OutboxUplink): string[] {
  const remarks: string[] = []
  if (paused) remarks.push(`! paused by an operator; to go on: tidegate outbox resume ${name}`)
  if (problem !== undefined && state !== 'online') remarks.push(`! ${problem}`)
  if (dropped > 0) remarks.push(`! ${formatNumberOf(dropped, 'record')} given up by a limit or by hand`)
  if (rejected > 0) {
    remarks.push(`! ${formatNumberOf(rejected, 'record')} rejected by the broker: tidegate outbox rejected`)
  }
  return remarks
}

function indented(remark: string): string {
  return `  ${remark}`
}

/** What became of every number: the columns before "again" add up to "issued". */
function booksLines(all: readonly OutboxBooks[]): string[] {
  const rows = all.map((books) => [
    books.name,
    ...[
      books.issued,
      books.delivered,
      books.pending,
      books.dropped,
      books.rejected,
      books.notWanted + books.skipped,
      books.replayed,
    ].map(formatCount),
  ])
  const head = ['BOOKS', 'issued', 'delivered', 'waiting', 'dropped', 'rejected', 'not its', 'again']
  return table([head, ...rows], { right: [1, 2, 3, 4, 5, 6, 7] })
}

function diskLines(disk: OutboxDisk): string[] {
  const size = disk.maxBytes === undefined ? '' : ` of ${formatSize(disk.maxBytes)}`
  const now = [
    `${formatSize(disk.usedBytes)}${size} used`,
    ...(disk.freeBytes === undefined ? [] : [`${formatSize(disk.freeBytes)} free on the disk`]),
    ...(disk.inMemory === undefined ? [] : [`${formatNumberOf(disk.inMemory, 'record')} in memory`]),
  ]
  return table([['DISK', now.join(' · ')], ...writtenRows(disk)])
}

function writtenRows({ writtenRecords, writtenBytes }: OutboxDisk): string[][] {
  if (writtenRecords === undefined) return []
  const each = (writtenBytes ?? 0) / writtenRecords
  // Of a few records it would be the room that the log takes ahead.
  const share = writtenRecords < 1_000 ? '' : ` (${formatSize(each)} each)`
  const flash = writtenBytes === undefined ? '' : `, ${formatSize(writtenBytes)} to flash${share}`
  return [['', `${formatNumberOf(writtenRecords, 'record')} written since the start${flash}`]]
}

/** The command that helps. */
function nextLines({ uplinks, running }: OutboxReport): string[] {
  if (!running) return ['', 'next:  systemctl start tidegate      tidegate outbox verify']
  const behind = uplinks.find((uplink) => uplink.pending > 0 && uplink.state !== 'online')
  return behind ? ['', `next:  tidegate outbox ls --uplink ${behind.name}`] : []
}

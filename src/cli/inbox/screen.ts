import type { InboxCounts, InboxKey, InboxReport, ListedCommand } from '../../inbox-api.ts'
import type { CommandState } from '../../model.ts'
import { formatCount, formatDuration, formatNumberOf, formatTime } from '../format.ts'
import { cut, displayWidth, table } from '../table.ts'

/** So much of what a command waits for is always to be seen, and of its key, id and value at least so much. */
const FOR_WIDTH = 24
const NARROWEST = 8

/** The inbox on one screen: what waits and for what, and what became of the rest. Lines are cut at `columns`. Pure. */
export function inboxScreen(
  report: InboxReport,
  options: { readonly latest: readonly ListedCommand[]; readonly columns: number },
): string[] {
  const { latest, columns } = options
  return [
    ...keyLines(report.keys),
    ...waitingLines(report, columns),
    ...(latest.length === 0 ? [] : ['', ...latestLines(latest)]),
    ...(report.counts ? ['', countsLine(report.counts)] : []),
  ].map((line) => cut(line, columns))
}

/** Columns that are nothing but zeros are left out. */
const counted: readonly { readonly head: string; readonly states: readonly CommandState[]; readonly always?: true }[] =
  [
    { head: 'waiting', states: ['waiting', 'applying'], always: true },
    { head: 'applied', states: ['applied', 'verified'], always: true },
    { head: 'failed', states: ['failed'] },
    { head: 'unknown', states: ['unknown'] },
    { head: 'refused', states: ['refused'] },
    { head: 'superseded', states: ['superseded'] },
    { head: 'expired', states: ['expired'] },
    { head: 'cancelled', states: ['cancelled'] },
  ]

function keyLines(keys: readonly InboxKey[]): string[] {
  if (keys.length === 0) return ['No command is configured, and none is known.']
  const inState = ({ states }: InboxKey, meant: readonly CommandState[]) =>
    meant.reduce((sum, state) => sum + (states[state] ?? 0), 0)
  const shown = counted.filter(({ states, always }) => always || keys.some((key) => inState(key, states) > 0))
  const hasVersions = keys.some(({ highest }) => highest)
  const rows = keys.map((key) => [
    key.key,
    ...shown.map(({ states }) => formatCount(inState(key, states))),
    ...(hasVersions ? [String(key.highest?.version ?? '-')] : []),
    doesText(key),
  ])
  const head = ['KEY', ...shown.map((one) => one.head), ...(hasVersions ? ['version'] : []), 'what it does']
  return table([head, ...rows], { right: rows[0]?.slice(1, -1).map((_, index) => index + 1) ?? [] })
}

function doesText({ does, mode }: InboxKey): string {
  if (does === undefined) return '-'
  return mode === 'queue' ? `${does} (queue)` : does
}

function waitingLines({ live, next }: InboxReport, columns: number): string[] {
  if (live === 0) return ['', 'Nothing waits.']
  const rows = next.map((command) => [
    command.key,
    command.id,
    command.value ?? '-',
    command.ageMs === undefined ? '-' : formatDuration(command.ageMs),
    command.expiresInMs === undefined ? '-' : formatDuration(command.expiresInMs),
    command.waitsFor ?? command.state,
  ])
  const head = ['WAITING', 'id', 'value', 'since', 'expires in', 'for']
  const more = live - next.length
  return [
    '',
    ...table(narrowed([head, ...rows], columns), { right: [3, 4] }),
    ...(more > 0 ? [`and ${formatNumberOf(more, 'other')}: tidegate inbox ls --state waiting`] : []),
  ]
}

/** What it waits for is why somebody looks: of a long value, id or key only the beginning stands before it. */
function narrowed(rows: readonly (readonly string[])[], columns: number): (readonly string[])[] {
  const width = (column: number) => Math.max(...rows.map((row) => displayWidth(row[column] ?? '')))
  const last = (rows[0]?.length ?? 1) - 1
  let excess = Math.min(FOR_WIDTH, width(last)) - columns
  for (let column = 0; column < last; column++) excess += width(column) + 2
  let cells = [...rows]
  for (const column of [2, 1, 0]) {
    const before = width(column)
    const after = Math.min(before, Math.max(NARROWEST, before - Math.max(0, excess)))
    cells = cells.map((row) => row.map((cell, index) => (index === column ? cut(cell, after) : cell)))
    excess -= before - after
  }
  return cells
}

function latestLines(latest: readonly ListedCommand[]): string[] {
  const rows = latest.map((command) => [
    command.key,
    command.id,
    command.value ?? '-',
    command.finishedTs === undefined ? '?' : formatTime(command.finishedTs),
    endText(command),
  ])
  return table([['LATEST', 'id', 'value', 'ended', 'state'], ...rows])
}

/** The state, and why. */
export function endText({ state, reason, supersededBy, waitsFor, readBack }: ListedCommand): string {
  if (waitsFor !== undefined && waitsFor !== state) return `${state}: ${waitsFor}`
  const why = [
    ...(supersededBy === undefined ? [] : [`by ${supersededBy}`]),
    // A reason that has to do with what was read back says so itself.
    ...(reason === undefined ? (readBack === undefined ? [] : [`read back ${readBack}`]) : [reason]),
  ]
  return why.length === 0 ? state : `${state}: ${why.join('; ')}`
}

function countsLine({ received, duplicates, retainedIgnored, repeatedWrites }: InboxCounts): string {
  const parts = [
    `${formatCount(received)} received since the start`,
    ...(duplicates > 0 ? [formatNumberOf(duplicates, 'repeat')] : []),
    ...(retainedIgnored > 0 ? [`${formatCount(retainedIgnored)} retained, ignored`] : []),
    ...(repeatedWrites > 0 ? [`${formatCount(repeatedWrites)} written again`] : []),
  ]
  return parts.join(' · ')
}

import { formatDuration } from '../../config/units.ts'
import type { PlannedConnection, PlannedDevice, PlannedPoll, PlanReport, PollRequest } from '../../device-api.ts'
import { formatNumberOf } from '../format.ts'
import { table } from '../table.ts'

/** Names of points in a row. */
const POINTS_SHOWN = 3

/** What `tidegate plan` prints. Pure. */
export function planText({ connections }: PlanReport): string[] {
  return connections.flatMap((connection, index) => [...(index === 0 ? [] : ['']), ...connectionText(connection)])
}

function connectionText(connection: PlannedConnection): string[] {
  const { name, type, line, state, busy, devices } = connection
  const facts = [type, line, ...(state === undefined ? [] : [state])]
  const use = busy === undefined ? [] : [`busy ${percent(busy)} of the last minute`]
  const isModbus = type.startsWith('modbus-')
  const rows = devices.flatMap((device) => deviceRows(device, isModbus))
  const head = ['DEVICE', 'every', 'reads', 'count', 'wire', 'points']
  return [
    `${name}   ${[...facts, ...use].join('   ')}`,
    ...table([head, ...rows], { right: [3] }),
    ...learnt(devices),
  ].map((text, at) => (at === 0 ? text : `  ${text}`))
}

function deviceRows(device: PlannedDevice, isModbus: boolean): string[][] {
  const first = isModbus ? `${device.name} (${device.unitId})` : device.name
  const reads = device.polls.flatMap((poll) => poll.reads.map((read) => ({ poll, read })))
  const facts = factsOf(device)
  const rows = reads.map(({ poll, read }, index) => [
    index === 0 ? first : '',
    index === 0 || reads[index - 1]?.poll !== poll ? everyText(poll) : '',
    read.range,
    String(read.count),
    read.wireMs === 0 ? '-' : `${Math.round(read.wireMs)} ms`,
    pointsText(read),
  ])
  if (rows.length === 0) rows.push([first, ...notPolled(device)])
  return [...rows, ...(facts === '' ? [] : [['', facts]])]
}

function notPolled({ polls }: PlannedDevice): string[] {
  const [poll] = polls
  return poll ? [everyText(poll), '-', '-', '-', ''] : ['-', 'speaks by itself, or is only written to']
}

/** What was learnt from it. */
function factsOf({ state, latencyMs, missedPolls }: PlannedDevice): string {
  const facts = [
    ...(state === undefined || state === 'online' ? [] : [`! ${state}`]),
    ...(latencyMs === undefined ? [] : [`usually answers in ${Math.max(1, Math.round(latencyMs))} ms`]),
    ...(missedPolls ? [`${formatNumberOf(missedPolls, 'poll')} missed since the start`] : []),
  ]
  return facts.join(' · ')
}

function learnt(devices: readonly PlannedDevice[]): string[] {
  const reads = devices.flatMap(({ name, polls }) =>
    polls.flatMap((poll) => poll.reads.map((read) => ({ name, read }))),
  )
  return reads.flatMap(({ name, read }) => (read.learnt === undefined ? [] : [`${name} ${read.range}: ${read.learnt}`]))
}

function everyText({ intervalMs, schedule }: PlannedPoll): string {
  return schedule ?? formatDuration(intervalMs)
}

function pointsText({ points }: PollRequest): string {
  const shown = points.slice(0, POINTS_SHOWN).join(', ')
  return points.length > POINTS_SHOWN ? `${shown} and ${points.length - POINTS_SHOWN} more` : shown
}

function percent(share: number): string {
  return share > 0 && share < 0.01 ? 'under 1 %' : `${Math.round(share * 100)} %`
}

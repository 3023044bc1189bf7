import type { Loaded } from '../../config/load.ts'
import { counted, type Problem } from '../../config/problem.ts'
import { formatDuration, formatSize as formatLimit } from '../../config/units.ts'
import type { Settings } from '../../settings.ts'
import { formatSize } from '../format.ts'
import { table } from '../table.ts'
import type { Forecast } from './forecast.ts'
import type { ConnectionPlan, DevicePlan } from './poll-plan.ts'

export interface CheckResult {
  readonly file: string
  readonly loaded: Loaded
  readonly plan: readonly ConnectionPlan[]
  readonly forecast: Forecast
}

/** What `tidegate check` prints about a valid configuration. */
export function checkReport(result: CheckResult): string {
  const { loaded } = result
  const { connections, devices, points, commands, uplinks } = loaded.summary
  const counts = [
    counted(connections, 'connection'),
    counted(devices, 'device'),
    counted(points, 'point'),
    counted(commands, 'command'),
    counted(uplinks, 'uplink'),
  ].join(', ')
  const lines = [
    `${result.file}: valid.  ${counts}`,
    '',
    ...table([['POLL PLAN', 'every', 'requests', 'registers', 'time on wire', 'fits'], ...planRows(result.plan)]),
    ...dataLines(loaded.settings, result.forecast),
    ...warningLines(loaded.warnings),
  ]
  return `${lines.join('\n')}\n`
}

function planRows(plan: readonly ConnectionPlan[]): string[][] {
  return plan.flatMap((connection) => [
    ...connection.devices.map(deviceRow),
    ...(connection.devices.every((device) => device.speaks) ? [] : [totalRow(connection)]),
  ])
}

function deviceRow(device: DevicePlan): string[] {
  if (device.speaks) return [device.device, 'speaks by itself', '-', '-', '-', 'yes']
  if (device.everyMs === 0) return [device.device, 'never', '-', '-', '-', 'yes   (nothing to read)']
  const fits = device.wireMs < device.everyMs ? 'yes' : 'NO'
  return [
    device.device,
    device.schedule ?? formatDuration(device.everyMs),
    String(device.requests),
    device.registers === 0 ? '-' : String(device.registers),
    `${wireTime(device.wireMs)} (${percent(device.wireMs / device.everyMs)})`,
    `${fits}${rarer(device)}`,
  ]
}

function rarer(device: DevicePlan): string {
  const parts = device.rarer.map((one) => {
    const names = one.points.length > 3 ? `${one.points.length} points` : one.points.join(', ')
    const when = one.schedule === undefined ? `every ${formatDuration(one.everyMs)}` : `at "${one.schedule}"`
    const what = one.requests > 0 ? `+${counted(one.requests, 'request')} ${when}` : `${when} in the same requests`
    return `${what}: ${names}`
  })
  return parts.length === 0 ? '' : `   (${parts.join('; ')})`
}

function totalRow(plan: ConnectionPlan): string[] {
  const room = Math.floor(1 / plan.busy)
  const more = room >= 100 ? 'plenty of room' : room >= 2 ? `room for about ${room}x` : 'little room'
  const fits = plan.fits ? `yes, ${more}` : 'NO: use longer intervals, a faster line or fewer points'
  const assumed = plan.lineAssumed ? ' (9600 8N1 is assumed behind the converter; `line` says what it is)' : ''
  return [`${plan.connection} total`, '', '', '', `${percent(plan.busy)} busy`, `${fits}${assumed}`]
}

function dataLines(settings: Settings, estimate: Forecast): string[] {
  const rate = rateText(estimate.recordsPerSecond)
  const sent = estimate.uplinks.map((one) => `${one.uplink} ${megabytes(one.bytesPerDay)} a day`).join(' · ')
  const behind = estimate.uplinks.filter((one) => one.fallsBehind).map((one) => one.uplink)
  const offline = `offline about ${megabytes(estimate.flashBytesPerDayOffline)} a day`
  return table([
    ['DATA RATE', `about ${rate} of ${Math.round(estimate.recordBytes)} bytes · ${sent}`],
    ...(behind.length === 0
      ? []
      : [
          [
            'PACE',
            `${behind.join(', ')}: the pace is below what is made; the backlog will grow until the oldest is given up`,
          ],
        ]),
    ['OUTBOX', outboxText(settings, estimate)],
    ['FLASH', `${onlineText(settings)} · ${offline}`],
  ])
}

function outboxText(settings: Settings, estimate: Forecast): string {
  const { sizeDays, maxAgeDays, usedBytesMax } = estimate.outbox
  const size = formatLimit(settings.outbox.maxSizeBytes)
  if (!Number.isFinite(sizeDays)) return `${size}, and nothing to keep in it`
  const holds = `${size} would hold about ${days(sizeDays)} offline`
  const then = settings.outbox.whenFull === 'pause_polling' ? 'polling pauses' : 'the oldest readings are given up'
  if (sizeDays <= maxAgeDays) return `${size} holds about ${days(sizeDays)} offline, then ${then}`
  return `${holds}; the limit of ${days(maxAgeDays)} is reached first, at about ${formatSize(usedBytesMax)}`
}

/** P10: what is acknowledged before a commit is due never reaches the card. */
function onlineText(settings: Settings): string {
  const { commitIntervalMs, keepDeliveredMs } = settings.outbox
  const slow = settings.uplinks.find(
    (uplink) => uplink.batch !== undefined && uplink.batch.waitMaxMs >= commitIntervalMs,
  )
  if (commitIntervalMs === 0) return 'online every reading is written (commit_interval is 0s)'
  if (keepDeliveredMs > 0) return 'online every reading is written (keep_delivered is above 0s)'
  const once = settings.uplinks.find((uplink) => uplink.delivery === 'at_most_once')
  if (once) return `online every reading is written (${once.name} delivers at most once)`
  if (slow) return `online every reading is written (${slow.name} waits longer than commit_interval)`
  return `online nothing is written while acknowledgements take less than ${formatDuration(commitIntervalMs)}`
}

function warningLines(warnings: readonly Problem[]): string[] {
  if (warnings.length === 0) return []
  const rows = warnings.map((one) => [
    `  line ${one.line}`,
    one.path,
    one.hint === undefined ? one.message : `${one.message}; ${one.hint}`,
  ])
  return ['WARNINGS', ...table(rows)]
}

function wireTime(ms: number): string {
  return ms >= 100 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms)} ms`
}

function percent(share: number): string {
  if (share > 0 && share < 0.01) return 'under 1 %'
  return `${Math.round(share * 100)} %`
}

function rateText(perSecond: number): string {
  if (perSecond >= 1) return `${perSecond.toFixed(1)} records/s`
  if (perSecond * 60 >= 1) return `${(perSecond * 60).toFixed(1)} records/min`
  return `${Math.round(perSecond * 86_400)} records a day`
}

function megabytes(bytes: number): string {
  const amount = bytes / 1e6
  return `${amount >= 10 ? Math.round(amount) : amount.toFixed(1)} MB`
}

function days(count: number): string {
  return count >= 2 ? `${Math.round(count)} days` : `${(count * 24).toFixed(count * 24 >= 10 ? 0 : 1)} hours`
}

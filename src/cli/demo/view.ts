import { styleText } from 'node:util'
import type { DeviceStatus, PointStatus, Status } from '../../status.ts'
import type { Checker } from './checker.ts'

export interface Scene {
  readonly status: Status
  readonly checker: Checker
  /** Is the cable between gateway and cloud plugged in? */
  readonly linkUp: boolean
  readonly elapsedMs: number
  /** What happens now, in one sentence. */
  readonly story: string
  /** Queue depth over time, oldest first. */
  readonly queue: readonly number[]
  readonly width: number
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
/** Marks text for a terminal; plain text when colours are off. */
export type Paint = (style: Style, text: string) => string

export const colour: Paint = (style, text) => styleText(style, text)
export const plain: Paint = (_style, text) => text

const LABEL_WIDTH = 12
const BARS = '▁▂▃▄▅▆▇█'

/** The live screen as lines. Pure. */
export function screen(scene: Scene, paint: Paint): string[] {
  const { status, checker } = scene
  const uplink = status.uplinks[0]
  const finished = Object.entries(status.inbox.finished).map(([state, count]) => `${count} ${state}`)
  const waiting = status.inbox.waiting.map((command) => `${command.key} = ${command.value} waits (${command.reason})`)
  const missing = checker.missing()
  return [
    `${paint('bold', 'Tidegate demo')}   ${clockText(scene.elapsedMs)}   simulated site, broker in this process`,
    '',
    paint('cyan', `> ${scene.story}`),
    '',
    ...status.devices.map((device) => deviceLine(device, scene.width, paint)),
    '',
    row('link', scene.linkUp ? paint('green', `up, uplink ${uplink?.state ?? '-'}`) : paint('red', 'CUT'), paint),
    row('queue', `${String(uplink?.pending ?? 0).padStart(5)}  ${sparkline(scene.queue, scene.width - 24)}`, paint),
    row(
      'on disk',
      `${status.outbox.writtenRecords} records written since the start, ${status.outbox.tail} in memory`,
      paint,
    ),
    row('commands', [...waiting, ...finished].join(' · ') || 'none yet', paint),
    '',
    row(
      'cloud got',
      [
        `${checker.records} records`,
        `${checker.late} late`,
        `${checker.duplicates} duplicates`,
        missing === 0 ? paint('green', '0 missing') : paint('red', `${missing} missing`),
      ].join(' · '),
      paint,
    ),
  ]
}

function row(label: string, text: string, paint: Paint): string {
  return `${paint('dim', label.padEnd(LABEL_WIDTH))}${text}`
}

function deviceLine(device: DeviceStatus, width: number, paint: Paint): string {
  const state = device.state === 'online' ? paint('green', 'online ') : paint('red', device.state.padEnd(7))
  const probe = device.nextProbeInMs === undefined ? '' : `, next try in ${Math.ceil(device.nextProbeInMs / 1000)} s`
  const text =
    device.state === 'offline' ? `${device.reason ?? 'no reply'}${probe}` : device.points.map(pointText).join(' · ')
  const room = width - LABEL_WIDTH - 10
  return `${device.name.padEnd(LABEL_WIDTH)}${state}  ${text.slice(0, Math.max(20, room))}`
}

function pointText(point: PointStatus): string {
  const value = point.error ?? (point.value === undefined ? '-' : String(point.value))
  return `${point.name} ${value}${point.unit && point.error === undefined ? ` ${point.unit}` : ''}`
}

/** A line of bars, scaled to its largest value; the newest on the right. */
function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-Math.max(10, width))
  const most = Math.max(...shown, 1)
  return shown.map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))] ?? '').join('')
}

/** "0:07" */
export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

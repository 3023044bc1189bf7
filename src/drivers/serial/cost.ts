/** How long it takes to ask an instrument for a message. An estimate: how long its answers are, only some of them say. Pure. */
import type { DeviceSettings, SerialBinarySettings, SerialTextSettings } from '../../settings.ts'
import { byteMsOf, TURNAROUND_MS } from '../line.ts'

/** A line such as `ST,GS, +12340.5kg` with what ends it. */
const MESSAGE_BYTES = 20

/** In ms; 0 for a device that speaks by itself. */
export function askingMs(connection: SerialTextSettings | SerialBinarySettings, device: DeviceSettings): number {
  if (!device.request) return 0
  const isFixed = connection.type === 'serial-binary' && 'fixed' in connection.frame.length
  const answerBytes = isFixed ? connection.frame.length.fixed : MESSAGE_BYTES
  return (device.request.length + answerBytes) * byteMsOf(connection.line) + TURNAROUND_MS + connection.requestGapMs
}

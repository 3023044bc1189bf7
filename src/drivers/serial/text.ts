/** Lines of text as messages. Pure. */
import type { DeviceSettings, SerialTextSettings } from '../../settings.ts'
import { betweenLines, cutLines, inMidLine, type LineState } from './lines.ts'
import type { Cut, Format, Trouble } from './messages.ts'
import { findSentence } from './nmea.ts'
import { compilePattern, readLine } from './pattern.ts'

/** Serial text, with or without NMEA checksums. A message is a line without its end (and without its checksum). */
export function textFormat(
  settings: Pick<SerialTextSettings, 'checksum' | 'endsWith' | 'devices'>,
): Format<LineState, string> {
  const { checksum, endsWith, devices } = settings
  const patterns = new Map(devices.map((device) => [device.name, compilePattern(device)]))
  return {
    opened: inMidLine,
    fresh: betweenLines,
    cut: (state, bytes) => {
      const cut = cutLines(state, { bytes, endsWith })
      const messages: string[] = []
      const troubles: Trouble[] = Array.from({ length: cut.tooLong }, () => 'too_long')
      for (const line of cut.lines) {
        if (line.trim() === '') continue // devices that send CR LF CR, or a blank line between blocks
        const sentence =
          checksum === 'nmea' ? findSentence(line) : { text: chomp(line, endsWith), behindRubbish: false }
        if (!sentence) troubles.push('checksum')
        else messages.push(sentence.text)
        if (sentence?.behindRubbish) troubles.push('noise')
      }
      return { state: cut.state, messages, troubles }
    },
    quiet: (state) => ({ state, messages: [], troubles: [] }),
    torn,
    isBegun: (state) => state !== inMidLine && (state.skipping || state.held !== ''),
    read: (device, line) => {
      const pattern = patterns.get(device.name)
      return pattern && readLine(pattern, line)
    },
    show: (line) => line,
    isEcho: (line, request) => line.trim() === Buffer.from(request).toString('latin1').trim(),
    mistakable: (one: DeviceSettings, other: DeviceSettings) => one.pattern === other.pattern,
  }
}

/**
 * A line that broke off may still go on, and its tail could look like a whole one: all up to the next end is dropped.
 * A glitch is no line: what an idle RS-485 line makes of a transceiver that is switched off is 00 or FF.
 */
function torn(state: LineState): Cut<LineState, string> {
  if (state.skipping) return { state: inMidLine, messages: [], troubles: [] }
  const isGlitch = !/[\x21-\x7e]/.test(state.held)
  return isGlitch
    ? { state: betweenLines, messages: [], troubles: ['noise'] }
    : { state: inMidLine, messages: [], troubles: ['short_reply'] }
}

/** With the usual end LF a device that sends CR LF leaves a CR, which no pattern is written for. */
function chomp(line: string, endsWith: string): string {
  return endsWith === '\n' && line.endsWith('\r') ? line.slice(0, -1) : line
}

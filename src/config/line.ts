import type { LineSettings } from '../settings.ts'
import type { Parsed } from './units.ts'

/** UARTs below 300 baud are museum pieces, above 4 Mbaud no adapter for RS-485 goes. */
const baudMin = 300
const baudMax = 4_000_000

const parities = { N: 'none', E: 'even', O: 'odd' } as const

/** The pattern an editor checks against (JSON Schema). */
export const linePattern = '^[0-9]+ [78][NEOneo][12]$'

/** `9600 8N1`: the baud rate, then data bits, parity (N, E, O) and stop bits as people say them aloud. */
export function parseLine(text: string): Parsed<LineSettings> {
  const parts = /^(\d+) ([78])([NEO])([12])$/.exec(text.toUpperCase())
  if (!parts) return { problem: `expected baud rate and format such as 9600 8N1, got "${text}"`, ...rewritten(text) }
  const [, baudText = '', dataBits, parity, stopBits] = parts
  const baud = Number(baudText)
  if (baud < baudMin || baud > baudMax) return { problem: `${baud} baud is outside ${baudMin} to ${baudMax}` }
  return {
    value: {
      baud,
      dataBits: dataBits === '7' ? 7 : 8,
      parity: parities[parity as keyof typeof parities],
      stopBits: stopBits === '2' ? 2 : 1,
    },
  }
}

/** Formats that YAML 1.2 reads as a power of ten: 8E1 is 80. */
const readAsNumber: Readonly<Record<number, string>> = { 70: '7E1', 80: '8E1', 700: '7E2', 800: '8E2' }

/** What to say about a `line` that YAML took for a number: `8E1` is 80 to YAML, and `9600` lacks the format. */
export function numericLine(value: number): { problem: string; hint: string } {
  const format = readAsNumber[value]
  if (format === undefined)
    return { problem: `${value} says only the baud rate`, hint: `write the format too: ${value} 8N1` }
  return {
    problem: `YAML reads ${format} as the number ${value}, and the baud rate is missing`,
    hint: `write both as one text: 9600 ${format}`,
  }
}

/** The same line in our notation, from the ways other programs write it: 9600,8,N,1 and 9600/8N1 and 8N1 9600. */
function rewritten(text: string): { hint?: string } {
  const upper = text.toUpperCase().replace(/EVEN/g, 'E').replace(/ODD/g, 'O').replace(/NONE/g, 'N')
  const baud = /\d{3,}/.exec(upper)?.[0]
  const rest = baud === undefined ? upper : upper.replace(baud, ' ')
  const format = /([5678])[^\dNEO]*([NEO])[^\dNEO]*([12])/.exec(rest)
  const mixed = /([NEO])[^\dNEO]*([78])[^\dNEO]*([12])/.exec(rest)
  const bits = format ? `${format[1]}${format[2]}${format[3]}` : mixed ? `${mixed[2]}${mixed[1]}${mixed[3]}` : undefined
  if (baud === undefined && bits === undefined) return {}
  if (bits?.startsWith('5') || bits?.startsWith('6')) return { hint: '7 or 8 data bits are possible' }
  return { hint: `write ${baud ?? 9600} ${bits ?? '8N1'}` }
}

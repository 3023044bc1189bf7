/** Who is asked first in a scan. Pure. */
import { describeLine } from '../../drivers/line.ts'
import type { LineSettings } from '../../settings.ts'

/** One unit at one line; no line: that of the connection as it is. */
export interface Step {
  readonly unitId: number
  readonly line?: LineSettings
  /** It is likely to be there: asked in both tables of registers. */
  readonly known: boolean
}

export interface Stage {
  readonly title: string
  readonly steps: readonly Step[]
  /** Asked only when nobody was found before. */
  readonly lastResort: boolean
}

export interface ScanWish {
  /** Serial ports have lines and units up to 247 (MODBUS over Serial Line V1.02, 2.2); behind TCP 0 and 255 count, too. */
  readonly serial: boolean
  /** Units of the configuration on this connection. */
  readonly configured: readonly number[]
  /** Absent: all. */
  readonly units?: readonly number[]
  /** Absent: the line as it is, and those that devices leave the factory with as a last resort. */
  readonly lines?: readonly LineSettings[]
  /** What devices of known kinds are set to when they are new. */
  readonly factory: readonly { readonly unitId: number; readonly lines: readonly LineSettings[] }[]
  /** The line as it is. */
  readonly own?: LineSettings
}

const UNIT_LAST = 247
/** Devices with an address of their own on the network answer to one of these. */
const TCP_UNITS = [1, 255, 0]

/** Configured units and factory settings before everything else: most scans are over after a few seconds. */
export function scanStages(wish: ScanWish): Stage[] {
  const lines: readonly (LineSettings | undefined)[] = wish.lines ?? [undefined]
  const known = lines.map((line) => stage(`known${at(line)}`, knownUnits(wish, line), { line, known: true }))
  const rest = lines.map((line) => {
    const asked = knownUnits(wish, line)
    const units = allUnits(wish).filter((unit) => !asked.includes(unit))
    return stage(`${spanOf(units)}${at(line)}`, units, { line, known: false })
  })
  return [...known, ...rest, ...lastResort(wish)].filter(({ steps }) => steps.length > 0)
}

function stage(
  title: string,
  units: readonly number[],
  how: { line: LineSettings | undefined; known: boolean },
): Stage {
  const { line, known } = how
  return { title, lastResort: false, steps: units.map((unitId) => ({ unitId, known, ...(line ? { line } : {}) })) }
}

function knownUnits(wish: ScanWish, line: LineSettings | undefined): number[] {
  const current = line ?? wish.own
  const factory = wish.factory
    .filter(({ lines }) => !current || lines.length === 0 || lines.some((one) => isSameLine(one, current)))
    .map(({ unitId }) => unitId)
  const first = wish.serial ? [1] : TCP_UNITS
  return unique([...wish.configured, ...factory, ...first]).filter((unit) => wish.units?.includes(unit) ?? true)
}

function allUnits({ units }: ScanWish): readonly number[] {
  return units ?? Array.from({ length: UNIT_LAST }, (_, index) => index + 1)
}

/** Other lines that devices of known kinds come with, at the units that they come with. */
function lastResort(wish: ScanWish): Stage[] {
  const { own } = wish
  if (!wish.serial || wish.lines || !own) return []
  const lines: LineSettings[] = []
  for (const line of wish.factory.flatMap((one) => one.lines)) {
    if (!isSameLine(line, own) && !lines.some((known) => isSameLine(known, line))) lines.push(line)
  }
  return lines.map((line) => ({
    ...stage(`factory${at(line)}`, knownUnits(wish, line), { line, known: true }),
    lastResort: true,
  }))
}

export function isSameLine(a: LineSettings, b: LineSettings): boolean {
  return a.baud === b.baud && a.dataBits === b.dataBits && a.parity === b.parity && a.stopBits === b.stopBits
}

function at(line: LineSettings | undefined): string {
  return line === undefined ? '' : ` at ${describeLine(line)}`
}

function spanOf(units: readonly number[]): string {
  const [first = 0, last = first] = [units[0], units.at(-1)]
  return units.length === 1 ? `unit ${first}` : `${first}..${last}`
}

function unique(units: readonly number[]): number[] {
  return [...new Set(units)]
}

import { GatewayError } from '../../errors.ts'
import type { LineSettings } from '../../settings.ts'
import { progressLine } from '../progress.ts'
import { lineFrom } from './lines.ts'
import { parseUnits } from './place.ts'
import { knownKinds } from './scan-kinds.ts'
import { scanStages } from './scan-order.ts'
import { Scan, type ScanResult } from './scan-run.ts'
import { scanDocument, scanText } from './scan-text.ts'
import { type DeviceFlags, type Target, type TargetFlags, withTarget } from './source.ts'
import { untilInterrupted } from './until-interrupted.ts'

export interface ScanFlags extends DeviceFlags, TargetFlags {
  readonly units?: string
  readonly lines?: string
  readonly timeout?: number
}

/** A device that is asked for something small answers within this, and its gateway on the network with it. */
const TCP_TIMEOUT_MS = 1000
/** On a wire the two frames come on top, at most so many characters. */
const SERIAL_TIMEOUT_MS = 200
const FRAME_CHARACTERS = 25

/** `tidegate scan`: who answers on a wire, and what it looks like. Status 1 when nobody does. */
export function scan(name: string | undefined, flags: ScanFlags): Promise<number> {
  const units = flags.units === undefined ? undefined : parseUnits(flags.units)
  const given = flags.lines ?? flags.line
  const lines = given === undefined ? undefined : given.split(',').map(lineFrom)
  return withTarget({ ...flags, name }, (target) =>
    untilInterrupted(async ({ signal }) => {
      const result = await run(target, { flags, signal, ...(units ? { units } : {}), ...(lines ? { lines } : {}) })
      const { connection, words, configured } = target
      if (result.stopped || result.problem) console.error(`Stopped after ${result.asked} of ${result.of}.`)
      const scanned = { connection, words, configured, result }
      if (flags.json) console.log(JSON.stringify(scanDocument(scanned), null, 2))
      else console.log(scanText(scanned).join('\n'))
      if (result.problem) throw result.problem
      return result.found.length > 0 ? 0 : 1
    }),
  )
}

interface Wish {
  readonly flags: ScanFlags
  readonly signal: AbortSignal
  readonly units?: readonly number[]
  readonly lines?: readonly LineSettings[]
}

async function run(target: Target, { flags, signal, units, lines }: Wish): Promise<ScanResult> {
  const { connection } = target
  const serial = connection.host === undefined
  if (lines && !serial)
    throw new GatewayError('usage', `${connection.name} has no line settings: --lines is for serial ports`)
  const own = serial ? lineFrom(connection.line) : undefined
  const profiles = knownKinds(flags.config)
  const slowest = Math.min(...[...(lines ?? []), ...(own ? [own] : [])].map(({ baud }) => baud))
  const stages = scanStages({
    serial,
    configured: connection.devices.map(({ unitId }) => unitId),
    factory: profiles.flatMap(({ unitId, lines: all }) => (unitId === undefined ? [] : [{ unitId, lines: all }])),
    ...(units ? { units } : {}),
    ...(lines ? { lines } : {}),
    ...(own ? { own } : {}),
  })
  const progress = progressLine('scan')
  if (process.stderr.isTTY && target.configured) console.error(remark(lines !== undefined))
  try {
    return await new Scan(target, {
      timeoutMs: flags.timeout ?? (serial ? serialTimeout(slowest) : TCP_TIMEOUT_MS),
      profiles,
      signal,
      onProgress: (asked, of, { title, found }) => progress.show(asked, of, `found ${found}  ${title}`),
    }).run(stages)
  } finally {
    progress.clear()
  }
}

function remark(changesLine: boolean): string {
  return changesLine
    ? 'One small read a unit; polling pauses while the line settings are changed. Ctrl-C ends, polling goes on.'
    : 'One small read a unit, between the polls. Ctrl-C ends.'
}

/** Ten bits a character. */
function serialTimeout(baud: number): number {
  return Math.ceil(SERIAL_TIMEOUT_MS + (FRAME_CHARACTERS * 10_000) / baud)
}

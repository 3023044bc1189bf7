/** What `tidegate scan` shows. Pure. */
import type { PlannedConnection } from '../../device-api.ts'
import { cut, table } from '../table.ts'
import { lineText, type Step } from './scan-order.ts'
import type { Found, ScanResult } from './scan-run.ts'

/** Where it was looked. */
export interface Scanned {
  readonly connection: PlannedConnection
  /** Words for the connection on the command line. */
  readonly words: string
  readonly result: ScanResult
}

const LOOKS_COLUMNS = 38

export function scanText({ connection, words, result }: Scanned): string[] {
  const { found, damaged } = result
  const withMatch = found.some(({ match }) => match !== undefined)
  const withLine = found.some(({ line }) => line !== undefined)
  const rows = found.map((one) => [
    String(one.unitId),
    `${Math.max(1, Math.round(one.tookMs))} ms`,
    ...(withLine ? [one.line ? lineText(one.line) : connection.line] : []),
    cut(looksLike(one), LOOKS_COLUMNS),
    ...(withMatch ? [one.match ? `${one.match.plausible} of ${one.match.of}` : '-'] : []),
    suggestion(one, connection, words),
  ])
  const head = [
    'unit',
    'reply',
    ...(withLine ? ['line'] : []),
    'looks like',
    ...(withMatch ? ['plausible'] : []),
    'suggestion',
  ]
  return [
    ...(found.length === 0 ? ['Nobody answers.'] : table([head, ...rows], { right: [0, 1] })),
    ...found.flatMap((one) => identityLine(one)),
    ...damagedLines(damaged),
    ...pasteLines(found, connection),
    ...(found.length === 0 ? nothingHints(connection, words) : []),
  ]
}

/** The same for programs. */
export function scanDocument({ connection, words, result }: Scanned) {
  const { found, damaged, ...rest } = result
  return {
    connection: connection.name,
    ...rest,
    damaged: damaged.map(({ unitId }) => unitId),
    found: found.map((one) => ({
      unitId: one.unitId,
      line: one.line ? lineText(one.line) : connection.line,
      tookMs: one.tookMs,
      holding: one.holding,
      input: one.input,
      texts: one.texts,
      ...matchFacts(one),
      ...configuredFacts(one, connection),
      suggestion: suggestion(one, connection, words),
    })),
  }
}

function matchFacts({ match }: Found): object {
  if (!match) return {}
  const { profile, identified, plausible, of } = match
  return { profile: profile.name, title: profile.title, identified, plausible, of }
}

function configuredFacts({ unitId }: Found, connection: PlannedConnection): object {
  const configured = configuredAs(unitId, connection)
  return configured === undefined ? {} : { configured }
}

function looksLike({ match, holding, input, texts }: Found): string {
  if (match) return match.profile.title
  const named = [texts[0], texts[1]].filter((text) => text !== undefined && text !== '').join(' ')
  return named === '' ? `unknown, ${tables(holding, input)}` : named
}

/** "answers input" */
function tables(holding: string, input: string): string {
  const answered = [...(input === 'ok' ? ['input'] : []), ...(holding === 'ok' ? ['holding'] : [])]
  return answered.length > 0 ? `answers ${answered.join(' and ')}` : 'has nothing at 0'
}

function suggestion(found: Found, connection: PlannedConnection, words: string): string {
  const { unitId, match, input } = found
  const name = configuredAs(unitId, connection)
  if (name !== undefined) return `configured: ${name}`
  if (match) return `profile: ${match.profile.name}`
  const line = found.line ? lineText(found.line) : connection.line
  const option = line !== connection.line || words.startsWith('--port') ? ` --line "${line}"` : ''
  return `tidegate probe ${words}${option} -a ${unitId}${input === 'ok' ? ' -t input' : ''} -r 0`
}

function configuredAs(unitId: number, { devices }: PlannedConnection): string | undefined {
  return devices.find((device) => device.unitId === unitId)?.name
}

/** What it says of itself, in full. */
function identityLine({ unitId, texts }: Found): string[] {
  const all = Object.values(texts).filter((text) => text !== '')
  return all.length === 0 ? [] : [`unit ${unitId} says of itself: ${all.join(' · ')}`]
}

function damagedLines(damaged: readonly Step[]): string[] {
  if (damaged.length === 0) return []
  const units = damaged.map(({ unitId }) => unitId).join(', ')
  return [`Damaged replies at unit ${units}: other line settings there, or two devices with one address.`]
}

/** Lines for the configuration, of devices that are not in it. */
function pasteLines(found: readonly Found[], connection: PlannedConnection): string[] {
  const fresh = found.filter(({ unitId, match }) => match && configuredAs(unitId, connection) === undefined)
  if (fresh.length === 0) return []
  const lines = fresh.map(({ unitId, match, line }) => {
    const profile = match?.profile.name ?? ''
    const name = `${profile.slice(profile.lastIndexOf('/') + 1)}-${unitId}`
    const remark = line ? `   # at line: ${lineText(line)}` : ''
    return `  ${name}: { connection: ${connection.name}, unit_id: ${unitId}, profile: ${profile} }${remark}`
  })
  return ['', 'Paste:', 'devices:', ...lines]
}

function nothingHints({ port, line }: PlannedConnection, words: string): string[] {
  if (port === undefined) return [`Is it the right address (${line})? Behind a converter, which units are on its bus?`]
  return [
    'A and B swapped? Termination? Is the device powered? Other line settings:',
    `  tidegate scan ${words} --lines "9600 8E1,19200 8N1,19200 8E1,38400 8N1,115200 8N1"`,
  ]
}

/** What `tidegate scan` shows. Pure. */
import type { PlannedConnection } from '../../device-api.ts'
import { describeLine } from '../../drivers/line.ts'
import { cut, table } from '../table.ts'
import type { Found, Odd, ScanResult } from './scan-run.ts'

/** Where it was looked. */
export interface Scanned {
  readonly connection: PlannedConnection
  /** Words for the connection on the command line. */
  readonly words: string
  /** The connection is one of the configuration. */
  readonly configured: boolean
  readonly result: ScanResult
}

const LOOKS_COLUMNS = 38

export function scanText(scanned: Scanned): string[] {
  const { connection, words, result } = scanned
  const { found, damaged } = result
  const withMatch = found.some(({ match }) => match !== undefined)
  const withLine = found.some(({ line }) => line !== undefined)
  const rows = found.map((one) => [
    String(one.unitId),
    `${Math.max(1, Math.round(one.tookMs))} ms`,
    ...(withLine ? [one.line ? describeLine(one.line) : connection.line] : []),
    cut(looksLike(one), LOOKS_COLUMNS),
    ...(withMatch ? [one.match ? `${one.match.plausible} of ${one.match.of}` : '-'] : []),
    suggestion(one, scanned),
  ])
  const head = [
    'UNIT',
    'reply',
    ...(withLine ? ['line'] : []),
    'looks like',
    ...(withMatch ? ['plausible'] : []),
    'suggestion',
  ]
  return [
    ...(found.length === 0
      ? [result.problem ? 'Nobody has answered so far.' : 'Nobody answers.']
      : table([head, ...rows], { right: [0, 1] })),
    ...found.flatMap((one) => identityLine(one)),
    ...damagedLines(damaged),
    ...pasteLines(scanned),
    ...(found.length === 0 && !result.problem ? nothingHints(connection, words) : []),
  ]
}

/** The same for programs. */
export function scanDocument(scanned: Scanned) {
  const { connection, result } = scanned
  const { found, damaged, problem, ...rest } = result
  return {
    connection: connection.name,
    ...rest,
    damaged: damaged.map(({ unitId }) => unitId),
    ...(problem ? { problem: problem.message } : {}),
    found: found.map((one) => ({
      unitId: one.unitId,
      line: one.line ? describeLine(one.line) : connection.line,
      tookMs: one.tookMs,
      holding: one.holding,
      input: one.input,
      texts: one.texts,
      ...matchFacts(one),
      ...configuredFacts(one, connection),
      suggestion: suggestion(one, scanned),
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

function suggestion(found: Found, { connection, words }: Scanned): string {
  const { unitId, match, input } = found
  const name = configuredAs(unitId, connection)
  if (name !== undefined) return `configured: ${name}`
  if (match) return `profile: ${match.profile.name}`
  const line = found.line ? describeLine(found.line) : connection.line
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

function damagedLines(damaged: readonly Odd[]): string[] {
  return [...Map.groupBy(damaged, ({ code }) => code)].map(([code, odd]) => {
    const units = odd.map(({ unitId }) => unitId).join(', ')
    return `Unit ${units}: ${oddities[code] ?? code}.`
  })
}

/** What came instead of a sound reply, and what that points to. */
const oddities: Readonly<Record<string, string>> = {
  crc: 'damaged replies. Other line settings there, or two devices with one address',
  noise: 'bytes that are no reply. Other line settings there, or two devices with one address',
  short_reply: 'half a reply. Other line settings there, or two devices with one address',
  foreign_reply: 'replies of somebody else. Slow (--timeout 2s), or somebody else asks on this line',
  io: 'the connection broke when it was asked',
}

/** Lines for the configuration, of what is not in it. */
function pasteLines({ connection, configured, result }: Scanned): string[] {
  const fresh = result.found.filter(({ unitId, match }) => match && configuredAs(unitId, connection) === undefined)
  if (fresh.length === 0) return []
  // A connection that is written down here has the line at which they answer, if that is one.
  const answering = [...new Set(fresh.map(({ line }) => (line ? describeLine(line) : connection.line)))]
  const line = !configured && answering.length === 1 ? (answering[0] ?? connection.line) : connection.line
  const lines = fresh.map((found) => {
    const profile = found.match?.profile.name ?? ''
    const name = `${profile.slice(profile.lastIndexOf('/') + 1)}-${found.unitId}`
    const own = found.line ? describeLine(found.line) : connection.line
    const remark = own === line ? '' : `   # at line: ${own}`
    return `  ${name}: { connection: ${connection.name}, unit_id: ${found.unitId}, profile: ${profile} }${remark}`
  })
  return ['', 'Paste:', ...(configured ? [] : connectionLines(connection, line)), 'devices:', ...lines]
}

/** A connection that stands in no file yet. */
function connectionLines({ name, type, host, port }: PlannedConnection, line: string): string[] {
  const place = host === undefined ? `port: ${scalar(port)}, line: ${line}` : `host: ${scalar(host)}, port: ${port}`
  return ['connections:', `  ${name}: { type: ${type}, ${place} }`]
}

/** As YAML takes it between braces. */
function scalar(value: string | number): string {
  const text = String(value)
  return /^[\w./-]+$/.test(text) ? text : JSON.stringify(text)
}

function nothingHints({ host, line }: PlannedConnection, words: string): string[] {
  if (host !== undefined) return [`Is it the right address (${line})? Behind a converter, which units are on its bus?`]
  return [
    'A and B swapped? Termination? Is the device powered? Other line settings:',
    `  tidegate scan ${words} --lines "9600 8E1,19200 8N1,19200 8E1,38400 8N1,115200 8N1"`,
  ]
}

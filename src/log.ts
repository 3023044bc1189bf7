import { fstatSync } from 'node:fs'
import { stripVTControlCharacters, styleText } from 'node:util'
import pino from 'pino'
import { GatewayError, messageOf } from './errors.ts'

/**
 * One line per event, never one per sample. The level is what the operator must do: error, data lost or a human needed;
 * warn, odd but recovered; info, life cycle; debug, per exchange. A repeated failure is logged when its state changes.
 */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
  child(component: string): Logger
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type LogFormat = 'human' | 'json'

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
}

/** The logger of a process: it alone can wait until everything is written. */
export interface RootLogger extends Logger {
  /** Resolves when all lines are written, or after a second when whoever reads them has stopped reading. */
  flush(): Promise<void>
}

export interface LoggerOptions {
  readonly level: LogLevel
  readonly format: LogFormat
  /** Gets whole lines. Default: standard error, written behind the event loop's back. */
  readonly destination?: LogDestination
}

export interface LogDestination {
  write(text: string): void
  flush?(): Promise<void>
  /** Colour is welcome (a terminal). */
  readonly colour?: boolean
  /** The journal reads it: `<N>` gives the priority (sd-daemon(3)), and the journal adds the time itself. */
  readonly journal?: boolean
}

/** Field names whose values never reach a log line, at the top of the fields and one level below. */
const secretFields = ['password', 'passphrase', 'secret', 'token', 'authorization', 'privateKey', 'credentials']

export function createLogger(options: LoggerOptions): RootLogger {
  const destination = options.destination ?? standardError()
  const write = options.format === 'json' ? (line: string) => line : (line: string) => humanLine(line, destination)
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: keepDigits },
      serializers: { error: plainError, cause: plainError },
      redact: { paths: secretFields.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    { write: (line: string) => destination.write(hidePasswords(write(line))) },
  )
  return { ...component(root, ''), flush: () => destination.flush?.() ?? Promise.resolve() }
}

function component(root: pino.Logger, path: string): Logger {
  const target = path === '' ? root : root.child({ component: path })
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (name) => component(root, path === '' ? name : `${path}.${name}`),
  }
}

/** JSON numbers of 64 bits lose their last digits in every reader; as text they keep them. */
function keepDigits(fields: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(fields)
  if (!entries.some(([, value]) => typeof value === 'bigint')) return fields
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]))
}

/** Operating errors are their message and code; only a programming error needs its stack. */
function plainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof GatewayError) return { message: error.message, code: error.code, hint: error.hint }
  const code = 'code' in error ? error.code : undefined
  return { message: error.message, code, stack: error.stack }
}

/** Broker addresses get quoted in error texts of libraries, with the password that stands in them. */
function hidePasswords(line: string): string {
  // Bounded, because an unbounded search through a long text of a broker takes seconds.
  return line.replace(/([a-z][a-z0-9+.-]{0,31}:\/\/[^\s:@/"]{0,256}):[^\s@/"]{1,1024}@/gi, '$1:[redacted]@')
}

// Human lines ------------------------------------------------------------------------------------------------------

/** Priorities of syslog(3), which the journal understands. */
const priorities: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 }
const colours = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const

interface Line {
  readonly level: LogLevel
  readonly time: string
  readonly component?: string
  readonly message: string
}

/** `2026-11-21T06:00:01.123Z warn  uplink.cloud: connection lost reason="keepalive"` and a line end. */
function humanLine(json: string, destination: LogDestination): string {
  const { level, time, component: path, message, ...fields } = JSON.parse(json) as Line
  const parts = [path === undefined ? oneLine(message) : `${path}: ${oneLine(message)}`]
  const stacks: string[] = []
  for (const [name, value] of Object.entries(fields)) {
    const { text, stack } = fieldText(value)
    parts.push(`${name}=${text}`)
    if (stack !== undefined) stacks.push(stack)
  }
  const lines = [parts.join(' '), ...stacks.flatMap((stack) => stack.split('\n')).map((line) => `    ${line}`)]
  if (destination.journal) return lines.map((line) => `<${priorities[level]}>${line}\n`).join('')
  const label = level.padEnd(5)
  const coloured = destination.colour ? styleText(colours[level], label, { validateStream: false }) : label
  return `${time} ${coloured} ${lines.join('\n')}\n`
}

function fieldText(value: unknown): { text: string; stack?: string } {
  if (typeof value === 'string') return { text: /^[\w.:/+@%-]+$/.test(value) ? value : JSON.stringify(value) }
  if (typeof value !== 'object' || value === null || !('message' in value)) return { text: JSON.stringify(value) }
  const text = JSON.stringify(messageOf(value.message))
  return 'stack' in value && typeof value.stack === 'string' ? { text, stack: value.stack } : { text }
}

/** What a device or a server said must not be able to forge a second line or steer a terminal. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(/\p{Cc}+/gu, ' ')
}

// Standard error ---------------------------------------------------------------------------------------------------

/** When nobody reads standard error (a journal that hangs), newer lines are dropped beyond this and counted. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024
const FLUSH_WAIT_MAX_MS = 1000

/** Written asynchronously, so that a reader that stalls never stalls the event loop. */
function standardError(): LogDestination {
  const stream = pino.destination({ fd: 2, sync: false, maxLength: UNWRITTEN_BYTES_MAX })
  let unwrittenBytes = 0
  let droppedLines = 0
  stream.on('write', (bytes: number) => {
    unwrittenBytes -= bytes
    if (droppedLines === 0 || unwrittenBytes > 0) return
    const note = `... ${droppedLines} log lines dropped, nobody was reading them\n`
    droppedLines = 0
    unwrittenBytes += Buffer.byteLength(note)
    stream.write(note)
  })
  stream.on('drop', (text: string) => {
    unwrittenBytes -= Buffer.byteLength(text)
    droppedLines += 1
  })
  const journal = isJournal(process.env['JOURNAL_STREAM'], 2)
  return {
    colour: !journal && process.stderr.isTTY && process.stderr.hasColors(),
    journal,
    write(text) {
      unwrittenBytes += Buffer.byteLength(text)
      stream.write(text)
    },
    async flush() {
      const deadline = performance.now() + FLUSH_WAIT_MAX_MS
      while (unwrittenBytes > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 1))
    },
  }
}

/** systemd.exec(5): $JOURNAL_STREAM holds device and inode of the stream it connected to the journal. */
export function isJournal(journalStream: string | undefined, descriptor: number): boolean {
  if (journalStream === undefined) return false
  const { dev, ino } = fstatSync(descriptor, { bigint: true })
  return journalStream === `${dev}:${ino}`
}

import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../../clock.ts'

/** What a program wrote to standard error is kept up to this many bytes, from its end. */
const STDERR_BYTES_MAX = 4_096
/** Of its last line, so many characters. */
const LINE_LENGTH_MAX = 200
/** A program that was told to end has so long to do it before it is killed. */
const GRACE_MS_MAX = 2_000
/** Standard error is read for so long after the end: others may have inherited it and keep it open. */
const STDERR_WAIT_MS_MAX = 500
/** A flood of it is read slowly, so that it costs no processor: this much, then a pause. The program waits meanwhile. */
const FLOOD_BYTES = 65_536
const FLOOD_PAUSE_MS = 50

/** How a program ended. `lastLine`: the last line it wrote to standard error. */
export type Ran =
  | { readonly end: 'exited'; readonly status: number; readonly lastLine: string }
  | { readonly end: 'killed'; readonly reason: string; readonly lastLine: string }
  | { readonly end: 'not_started'; readonly reason: string; readonly retriable: boolean }

export interface ProgramOptions {
  readonly timeoutMs: number
  readonly clock: Clock
  /** Ends the program before its time. */
  readonly ending?: AbortSignal
}

/** What the machine lacks now and may have later. */
const passing = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'ETXTBSY']
/** Nothing of the agent's own environment, which may hold secrets. */
const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' }

/**
 * Runs a program without a shell, in a process group of its own. After the timeout, or when the agent ends, the whole group
 * is ended; what made itself a group of its own (setsid) is not reached.
 */
export async function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<Ran> {
  const { timeoutMs, clock, ending = new AbortController().signal } = options
  let child: ChildProcess
  try {
    child = spawn(program, args, { cwd: '/', env: environment, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    return notStarted(program, error as NodeJS.ErrnoException)
  }
  const stderr = tailOf(child, clock)
  const over = new AbortController()
  const end = endOf(child).finally(() => over.abort())
  let because: string | undefined
  void clock.wait(timeoutMs, AbortSignal.any([over.signal, ending])).then(async () => {
    if (over.signal.aborted) return
    because = ending.aborted ? 'the gateway was stopped' : `no end after ${timeoutMs / 1000} s`
    signalGroup(child, 'SIGTERM')
    await clock.wait(GRACE_MS_MAX, over.signal)
    if (!over.signal.aborted) signalGroup(child, 'SIGKILL')
  })
  const ended = await end
  if ('error' in ended) return notStarted(program, ended.error)
  // What it left behind in its group would go on after the command has ended.
  if (because !== undefined) signalGroup(child, 'SIGKILL')
  const lastLine = await stderr.lastLine()
  if (because !== undefined) return { end: 'killed', reason: `${because}, killed`, lastLine }
  return ended.status === null
    ? { end: 'killed', reason: `ended by ${ended.signal}`, lastLine }
    : { end: 'exited', status: ended.status, lastLine }
}

type End =
  | { readonly error: NodeJS.ErrnoException }
  | { readonly status: number | null; readonly signal: string | null }

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    // Also sent when a signal could not be delivered; only without a pid it was never started.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ error })
    })
    child.once('exit', (status, signal) => resolve({ status, signal }))
  })
}

function notStarted(program: string, error: NodeJS.ErrnoException): Ran {
  const code = error.code ?? error.message
  return { end: 'not_started', reason: `${program} was not started: ${code}`, retriable: passing.includes(code) }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // The group is gone.
  }
}

/** The end of what a program writes to standard error. */
function tailOf(child: ChildProcess, clock: Clock): { readonly lastLine: () => Promise<string> } {
  const { stderr } = child
  let tail = Buffer.alloc(0)
  let unpausedBytes = 0
  const closed = new AbortController()
  stderr?.on('data', (bytes: Buffer) => {
    tail = Buffer.concat([tail, bytes]).subarray(-STDERR_BYTES_MAX)
    unpausedBytes += bytes.length
    if (unpausedBytes < FLOOD_BYTES) return
    unpausedBytes = 0
    stderr.pause()
    void clock.wait(FLOOD_PAUSE_MS, closed.signal).then(() => stderr.resume())
  })
  stderr?.once('close', () => closed.abort())
  stderr?.on('error', () => closed.abort())
  return {
    async lastLine() {
      await clock.wait(STDERR_WAIT_MS_MAX, closed.signal)
      stderr?.destroy()
      const lines = tail
        .toString('utf8')
        .split(/[\r\n]+/)
        .map((line) => line.replaceAll(/\p{Cc}/gu, ' ').trim())
      const last = lines.findLast((line) => line !== '') ?? ''
      return last.length <= LINE_LENGTH_MAX ? last : `${last.slice(0, LINE_LENGTH_MAX - 1)}…`
    },
  }
}

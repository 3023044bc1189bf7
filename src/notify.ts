import { execFile } from 'node:child_process'
import { messageOf } from './errors.ts'
import type { Logger } from './log.ts'

/**
 * What systemd is told (sd_notify(3)): READY, STATUS, STOPPING, WATCHDOG. Node has no unix datagram sockets, so the
 * `systemd-notify` program sends it, one at a time; the unit needs NotifyAccess=all. The program waits until systemd has
 * taken the message, which closes the race between its exit and systemd looking up who sent it.
 */
export interface Notifier {
  /** Tells systemd in the background. What waits meanwhile goes out together; the newest value of a name counts. */
  notify(variables: Readonly<Record<string, string>>): void
  /** Resolves when nothing is left to tell. */
  settled(): Promise<void>
  /** How often systemd wants to hear WATCHDOG=1 at most, in ms; undefined without a watchdog. */
  readonly watchdogMs: number | undefined
}

export interface NotifierOptions {
  readonly log: Logger
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly program?: string
}

/** systemd-notify itself gives up after 5 s when nobody takes the message. */
const PROGRAM_TIMEOUT_MS = 10_000

export function createNotifier(options: NotifierOptions): Notifier {
  const env = options.env ?? process.env
  if (!env['NOTIFY_SOCKET']) return { notify() {}, settled: () => Promise.resolve(), watchdogMs: undefined }
  const watchdogUs = Number(env['WATCHDOG_USEC'])
  const waiting = new Map<string, string>()
  let failing = false
  let sending: Promise<void> | undefined

  async function sendAll(): Promise<void> {
    while (waiting.size > 0) {
      const variables = [...waiting].map(([name, value]) => `${name}=${value.replaceAll('\n', ' ')}`)
      waiting.clear()
      const problem = await send(options.program ?? 'systemd-notify', variables, env)
      if (problem !== undefined && !failing) options.log.warn('systemd could not be told', { problem, variables })
      failing = problem !== undefined
    }
    sending = undefined
  }

  return {
    watchdogMs: watchdogUs > 0 ? watchdogUs / 1000 : undefined,
    notify(variables) {
      for (const [name, value] of Object.entries(variables)) waiting.set(name, value)
      sending ??= sendAll()
    },
    settled: () => sending ?? Promise.resolve(),
  }
}

/** Resolves with what went wrong, or undefined. */
function send(
  program: string,
  variables: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, variables, { env: { ...env }, timeout: PROGRAM_TIMEOUT_MS }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined)
      else resolve(stderr.trim() || messageOf(error))
    })
  })
}

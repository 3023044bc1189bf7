import { mkdirSync } from 'node:fs'
import { startAgent } from '../agent.ts'
import { systemClock } from '../clock.ts'
import { loadSettings } from '../config/load.ts'
import { socketPath } from '../console/socket.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { createLogger, type LogFormat, type LogLevel, type RootLogger } from '../log.ts'
import { createNotifier } from '../notify.ts'
import { serve } from './service.ts'
import { listenForSignals } from './stop-signals.ts'
import { programVersion } from './version.ts'

export interface RunOptions {
  readonly config: string
  readonly stateDir: string
  readonly logLevel: LogLevel
  readonly logFormat: LogFormat
  /** Ends the process at once, whatever is going on. */
  readonly exit: (status: number) => never
}

/** sysexits(3) EX_SOFTWARE: a fault of ours. The unit restarts on it. */
const EXIT_FAULT = 70
/** sysexits(3) EX_TEMPFAIL: a command asked for a restart. The unit restarts on it. */
const EXIT_RESTART = 75
/** What a shell reports for a process ended by SIGTERM; here: by a second signal, before everything was saved. */
const EXIT_CUT_SHORT = 143

/** Runs the gateway in the foreground until SIGTERM or SIGINT. Then everything read is saved and the status is 0; 75 when a command asked for a restart. */
export async function run(options: RunOptions): Promise<number> {
  const log = createLogger({ level: options.logLevel, format: options.logFormat })
  const crash = (error: unknown) => {
    log.error('programming error, ending so that a restart can help', { error })
    void log.flush().finally(() => options.exit(EXIT_FAULT))
  }
  process.on('uncaughtException', crash)
  try {
    const status = await runAgent(options, log)
    log.info('stopped')
    return status
  } catch (error) {
    if (error instanceof GatewayError) throw error
    log.error('programming error, ending so that a restart can help', { error })
    return EXIT_FAULT
  } finally {
    await log.flush()
    process.removeListener('uncaughtException', crash)
  }
}

async function runAgent(options: RunOptions, log: RootLogger): Promise<number> {
  // Everything that needs no device is refused before anything starts.
  const { settings, warnings } = loadSettings(options.config)
  prepareStateDirectory(options.stateDir)
  const signals = listenForSignals(process, {
    mono: () => systemClock.mono(),
    onReload: () => log.warn('the configuration cannot be reloaded yet; restart to apply changes'),
    onSecond(signal) {
      log.warn('second signal, ending at once; the newest readings may be lost', { signal })
      void log.flush().finally(() => options.exit(EXIT_CUT_SHORT))
    },
  })
  try {
    const { config, stateDir } = options
    const version = programVersion()
    log.info('starting', { version, gateway: settings.gateway.id, config, stateDir, pid: process.pid })
    for (const { path, message } of warnings) log.warn(`configuration: ${path}: ${message}`)
    const restart = Promise.withResolvers<'restart'>()
    // Without systemd a command would end the gateway for good.
    const restarted = process.env['INVOCATION_ID'] ? { restart: () => restart.resolve('restart') } : {}
    const agent = await startAgent(settings, { stateDir, version, log, ...restarted })
    const notifier = createNotifier({ log: log.child('systemd') })
    const stopped = Promise.race([signals.stopped, restart.promise])
    await serve(agent, { stateDir, log, clock: systemClock, notifier, stopped })
    return (await stopped) === 'restart' ? EXIT_RESTART : 0
  } finally {
    signals.release()
  }
}

function prepareStateDirectory(stateDir: string): void {
  socketPath(stateDir)
  try {
    // Not recursive: a mistyped path is better refused than created, and below /proc Node's recursion never ends.
    mkdirSync(stateDir, { mode: 0o750 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw new GatewayError('state_unusable', `cannot create the state directory ${stateDir}: ${messageOf(error)}`, {
      cause: error,
      hint: 'create the folder above it, name a directory that can be written with --state-dir DIR, or run as root',
    })
  }
}

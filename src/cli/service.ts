import type { Clock } from '../clock.ts'
import { startApi } from '../console/server.ts'
import type { DeviceDesk } from '../device-api.ts'
import type { Logger } from '../log.ts'
import type { Notifier } from '../notify.ts'
import type { OutboxDesk } from '../outbox-api.ts'
import type { Status } from '../status.ts'
import { statusLine } from './status-line.ts'

/** The part of the agent that a service needs. */
export interface ServedAgent {
  status(): Status
  healthy(): Promise<boolean>
  readonly outbox?: OutboxDesk
  readonly devices?: DeviceDesk
  stop(): Promise<void>
}

export interface ServiceOptions {
  readonly stateDir: string
  readonly log: Logger
  readonly clock: Clock
  readonly notifier: Notifier
  /** Resolves with the reason to stop. */
  readonly stopped: Promise<string>
}

/** How often the line in `systemctl status` is renewed, when it changed: each costs a process. */
const STATUS_EVERY_MS = 10_000

/**
 * Serves a started agent until told to stop: socket API, readiness, status line, watchdog. Then closes in reverse. The
 * agent is stopped in any case, also when the socket cannot be opened.
 */
export async function serve(agent: ServedAgent, options: ServiceOptions): Promise<void> {
  const { log, notifier } = options
  const ending = new AbortController()
  try {
    const api = await startApi(agent, { stateDir: options.stateDir, log })
    try {
      log.info('ready', { socket: api.path })
      const line = statusLine(agent.status())
      notifier.notify({ READY: '1', STATUS: line })
      const loops = [
        reportStatus(agent, line, { ...options, signal: ending.signal }),
        feedWatchdog(agent, ending.signal, options),
      ]
      const reason = await Promise.race([options.stopped, ...loops])
      log.info('stopping', { reason })
      notifier.notify({ STOPPING: '1', STATUS: 'stopping, saving what was read' })
    } finally {
      ending.abort()
      await api.close()
    }
  } finally {
    await agent.stop()
  }
  await notifier.settled()
}

async function reportStatus(
  agent: ServedAgent,
  toldAlready: string,
  options: ServiceOptions & { readonly signal: AbortSignal },
): Promise<string> {
  const { signal } = options
  let told = toldAlready
  while (!signal.aborted) {
    await options.clock.wait(STATUS_EVERY_MS, signal)
    const line = statusLine(agent.status())
    if (line !== told && !signal.aborted) options.notifier.notify({ STATUS: line })
    told = line
  }
  return 'stopped'
}

/**
 * A ping means: loop and scheduler turn and the storage answers. While the agent is not healthy there is none, and systemd
 * ends and restarts it; half the interval leaves room for one late ping.
 */
async function feedWatchdog(agent: ServedAgent, signal: AbortSignal, options: ServiceOptions): Promise<string> {
  const { watchdogMs } = options.notifier
  if (watchdogMs === undefined) return await new Promise<never>(() => {})
  let healthyBefore = true
  while (!signal.aborted) {
    const healthy = await agent.healthy()
    if (healthy) options.notifier.notify({ WATCHDOG: '1' })
    else if (healthyBefore) options.log.error('not healthy, the watchdog gets no sign of life', { watchdogMs })
    healthyBefore = healthy
    await options.clock.wait(watchdogMs / 2, signal)
  }
  return 'stopped'
}

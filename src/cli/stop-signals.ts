/**
 * A terminal sends Ctrl-C to every process of the group, and npm and the launcher pass it on as well, so one press arrives
 * up to three times within milliseconds. Nobody presses twice within this time.
 */
const SAME_PRESS_MS = 500

export interface StopSignals {
  /** Resolves with the first signal that asks to stop. */
  readonly stopped: Promise<NodeJS.Signals>
  /** Stops listening. */
  release(): void
}

export interface StopSignalOptions {
  /** A second request: whatever is going on, end now. */
  readonly onSecond: (signal: NodeJS.Signals) => void
  /** SIGHUP, which does not stop. */
  readonly onReload: () => void
  /** ms, never jumping. */
  readonly mono: () => number
}

type Listener = (signal: NodeJS.Signals) => void
interface SignalSource {
  on(event: NodeJS.Signals, listener: Listener): unknown
  removeListener(event: NodeJS.Signals, listener: Listener): unknown
}

const asking: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT']

/** SIGTERM and SIGINT ask to stop; the second one, apart from repeats of the same key press, ends at once. */
export function listenForSignals(source: SignalSource, options: StopSignalOptions): StopSignals {
  let firstAt: number | undefined
  let resolveStopped: (signal: NodeJS.Signals) => void
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    resolveStopped = resolve
  })
  const onStop = (signal: NodeJS.Signals) => {
    const now = options.mono()
    if (firstAt === undefined) {
      firstAt = now
      resolveStopped(signal)
    } else if (now - firstAt >= SAME_PRESS_MS) options.onSecond(signal)
  }
  for (const signal of asking) source.on(signal, onStop)
  source.on('SIGHUP', options.onReload)
  return {
    stopped,
    release() {
      for (const signal of asking) source.removeListener(signal, onStop)
      source.removeListener('SIGHUP', options.onReload)
    },
  }
}

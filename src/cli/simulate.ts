import { systemClock } from '../clock.ts'
import { counted, formatProblems } from '../config/problem.ts'
import { loadSimulation } from '../config/simulation.ts'
import { parseDuration } from '../config/units.ts'
import { LinkError } from '../drivers/driver.ts'
import { type RunningSimulation, type SimulationOptions, startSimulation } from '../drivers/simulator/simulation.ts'
import { GatewayError } from '../errors.ts'
import type { SimulationSettings } from '../simulation.ts'
import { factsOf, type SimulationFacts } from './simulate/facts.ts'
import { progressText, servedLines, summaryLines } from './simulate/screen.ts'
import { cut } from './table.ts'

export interface SimulateOptions {
  readonly file: string
  readonly json: boolean
  /** A duration such as 30s; absent: until a signal comes. */
  readonly for?: string
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const DRAW_EVERY_MS = 500
/** Rates are those of so many drawings. */
const RATE_DRAWINGS = 5

/** Serves the devices of a simulation file until a signal comes. Status 0; 78 when the file is wrong. */
export async function simulate(options: SimulateOptions): Promise<number> {
  const forMs = options.for === undefined ? undefined : durationOf(options.for)
  const { settings, warnings } = loadSimulation(options.file)
  if (warnings.length > 0) say(`${formatProblems(warnings)}\n${counted(warnings.length, 'warning')}.`)
  const stop = new AbortController()
  const end = () => stop.abort()
  for (const signal of STOP_SIGNALS) process.on(signal, end)
  try {
    const simulation = await start(settings, { onState: tellState })
    try {
      const served = servedLines(options.file, simulation.connections).join('\n')
      if (options.json) say(served)
      else process.stdout.write(`${served}\n`)
      const facts = await serve(simulation, { stop, forMs })
      process.stdout.write(options.json ? `${JSON.stringify(facts, null, 2)}\n` : `${summaryLines(facts).join('\n')}\n`)
      return 0
    } finally {
      await simulation.close()
    }
  } finally {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, end)
  }
}

async function serve(
  simulation: RunningSimulation,
  { stop, forMs }: { readonly stop: AbortController; readonly forMs: number | undefined },
): Promise<SimulationFacts> {
  const startedAt = systemClock.mono()
  const facts = () => factsOf(simulation, (systemClock.mono() - startedAt) / 1000)
  const drawn = draw(facts, stop.signal)
  await (forMs === undefined ? aborted(stop.signal) : systemClock.wait(forMs, stop.signal))
  const last = facts()
  stop.abort()
  await drawn
  return last
}

/** One line on standard error, when that is a terminal. */
async function draw(facts: () => SimulationFacts, signal: AbortSignal): Promise<void> {
  const { stderr } = process
  if (!stderr.isTTY) return
  const kept = [facts()]
  for (;;) {
    await systemClock.wait(DRAW_EVERY_MS, signal)
    if (signal.aborted) break
    const now = facts()
    stderr.write(`\r${cut(progressText(kept[0] ?? now, now), (stderr.columns || 80) - 1)}\u001b[K`)
    kept.push(now)
    if (kept.length > RATE_DRAWINGS) kept.shift()
  }
  stderr.write('\r\u001b[K')
}

async function start(settings: SimulationSettings, options: SimulationOptions): Promise<RunningSimulation> {
  try {
    return await startSimulation(settings, options)
  } catch (error) {
    if (!(error instanceof LinkError)) throw error
    const hint = error.code === 'no_such_port' ? { hint: PAIR } : error.hint === undefined ? {} : { hint: error.hint }
    throw new GatewayError('bad_answer', error.message, { ...hint, cause: error })
  }
}

/** Two ports that are joined, where there is no adapter. */
const PAIR =
  'plug in the adapter, or make a pair of ports with: socat pty,rawer,link=/tmp/bus-devices pty,rawer,link=/tmp/bus-gateway'

function tellState(connection: string, lost: LinkError | undefined): void {
  say(lost ? `${connection}: ${lost.message}` : `${connection}: the port is back`)
}

function say(text: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${text}\n`)
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function durationOf(text: string): number {
  const read = parseDuration(text)
  if ('value' in read) return read.value
  throw new GatewayError('usage', `--for ${text}: ${read.problem}`, read.hint === undefined ? {} : { hint: read.hint })
}

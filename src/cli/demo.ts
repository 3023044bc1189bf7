import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, startAgent } from '../agent.ts'
import { systemClock } from '../clock.ts'
import { loadSettings } from '../config/load.ts'
import { type SimulatedSite, startSimulatedSite } from '../drivers/simulator/site.ts'
import { createLogger } from '../log.ts'
import { DemoCloud } from './demo/cloud.ts'
import { demoConfig, GATEWAY } from './demo/site.ts'
import { boilerSetpoint, newestSetpoint, playOnce, type Stage, settle, supersededPerCycle } from './demo/story.ts'
import { Terminal } from './demo/terminal.ts'
import { programVersion } from './version.ts'

/** However the demo is ended (a closed terminal, too), it cleans up behind itself. */
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * A site without hardware: simulated devices, a broker in this process, the real agent between them, and a client of the
 * broker that counts. Nothing is written outside a temporary folder. Status 0 only if nothing is missing.
 */
export async function demo(options: { readonly once: boolean }): Promise<number> {
  const interrupted = new AbortController()
  const interrupt = () => interrupted.abort()
  for (const signal of STOP_SIGNALS) process.on(signal, interrupt)
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-demo-'))
  const site = await startSimulatedSite()
  const cloud = await DemoCloud.open(GATEWAY)
  try {
    const agent = await startDemoAgent(folder, { site, cloud })
    try {
      return await play({ agent, site, cloud, signal: interrupted.signal }, options.once)
    } finally {
      await agent.stop()
    }
  } finally {
    await cloud.close()
    await site.close()
    rmSync(folder, { recursive: true, force: true })
    for (const signal of STOP_SIGNALS) process.removeListener(signal, interrupt)
  }
}

function startDemoAgent(folder: string, parts: { site: SimulatedSite; cloud: DemoCloud }): Promise<Agent> {
  const { site, cloud } = parts
  const file = join(folder, 'config.yaml')
  writeFileSync(file, demoConfig({ modbus: site.port, mqtt: cloud.port }))
  return startAgent(loadSettings(file).settings, {
    stateDir: folder,
    version: programVersion(),
    // The link is cut on purpose here; what matters is on the screen.
    log: createLogger({ level: 'error', format: 'human' }),
    openPort: (connection) => (connection.type === 'serial-text' ? site.textPort : undefined),
  })
}

async function play(parts: Pick<Stage, 'agent' | 'site' | 'cloud' | 'signal'>, once: boolean): Promise<number> {
  const { agent, site, cloud, signal } = parts
  const clock = systemClock
  const startedAt = clock.mono()
  const over = new AbortController()
  let story = 'Starting'
  const stage: Stage = { agent, site, cloud, clock, signal, tell: (sentence) => (story = sentence) }
  const scene = () => ({
    status: agent.status(),
    checker: cloud.checker,
    linkUp: cloud.linkUp,
    elapsedMs: clock.mono() - startedAt,
    story,
  })
  const shown = new Terminal(process.stdout).show(scene, { clock, signal: over.signal })
  try {
    let cycles = 0
    do {
      cycles += 1
      await playOnce(stage, cycles)
    } while (!once && !signal.aborted)
    const through = await settle(stage)
    over.abort()
    await shown
    return summary(parts, { cycles, through, interrupted: signal.aborted })
  } finally {
    over.abort()
    await shown
  }
}

/** What the independent subscriber counted. */
function summary(
  { agent, site, cloud }: Pick<Stage, 'agent' | 'site' | 'cloud'>,
  run: { readonly cycles: number; readonly through: number; readonly interrupted: boolean },
): number {
  const { checker } = cloud
  const missing = checker.missing(run.through)
  const superseded = checker.outcomes.get('superseded') ?? 0
  const verified = checker.outcomes.get('verified') ?? 0
  const { writtenRecords } = agent.status().outbox
  const lines = [
    '',
    'Counted by an independent subscriber of the broker:',
    `  records      ${checker.records} in ${checker.messages} messages, ${checker.late} of them late, after the outage`,
    `  missing      ${missing}`,
    `  duplicates   ${checker.duplicates} (at least once: what was in flight when the cable was pulled)`,
    `  out of order ${checker.outOfOrder}`,
    `  commands     ${verified} applied and read back, ${superseded} superseded; the boiler stands at ${boilerSetpoint(site)} °C`,
    `On disk: ${writtenRecords} of ${run.through} records were written; the others were acknowledged before a commit was due.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  if (run.interrupted) {
    process.stdout.write(
      missing === 0 ? 'Interrupted; nothing is missing.\n' : 'Interrupted; what is missing was still on its way.\n',
    )
    return 0
  }
  const commandsRight =
    verified === run.cycles && superseded === run.cycles * supersededPerCycle && boilerSetpoint(site) === newestSetpoint
  const good = missing === 0 && checker.outOfOrder === 0 && commandsRight
  process.stdout.write(good ? 'Nothing is missing.\n' : 'Something is wrong: see above.\n')
  return good ? 0 : 1
}

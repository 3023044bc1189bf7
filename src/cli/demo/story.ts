import type { Agent } from '../../agent.ts'
import type { Clock } from '../../clock.ts'
import type { SimulatedSite } from '../../drivers/simulator/site.ts'
import { GatewayError } from '../../errors.ts'
import type { DemoCloud } from './cloud.ts'
import { COMMAND, GATEWAY } from './site.ts'

export interface Stage {
  readonly agent: Agent
  readonly site: SimulatedSite
  readonly cloud: DemoCloud
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Says what happens now. */
  tell(sentence: string): void
}

const STEADY_MS = 3_000
const OUTAGE_MS = 6_000
/** No step of the story takes longer, unless something is wrong. */
const STEP_MS_MAX = 60_000
const LOOK_EVERY_MS = 50
/** Set-points sent while the boiler is dead; only the last may ever reach it. */
const SETPOINTS = [45, 50, 55] as const
/** The register behind the set-point, in tenths of a degree. */
const SETPOINT_REGISTER = 1

/** One cycle: a steady while, a command for a dead unit, an outage, the drain, the unit comes back. */
export async function playOnce(stage: Stage, cycle: number): Promise<void> {
  const { site, cloud, clock, signal, tell } = stage
  site.units.boiler.fault = { kind: 'dead' }
  tell('Devices are read; every record is acknowledged by the cloud. The boiler is dead, its neighbours do not care.')
  await reach(stage, 'the uplink to come online', () => stage.agent.status().uplinks[0]?.state === 'online')
  await reach(stage, 'the boiler to be seen as dead', () => deviceState(stage, 'boiler') === 'offline')
  await clock.wait(STEADY_MS, signal)

  tell(`The cloud sends set-points ${SETPOINTS.join(', ')} °C to the dead boiler: only the newest will wait for it.`)
  for (const value of SETPOINTS) await cloud.command(GATEWAY, COMMAND, { id: `cycle-${cycle}-${value}`, value })
  await reach(stage, 'the newest command to wait', () => waitsFor(stage, SETPOINTS.at(-1) ?? 0))
  await clock.wait(STEADY_MS, signal)

  tell('The cable to the cloud is pulled: reading goes on, the queue grows, on disk.')
  cloud.cut()
  await clock.wait(OUTAGE_MS, signal)

  tell('The cable is back: the queue drains in order, each record marked late.')
  cloud.restore()
  await reach(stage, 'the queue to drain', () => isDrained(stage))
  await clock.wait(STEADY_MS / 2, signal)

  tell('The boiler is switched on: when it is tried next, it gets the newest set-point, once, and is read back.')
  site.revive()
  await reach(stage, 'the command to be verified', () => (cloud.checker.outcomes.get('verified') ?? 0) >= cycle)
  await clock.wait(STEADY_MS, signal)
}

/** Waits until the cloud has every record issued so far. */
export async function settle(stage: Stage): Promise<number> {
  stage.tell('Counting what the cloud got.')
  const through = stage.agent.status().outbox.head
  const { checker } = stage.cloud
  await reach(stage, 'the last records to arrive', () => checker.last >= through && checker.missing(through) === 0)
  return through
}

/** What the boiler holds as its set-point now, in °C. */
export function boilerSetpoint(site: SimulatedSite): number {
  return (site.units.boiler.word('holding', SETPOINT_REGISTER) ?? 0) / 10
}

export const newestSetpoint: number = SETPOINTS.at(-1) ?? 0
export const supersededPerCycle: number = SETPOINTS.length - 1

function deviceState(stage: Stage, name: string): string | undefined {
  return stage.agent.status().devices.find((device) => device.name === name)?.state
}

function waitsFor(stage: Stage, value: number): boolean {
  return stage.agent.status().inbox.waiting.some((command) => command.value === String(value))
}

function isDrained(stage: Stage): boolean {
  const uplink = stage.agent.status().uplinks[0]
  return uplink?.state === 'online' && uplink.pending <= uplink.inFlight
}

async function reach(stage: Stage, what: string, fact: () => boolean): Promise<void> {
  const deadline = stage.clock.mono() + STEP_MS_MAX
  while (!fact() && !stage.signal.aborted) {
    if (stage.clock.mono() > deadline) {
      throw new GatewayError('bad_answer', `the demo waited ${STEP_MS_MAX / 1000} s in vain for ${what}`)
    }
    await stage.clock.wait(LOOK_EVERY_MS, stage.signal)
  }
}

/**
 * A site made of software nobody here wrote (pymodbus device, mosquitto broker, paho subscriber), with the agent in the
 * middle as an operator runs it. Every part can be taken away and brought back.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { AgentProcess } from './agent-process.ts'
import { type Arrival, type ArrivedRecord, judge, type Verdict } from './checker.ts'
import { Broker } from './field-broker.ts'
import { Checker } from './field-checker.ts'
import { Device } from './field-device.ts'
import { atEnd } from './field-ending.ts'
import { Network } from './field-network.ts'
import { lack, needs } from './needs.ts'

/** Every part of the field has an id with this in front. */
const GATEWAY = 'gw'
/** Topics beside the records. */
const SURFACE = /\/(state|info|health|devices|availability)$/

const pythonPackages = {
  pymodbus: 'python3-pymodbus',
  'paho.mqtt.client': 'python3-paho-mqtt',
  serial_asyncio: 'python3-serial-asyncio',
} as const

/** True when all the foreign software is there; else the test is skipped, or fails where skipping is forbidden. */
export function hasField(test: TestContext, ...programs: readonly ('socat' | 'mosquitto_sub')[]): boolean {
  if (!needs(test, 'mosquitto', ...programs)) return false
  const missing = Object.entries(pythonPackages).flatMap(([module, aptPackage]) =>
    imports(module) ? [] : [aptPackage],
  )
  return missing.length === 0 || lack(test, missing.join(' '))
}

function imports(module: string): boolean {
  try {
    execFileSync('/usr/bin/python3', ['-c', `import ${module}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A folder for the test, removed at its end. Short, because a socket lies in it. */
export function fieldFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tg-'))
  atEnd(test, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The cloud: broker, network before it, and the checker that is subscribed before anybody can publish. */
export interface Cloud {
  readonly broker: Broker
  readonly network: Network
  /** Records that arrived, in order; commands on their way and what the gateway tells of itself are left out. */
  arrivals(): Arrival[]
  /** What the gateway told of itself, in order. */
  surface(): Arrival[]
  /** Those that came for the first time. */
  records(): readonly ArrivedRecord[]
  /** Ends the broker; the network is cut with it, so that nobody gets in before the checker. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  start(): Promise<void>
}

export async function startCloud(test: TestContext, folder: string): Promise<Cloud> {
  const broker = await Broker.start(folder)
  atEnd(test, () => broker.end('SIGKILL'))
  const network = await Network.start(broker.port)
  atEnd(test, () => network.close())
  const checker = await Checker.start(folder, { port: broker.port, filter: `tidegate/${GATEWAY}/#` })
  atEnd(test, () => checker.end())
  const arrivals = () =>
    checker.arrivals().filter(({ topic }) => !/\/command\/[^/]+$/.test(topic) && !SURFACE.test(topic))
  return {
    broker,
    network,
    arrivals,
    surface: () => checker.arrivals().filter(({ topic }) => SURFACE.test(topic)),
    records: () => judge(arrivals()).records,
    async stop(signal) {
      network.cut()
      await broker.end(signal)
    },
    async start() {
      await broker.start()
      await checker.connected()
      network.restore()
    },
  }
}

export async function startDevice(test: TestContext, folder: string): Promise<Device> {
  const device = await Device.startTcp(folder)
  atEnd(test, () => device.end())
  return device
}

export function startAgent(test: TestContext, options: { readonly folder: string; readonly config: string }) {
  const agent = new AgentProcess(options.folder, options.config)
  atEnd(test, () => agent.kill())
  atEnd(test, () => {
    // `error` is not in the types of this release of Node.
    if ((test as { error?: unknown }).error) test.diagnostic(`the agent's last words:\n${agent.log.slice(-3000)}`)
  })
  agent.start()
  return agent
}

/** Waits until everything has left the agent, stops it, and judges what arrived. */
export async function drainAndJudge(agent: AgentProcess, cloud: Cloud, interruptions: readonly number[] = []) {
  const { outbox } = await agent.reaches(({ uplinks: [uplink] }) => uplink?.pending === 0 && uplink.inFlight === 0, {
    what: 'everything to be delivered',
    timeoutMs: 30_000,
  })
  const status = await agent.stop()
  const verdict: Verdict = judge(cloud.arrivals(), interruptions)
  return { exitStatus: status, head: outbox.head, verdict }
}

/** The numbers of field-device.py in the records, in order. */
export function numbersIn(records: readonly ArrivedRecord[]): number[] {
  return records.flatMap(({ content }) => {
    const n = (content['values'] as Record<string, unknown> | undefined)?.['n']
    return typeof n === 'number' ? [n] : []
  })
}

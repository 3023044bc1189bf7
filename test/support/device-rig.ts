/** A simulated plant, the configuration for it, and the command line asking about it, with an agent or without. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { noFault } from '../../src/drivers/simulator/fault.ts'
import { type SimulatedSite, startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import { AgentProcess } from './agent-process.ts'
import { ScriptedBroker } from './broker.ts'
import { type Ended, emptyFolder, type Running, repository, start } from './program.ts'

export interface DeviceRig {
  readonly site: SimulatedSite
  readonly folder: string
  readonly agent: AgentProcess
  /** Takes what the agent records. */
  readonly broker: ScriptedBroker
  /** `tidegate WORDS`, until it ends. */
  tidegate(...words: string[]): Promise<Ended>
  /** The same, while it runs. */
  begin(...words: string[]): Running
}

/** `running`: with an agent that polls the plant. */
export async function deviceRig(test: TestContext, { running }: { readonly running: boolean }): Promise<DeviceRig> {
  // Values that stand still: what a tool finds in them is no matter of chance.
  const clock = { ...systemClock, mono: () => 0 }
  const site = await startSimulatedSite({ boilerFault: noFault, slowMs: 20, clock })
  test.after(() => site.close())
  const broker = await ScriptedBroker.start()
  test.after(() => broker.close())
  const folder = emptyFolder(test)
  // Many programs are started; compiling them each time anew would be most of their work.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') }
  const agent = new AgentProcess(folder, plantConfig({ modbus: site.port, mqtt: broker.port }), { env })
  writeFileSync(join(folder, 'config.yaml'), plantConfig({ modbus: site.port, mqtt: broker.port }))
  test.after(() => agent.kill())
  if (running) {
    agent.start()
    await agent.ready()
    await agent.reaches(({ devices }) => devices.every(({ state }) => state === 'online'), {
      what: 'devices to answer',
    })
  }
  const begin = (...words: string[]) => {
    const places = ['--state-dir', agent.stateDir, ...(words[0] === 'watch' ? [] : ['--config', agent.configFile])]
    return start(test, [process.execPath, join(repository, 'bin', 'tidegate.mjs'), ...words, ...places], { env })
  }
  return { site, folder, agent, broker, begin, tidegate: (...words) => begin(...words).ended }
}

function plantConfig({ modbus, mqtt }: { readonly modbus: number; readonly mqtt: number }): string {
  return `version: 1
gateway: { id: gw, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${modbus}, timeout: 2s }
devices:
  meter:
    connection: plc
    unit_id: 1
    interval: 100ms
    points:
      voltage: { register: input, address: 0, type: float32, unit: V }
      energy: { register: input, address: 6, type: uint32, unit: Wh, kind: counter, interval: 5s }
  controller:
    connection: plc
    unit_id: 4
    interval: 1s
    points:
      speed: { address: 0, type: uint16, unit: 1/min }
      target: { address: 10, type: uint16, access: rw, min: 10, max: 90 }
      pump: { register: coil, address: 0, access: rw }
      valve: { address: 10, type: uint16, scale: 0.1, unit: "%", access: rw }
      blind: { address: 10, type: uint16, access: wo }
      nowhere: { address: 500, type: uint16 }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${mqtt}", backoff: { min: 20ms, max: 200ms } }
`
}

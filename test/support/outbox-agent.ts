/** A real agent with a simulated meter and two uplinks, and the command line asking it as an operator does. */
import type { TestContext } from 'node:test'
import { startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import { AgentProcess } from './agent-process.ts'
import { ScriptedBroker } from './broker.ts'
import { type Ended, emptyFolder, runTidegate } from './program.ts'

export interface OutboxRig {
  readonly agent: AgentProcess
  /** Takes what the uplink `cloud` sends. Nobody is there for the uplink `billing`. */
  readonly broker: ScriptedBroker
  readonly folder: string
  /** `tidegate outbox WORDS` */
  outbox(...words: string[]): Promise<Ended>
  /** `tidegate WORDS` on the agent's state directory. */
  tidegate(...words: string[]): Promise<Ended>
}

export interface RigOptions {
  readonly keepDelivered?: string
  readonly uplinks?: readonly ('cloud' | 'billing')[]
  /** A second device, which does not answer, and a command for it. */
  readonly boiler?: boolean
}

export async function outboxRig(test: TestContext, options: RigOptions = {}): Promise<OutboxRig> {
  const site = await startSimulatedSite()
  test.after(() => site.close())
  const broker = await ScriptedBroker.start()
  test.after(() => broker.close())
  const folder = emptyFolder(test)
  const agent = new AgentProcess(folder, rigConfig({ modbus: site.port, mqtt: broker.port, ...options }))
  test.after(() => agent.kill())
  agent.start()
  await agent.ready()
  const tidegate = (...words: string[]) => runTidegate(test, [...words, '--state-dir', agent.stateDir])
  return { agent, broker, folder, tidegate, outbox: (...words) => tidegate('outbox', ...words) }
}

const boiler = `  boiler:
    connection: plc
    unit_id: 2
    points:
      setpoint: { address: 1, type: int16, scale: 0.1, access: rw }
commands:
  boiler-setpoint: { write: boiler.setpoint, expires_after: 1h }
`

/** The configuration as text. Port 1 is closed. */
function rigConfig(options: RigOptions & { readonly modbus: number; readonly mqtt: number }): string {
  const { modbus, mqtt, uplinks = ['cloud', 'billing'], keepDelivered = '0s' } = options
  const lines = {
    cloud: `  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${mqtt}", backoff: { min: 20ms, max: 200ms }, commands: {} }`,
    billing: '  billing: { type: mqtt, url: "mqtt://127.0.0.1:1" }',
  }
  return `version: 1
gateway: { id: gw, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${modbus}, timeout: 1s }
devices:
  meter:
    connection: plc
    unit_id: 1
    interval: 50ms
    points:
      voltage: { register: input, address: 0, type: float32, unit: V }
${options.boiler ? boiler : ''}uplinks:
${uplinks.map((name) => lines[name]).join('\n')}
outbox: { commit_interval: 50ms, keep_delivered: ${keepDelivered} }
`
}

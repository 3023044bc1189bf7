/** A real agent with one device that answers and one that never does, and the command line asking it as an operator does. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import type { ListedCommand } from '../../src/inbox-api.ts'
import { AgentProcess } from './agent-process.ts'
import { ScriptedBroker } from './broker.ts'
import { type Ended, emptyFolder, runTidegate } from './program.ts'
import { until } from './until.ts'

export interface InboxRig {
  readonly agent: AgentProcess
  readonly broker: ScriptedBroker
  /** `tidegate inbox WORDS` */
  inbox(...words: string[]): Promise<Ended>
  /** What `tidegate inbox ls --json WORDS` prints. */
  list(...words: string[]): Promise<ListedCommand[]>
  /** Sends a command with the key `target` (applied at once) or `boiler-setpoint` (its device never answers). */
  send(command: {
    readonly key: 'target' | 'boiler-setpoint'
    readonly id: string
    readonly [more: string]: unknown
  }): void
  /** Waits until a command is in a state. */
  reached(id: string, state: string): Promise<ListedCommand>
}

export async function inboxRig(test: TestContext): Promise<InboxRig> {
  const site = await startSimulatedSite()
  test.after(() => site.close())
  const broker = await ScriptedBroker.start()
  test.after(() => broker.close())
  const agent = new AgentProcess(emptyFolder(test), config(site.port, broker.port))
  test.after(() => agent.kill())
  agent.start()
  await agent.ready()
  await agent.reaches(({ uplinks, devices }) => uplinks[0]?.state === 'online' && devices[0]?.state === 'online', {
    what: 'uplink and controller to be online',
    timeoutMs: 30_000,
  })
  const inbox = (...words: string[]) => runTidegate(test, ['inbox', ...words, '--state-dir', agent.stateDir])
  const list = async (...words: string[]) => {
    const { status, stdout, stderr } = await inbox('ls', '--json', ...words)
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout) as ListedCommand[]
  }
  return {
    agent,
    broker,
    inbox,
    list,
    send({ key, ...command }) {
      broker.deliver({ topic: `tidegate/gw/command/${key}`, payload: JSON.stringify(command), qos: 1 })
    },
    reached: (id, state) =>
      until(async () => (await list('--state', state)).find((one) => one.id === id), {
        what: `${id} to be ${state}`,
        timeoutMs: 60_000,
      }),
  }
}

function config(modbus: number, mqtt: number): string {
  return `version: 1
gateway: { id: gw, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${modbus}, timeout: 1s }
devices:
  controller:
    connection: plc
    unit_id: 4
    points:
      target: { address: 10, type: uint16, access: rw }
  boiler:
    connection: plc
    unit_id: 2
    points:
      setpoint: { address: 1, type: int16, scale: 0.1, access: rw }
commands:
  target: { write: controller.target, expires_after: 1h, verify: none }
  boiler-setpoint: { write: boiler.setpoint, expires_after: 1h, verify: none }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${mqtt}", backoff: { min: 20ms, max: 200ms }, commands: {} }
outbox: { commit_interval: 50ms }
`
}

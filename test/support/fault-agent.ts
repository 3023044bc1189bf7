/**
 * The agent as an operator runs it, whose disk fails: a device that counts how often it is asked, a cloud that keeps books
 * by id and counts confirmations, both in the process of the test; status over the agent's socket.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import type { Status } from '../../src/status.ts'
import { AgentProcess } from './agent-process.ts'
import { ScriptedBroker } from './broker.ts'
import { CloudBooks, type CloudEvent } from './fault-agent-books.ts'
import { fieldFolder } from './field.ts'
import { uplink } from './field-config.ts'
import { atEnd } from './field-ending.ts'
import { Network } from './field-network.ts'
import { until } from './until.ts'

/** A loaded machine, and pauses of the agent of up to 10 s between its tries to write. */
const DEADLINE_MS = 40_000
const SETPOINT = 0

export interface FaultSiteOptions {
  /** Below the folder of the test unless given. */
  readonly stateDir?: string
  readonly env?: NodeJS.ProcessEnv
  /** More of `outbox:` in the configuration, in YAML flow style without braces. */
  readonly outbox?: string
  readonly interval?: string
  /** Points beside the counting one, so that readings are long. */
  readonly extraPoints?: number
}

/** The agent is not started yet. */
export async function faultSite(test: TestContext, options: FaultSiteOptions = {}): Promise<FaultSite> {
  const folder = fieldFolder(test)
  let n = 0
  const extra = Array.from({ length: options.extraPoints ?? 0 }, (_, index) => 2 * (index + 1))
  const unit = new SimulatedUnit(1, [
    { register: 'input', address: 0, type: 'uint32', value: () => ++n },
    ...extra.map((address) => ({ register: 'input', address, type: 'uint32', value: address }) as const),
    { register: 'holding', address: SETPOINT, type: 'int16', value: 0, writable: true },
  ])
  const device = await ModbusServer.start([unit])
  atEnd(test, () => device.close())
  const broker = await ScriptedBroker.start()
  atEnd(test, () => broker.close())
  const network = await Network.start(broker.port)
  atEnd(test, () => network.close())
  const config = configOf({ ...options, devicePort: device.port, cloudPort: network.port, extra })
  const agent = new AgentProcess(folder, config, options)
  atEnd(test, () => agent.kill())
  atEnd(test, () => {
    // `error` is not in the types of this release of Node.
    if ((test as { error?: unknown }).error) test.diagnostic(`the agent's last words:\n${agent.log.slice(-4000)}`)
  })
  return new FaultSite({ agent, broker, network, unit })
}

interface ConfigOptions extends FaultSiteOptions {
  readonly devicePort: number
  readonly extra: readonly number[]
  readonly cloudPort: number
}

function configOf({ devicePort, cloudPort, extra, interval = '50ms', outbox = '' }: ConfigOptions): string {
  const points = extra.map(
    (address) => `      long-name-of-point-${address}: { register: input, address: ${address}, type: uint32 }\n`,
  )
  return `
version: 1
gateway: { id: gw, clock: trusted }
connections:
  line: { type: modbus-tcp, host: 127.0.0.1, port: ${devicePort}, timeout: 500ms }
devices:
  meter:
    connection: line
    unit_id: 1
    interval: ${interval}
    points:
      n: { register: input, address: 0, type: uint32 }
      setpoint: { address: ${SETPOINT}, type: int16, access: rw, interval: 1h }
${points.join('')}commands:
  setpoint: { write: meter.setpoint }
uplinks:
  cloud: ${uplink(cloudPort, { more: 'surface: false' })}
outbox: { commit_interval: 100ms${outbox === '' ? '' : `, ${outbox}`} }
`
}

export class FaultSite {
  readonly agent: AgentProcess
  readonly broker: ScriptedBroker
  /** Between agent and broker. */
  readonly network: Network
  readonly unit: SimulatedUnit
  readonly #books = new CloudBooks()
  #booked = 0

  constructor(parts: Pick<FaultSite, 'agent' | 'broker' | 'network' | 'unit'>) {
    this.agent = parts.agent
    this.broker = parts.broker
    this.network = parts.network
    this.unit = parts.unit
  }

  get databaseFile(): string {
    return join(this.agent.stateDir, 'tidegate.db')
  }

  /** Starts the agent and waits until it answers. */
  async start(): Promise<Status> {
    this.agent.start()
    return await this.agent.ready()
  }

  /** What the cloud has by now. */
  books(): CloudBooks {
    for (; this.#booked < this.broker.stored.length; this.#booked += 1) {
      const arrival = this.broker.stored[this.#booked]
      if (arrival) this.#books.add(arrival)
    }
    return this.#books
  }

  /** Waits until the cloud has an event of this name. */
  async event(name: string): Promise<CloudEvent> {
    return await until(() => this.books().eventsNamed(name)[0], {
      what: `the event ${name} in the cloud; it has ${this.books().events.map(({ event }) => event)}`,
      timeoutMs: DEADLINE_MS,
    })
  }

  /** Waits until the status says so. */
  async reaches(what: string, fact: (status: Status) => boolean): Promise<Status> {
    return await this.agent.reaches(fact, { what, timeoutMs: DEADLINE_MS })
  }

  async failing(): Promise<NonNullable<Status['storage']['problem']>> {
    const { storage } = await this.reaches('storage to fail', (status) => status.storage.problem !== undefined)
    assert.equal(storage.state, 'failing')
    return storage.problem as NonNullable<Status['storage']['problem']>
  }

  async writesAgain(): Promise<Status> {
    return await this.reaches('storage to write again', ({ storage }) => storage.state === 'ok')
  }

  /** The device is read and fresh readings reach the cloud, from now on. */
  async goesOn(): Promise<void> {
    const { requests } = this.unit
    await this.alive(() => this.unit.requests >= requests + 3, 'the device to be read')
    const known = this.books().contents.size
    await this.alive(() => this.books().contents.size >= known + 3, 'fresh readings in the cloud')
  }

  /** Waits for a fact outside the agent; fails at once when the agent has ended. */
  async alive(fact: () => boolean, what: string): Promise<void> {
    await until(
      () => {
        this.agent.mustRun()
        return fact()
      },
      { what, timeoutMs: DEADLINE_MS },
    )
  }

  /** Sends a command. It stays with the broker until the agent confirms it. */
  command(id: string, value: number): void {
    assert.ok(this.broker.connections.length > 0, 'the broker knows no session that the command could be for')
    this.broker.deliver({ topic: 'tidegate/gw/command/setpoint', payload: JSON.stringify({ id, value }) })
  }

  /** Every command sent so far was confirmed. */
  isConfirmed(): boolean {
    return this.broker.unconfirmed() === 0
  }

  /** What the last applied command wrote into the device. */
  written(): number {
    return this.unit.word('holding', SETPOINT) ?? 0
  }

  /** The agent has this command and neither confirms nor applies it, while readings go on. */
  async withholds(id: string, value: number): Promise<void> {
    assert.ok(this.broker.current, 'the agent is not connected, so this would prove nothing')
    await this.goesOn()
    await this.goesOn()
    assert.equal(this.isConfirmed(), false, `the command ${id} was confirmed, though it cannot be stored`)
    assert.notEqual(this.written(), value, `the command ${id} was applied, though it cannot be stored`)
  }

  async applies(value: number): Promise<void> {
    await this.alive(() => this.isConfirmed() && this.written() === value, `a command to write ${value}`)
  }

  /**
   * Ends the device's readings, waits until everything has left the agent, stops it, and checks the books of both sides:
   * ids unique, nothing missing but what events name, the identity (P4) holds. `restart`: the agent is stopped and started
   * before the last look, which ends the open pages of its loss ledger. `withHoles`: see CloudBooks.missing.
   */
  async settle(
    options: { readonly restart?: boolean; readonly withHoles?: boolean } = {},
  ): Promise<{ readonly status: Status; readonly books: CloudBooks }> {
    this.unit.fault = { kind: 'dead' }
    let status = await this.#drained()
    if (options.restart) {
      assert.equal(await this.agent.stop(), 0, this.agent.log.slice(-2000))
      await this.start()
      status = await this.#drained()
    }
    const books = this.books()
    assert.deepEqual(books.strange.slice(0, 3), [])
    assert.deepEqual(books.changed.slice(0, 3), [], 'ids came again with other content')
    assert.deepEqual(
      books.missing(status.outbox.head, options).slice(0, 10),
      [],
      'records are missing that no event names',
    )
    assert.equal(await this.agent.stop(), 0, this.agent.log.slice(-2000))
    return { status, books }
  }

  async #drained(): Promise<Status> {
    const status = await this.reaches(
      'everything to be delivered',
      ({ devices: [meter], uplinks: [cloud] }) =>
        meter?.state === 'offline' && cloud?.pending === 0 && cloud.inFlight === 0,
    )
    assertIdentity(status)
    return status
  }
}

/** P4, in numbers of the status. */
function assertIdentity(status: Status): void {
  for (const { name, issued, delivered, pending, dropped, rejected, notWanted, skipped } of status.uplinks) {
    const settled = delivered + dropped + rejected + notWanted + skipped
    assert.equal(issued, settled + pending, `the books of ${name} do not balance`)
    assert.ok(pending >= 0, `${name} has ${pending} pending`)
  }
}

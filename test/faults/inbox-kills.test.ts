/**
 * The gateway is killed between the commit of a command and its PUBACK, and between the write to the device and the commit
 * of its outcome (P8), with a persistent session at mosquitto. TIDEGATE_COMMAND_KILLS says how many of each (8 without
 * it); 100 take eight minutes. TIDEGATE_SEED brings the same drawing again, not the same interleaving.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import type { SimulatedPoint } from '../../src/drivers/simulator/registers.ts'
import { AgentProcess } from '../support/agent-process.ts'
import {
  judgeCommands,
  type KeyRules,
  type SeenWrite,
  type SentCommand,
  type ToldOutcome,
} from '../support/command-judge.ts'
import { CommandWire } from '../support/command-wire.ts'
import { fieldFolder, hasField } from '../support/field.ts'
import { Broker } from '../support/field-broker.ts'
import { Checker } from '../support/field-checker.ts'
import { atEnd } from '../support/field-ending.ts'
import { type Chance, chanceOf, newSeed } from '../support/seeded.ts'
import { until } from '../support/until.ts'
import { WrittenUnit } from '../support/written-unit.ts'

/** Of each of the two moments the promise is about; half as many of the two beside them. */
const KILLS = Number(process.env['TIDEGATE_COMMAND_KILLS'] ?? 8)
/** Nothing that kills for this long: more commands are sent. */
const SEND_AGAIN_MS = 2_000

type Moment = 'before PUBACK' | 'after PUBACK' | 'before the reply' | 'after the reply'

const moments: readonly Moment[] = [
  ...new Array<Moment>(KILLS).fill('before PUBACK'),
  ...new Array<Moment>(KILLS).fill('before the reply'),
  ...new Array<Moment>(Math.ceil(KILLS / 2)).fill('after PUBACK'),
  ...new Array<Moment>(Math.ceil(KILLS / 2)).fill('after the reply'),
]

/** Each writes the register with its place in this list. `version`: sent with versions, and out of order. */
const keys = {
  again: { repeatable: true, queue: false, access: 'rw', options: 'verify: read_back' },
  version: { repeatable: true, queue: false, access: 'rw', options: 'verify: none' },
  once: { repeatable: false, queue: false, access: 'rw', options: 'repeatable: false' },
  blind: { repeatable: false, queue: false, access: 'wo', options: 'repeatable: false' },
  job: { repeatable: false, queue: true, access: 'rw', options: 'mode: queue' },
} as const satisfies Record<string, KeyRules & { readonly access: string; readonly options: string }>
const names = Object.keys(keys) as (keyof typeof keys)[]

function configOf({ device, broker }: { readonly device: number; readonly broker: number }): string {
  const points = names.map(
    (name, address) => `${name}: { address: ${address}, type: uint16, access: ${keys[name].access} }`,
  )
  const commands = names.map((name) => `  ${name}: { write: machine.${name}, ${keys[name].options} }`)
  return `version: 1
gateway: { id: gw, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${device}, timeout: 2s }
devices:
  machine: { connection: plc, unit_id: 1, interval: 100ms, points: { ${points.join(', ')} } }
commands:
${commands.join('\n')}
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${broker}", backoff: { min: 20ms, max: 200ms }, commands: {} }
outbox: { commit_interval: 50ms }
`
}

async function startSite(t: TestContext) {
  const folder = fieldFolder(t)
  const broker = await Broker.start(folder)
  atEnd(t, () => broker.end('SIGKILL'))
  const checker = await Checker.start(folder, { port: broker.port, filter: 'tidegate/gw/command/+/result' })
  atEnd(t, () => checker.end())
  const backend = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5, clientId: 'backend' })
  atEnd(t, () => backend.endAsync(true))
  const wire = await CommandWire.start(broker.port)
  atEnd(t, () => wire.close())
  const points = names.map(
    (_, address): SimulatedPoint => ({ register: 'holding', address, type: 'uint16', value: 0, writable: true }),
  )
  const unit = new WrittenUnit(1, points)
  const device = await ModbusServer.start([unit])
  atEnd(t, () => device.close())
  const agent = new AgentProcess(folder, configOf({ device: device.port, broker: wire.port }), {
    env: { NODE_COMPILE_CACHE: join(folder, 'compiled') },
  })
  atEnd(t, () => agent.kill())
  return { broker, checker, backend, wire, unit, agent }
}

type Site = Awaited<ReturnType<typeof startSite>>

/** A run of kills, and what was sent and seen in it. */
class Kills {
  readonly sent: SentCommand[] = []
  readonly written: SeenWrite[] = []
  readonly lives: number[] = []
  /** Commands whose PUBACK was kept from the broker. */
  withheld = 0
  readonly #site: Site
  readonly #chance: Chance
  #armed: { readonly moment: Moment; skip: number } | undefined
  #killed: Promise<void> | undefined

  constructor(site: Site, chance: Chance) {
    this.#site = site
    this.#chance = chance
    site.wire.onPuback = () => this.#onPuback()
    site.unit.onWrite = ({ address, bytes }) => {
      const key = names[address] ?? `register ${address}`
      this.written.push({ key, number: bytes.readUInt16BE(), life: this.lives.length - 1 })
      this.#onWrite()
    }
  }

  start(): void {
    this.lives.push(Date.now())
    this.#site.agent.start()
  }

  /** Lives until the moment, and dies. */
  async killAt(moment: Moment): Promise<void> {
    const { agent } = this.#site
    const isShort = this.#chance.hits(0.2)
    if (isShort) await agent.ready()
    this.#killed = undefined
    this.#armed = { moment, skip: this.#chance.between(0, 2) }
    let sendAgainAt = 0
    await until(
      async () => {
        if (this.#killed) return true
        agent.mustRun()
        if (performance.now() < sendAgainAt) return false
        await this.send(isShort && sendAgainAt === 0 ? Date.now() + 300 : undefined)
        sendAgainAt = performance.now() + SEND_AGAIN_MS
        return false
      },
      { what: `a moment ${moment}`, timeoutMs: 60_000 },
    )
    await this.#killed
    const expires = Math.max(0, ...this.sent.map(({ expiresAt = 0 }) => expiresAt))
    if (this.#chance.hits(0.3)) await this.send(undefined)
    await until(() => Date.now() > expires, { what: 'commands to expire' })
  }

  /** A handful of commands. A pair with versions comes in the wrong order. */
  async send(expiresAt: number | undefined): Promise<void> {
    const count = this.#chance.between(3, 6)
    for (let index = 0; index < count; index += 1) {
      const key = this.#chance.oneOf(names)
      const first = this.sent.length + 1
      const numbers = key === 'version' ? [first + 1, first] : [first]
      for (const number of numbers) {
        this.sent.push({ id: `${key}-${number}`, key, number, ...(expiresAt === undefined ? {} : { expiresAt }) })
        const content = {
          id: `${key}-${number}`,
          value: number,
          ...(key === 'version' ? { version: number } : {}),
          ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
        }
        await this.#site.backend.publishAsync(`tidegate/gw/command/${key}`, JSON.stringify(content), { qos: 1 })
      }
    }
  }

  #onPuback(): 'pass' | 'withhold' {
    const moment = this.#due('before PUBACK', 'after PUBACK')
    if (moment === undefined) return 'pass'
    this.#kill()
    if (moment === 'after PUBACK') return 'pass'
    this.withheld += 1
    return 'withhold'
  }

  /** The reply leaves after this has returned. */
  #onWrite(): void {
    const moment = this.#due('before the reply', 'after the reply')
    if (moment === 'before the reply') this.#kill()
    else if (moment === 'after the reply') setTimeout(() => this.#kill(), this.#chance.between(0, 3))
  }

  #due(...these: readonly Moment[]): Moment | undefined {
    const armed = this.#armed
    if (!armed || !these.includes(armed.moment)) return undefined
    armed.skip -= 1
    if (armed.skip >= 0) return undefined
    this.#armed = undefined
    return armed.moment
  }

  /** The signal is sent before this returns. */
  #kill(): void {
    this.#killed = this.#site.agent.kill()
  }
}

test(`commands outlive ${moments.length} kills before and after PUBACK, before and after the reply of the device`, {
  timeout: 120_000 + 10_000 * KILLS,
}, async (t) => {
  if (!hasField(t)) return
  const seed = newSeed()
  t.diagnostic(`TIDEGATE_SEED=${seed}`)
  const chance = chanceOf(seed)
  const site = await startSite(t)
  const kills = new Kills(site, chance)
  const left = [...moments]
  kills.start()
  // Before its first session the broker keeps nothing for it.
  await site.agent.ready()
  await site.agent.reaches(({ uplinks: [uplink] }) => uplink?.state === 'online', {
    what: 'the first session',
    timeoutMs: 30_000,
  })
  while (left.length > 0) {
    const [moment] = left.splice(chance.between(0, left.length - 1), 1)
    if (moment) await kills.killAt(moment)
    kills.start()
  }
  const { agent, checker, wire } = site
  const told = () => checker.arrivals().map(({ payload }) => JSON.parse(payload) as ToldOutcome)
  await agent.ready()
  const isAllTold = () => new Set(told().map(({ id }) => id)).size >= kills.sent.length
  // The judge names those that are missing.
  const complete = await until(isAllTold, { what: 'every outcome', timeoutMs: 60_000 }).catch(() => false)
  if (!complete) t.diagnostic(`still waiting: ${JSON.stringify((await agent.status()).inbox.waiting)}`)
  assert.equal(await agent.stop(), 0)

  const { sent, written, lives } = kills
  const verdict = judgeCommands({ keys, sent, written, lives, told: told() })
  const redelivered = wire.deliveries.filter(({ dup }) => dup).length
  const ended = Object.entries(verdict.states).map(([state, count]) => `${count} ${state}`)
  t.diagnostic(`${sent.length} commands: ${ended.join(', ')}; ${written.length} writes`)
  t.diagnostic(`${redelivered} deliveries were repeated by the broker, ${verdict.repeatedWrites} writes by the gateway`)
  assert.deepEqual(verdict.faults, [])
  assert.equal(kills.withheld, KILLS)
  assert.ok(redelivered >= KILLS, 'what was not confirmed must have come again')
  await assertNothingLeft(site)
})

/** The broker's side: nothing waits in the session of the gateway any more, so the first to come is what is sent now. */
async function assertNothingLeft({ broker, backend }: Site): Promise<void> {
  const heir = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, {
    protocolVersion: 5,
    clientId: 'gw',
    clean: false,
  })
  const came: string[] = []
  heir.on('message', (topic) => came.push(topic))
  try {
    await backend.publishAsync('tidegate/gw/command/last', 'x', { qos: 1 })
    await until(() => came.length > 0, { what: 'the message to the session of the gateway' })
    assert.deepEqual(came, ['tidegate/gw/command/last'])
  } finally {
    await heir.endAsync(true)
  }
}

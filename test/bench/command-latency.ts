/**
 * From publishing a command until a Modbus TCP device has been written, and until its sender has been told: idle, and while
 * a backlog drains. Each command is sent a moment after the one before was written; each takes two commits, before the write
 * and after it. Usage: node test/bench/command-latency.ts [commands] [backlog]
 */
import { closeSync, cpSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { WrittenUnit } from '../support/written-unit.ts'
import { bigStateDir } from './big-file.ts'
import { MeasuredAgent, measuredProgram } from './load.ts'

const COMMANDS = Number(process.argv[2] ?? 500)
const BACKLOG = Number(process.argv[3] ?? 1_000_000)
/** Between two commands, drawn up to this: they must not keep step with the polls. */
const PAUSE_MAX_MS = 40
/** A command may take so long to be written; longer is an end of the bench. */
const GIVE_UP_MS = 60_000
const SYNCS = 200
const LARGEST_NUMBER = 65_535

type Order = 'oldest_first' | 'live_first'

interface Bench {
  readonly unit: WrittenUnit
  /** Two connections: with one, a confirmation of what it was told holds up the next command (RFC 1122, 4.2.3.2 and 4.2.3.4). */
  readonly backend: MqttClient
  readonly listener: MqttClient
  readonly agent: MeasuredAgent
}

/** Milliseconds from publishing. */
interface Latencies {
  readonly written: number[]
  /** Of those that were told while the commands were sent. */
  readonly told: number[]
}

function configOf(options: { readonly device: number; readonly broker: number; readonly order: Order }): string {
  return `version: 1
gateway: { id: bench, clock: trusted }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: ${options.device}, timeout: 2s }
devices:
  machine: { connection: plc, unit_id: 1, interval: 1s, points: { target: { address: 0, type: uint16, access: rw } } }
commands:
  target: { write: machine.target, verify: none }
uplinks:
  cloud: { type: mqtt, url: "mqtt://127.0.0.1:${options.broker}", window: 1000, order: ${options.order}, commands: {} }
outbox: { max_size: 100GiB }
`
}

async function withBench(order: Order, stateDir: string | undefined, run: (bench: Bench) => Promise<void>) {
  const unit = new WrittenUnit(1, [{ register: 'holding', address: 0, type: 'uint16', value: 0, writable: true }])
  const device = await ModbusServer.start([unit])
  const broker = await Mosquitto.start(['max_inflight_messages 1000', 'max_queued_messages 0'])
  const backend = await connectAsync(broker.url, { protocolVersion: 5, clientId: 'backend' })
  const listener = await connectAsync(broker.url, { protocolVersion: 5, clientId: 'listener' })
  const agent = new MeasuredAgent(configOf({ device: device.port, broker: broker.port, order }), stateDir)
  try {
    await listener.subscribeAsync('tidegate/bench/command/+/result', { qos: 1 })
    agent.start()
    const isThere = await agent.reaches(
      ({ uplinks, devices }) => uplinks[0]?.state === 'online' && devices[0]?.state === 'online',
      'uplink and device',
    )
    if (isThere) await run({ unit, backend, listener, agent })
  } finally {
    await agent.stop()
    agent.remove()
    await backend.endAsync(true)
    await listener.endAsync(true)
    await broker.close()
    await device.close()
  }
}

/** One command after the other, while `more`. */
async function send({ unit, backend, listener }: Bench, more: () => boolean): Promise<Latencies> {
  const latencies: Latencies = { written: [], told: [] }
  const sentAt = new Map<number, number>()
  const since = (number: number) => performance.now() - (sentAt.get(number) ?? Number.NaN)
  let written: (() => void) | undefined
  unit.onWrite = ({ bytes }) => {
    latencies.written.push(since(bytes.readUInt16BE()))
    written?.()
  }
  listener.on('message', (_topic, payload) => {
    latencies.told.push(since(Number((JSON.parse(payload.toString()) as { value: unknown }).value)))
  })
  for (let number = 1; number <= LARGEST_NUMBER && more(); number += 1) {
    await delay(Math.random() * PAUSE_MAX_MS)
    const reached = new Promise<void>((resolve) => {
      written = resolve
    })
    sentAt.set(number, performance.now())
    const content = JSON.stringify({ id: `c-${number}`, value: number })
    await backend.publishAsync('tidegate/bench/command/target', content, { qos: 1 })
    const enough = new AbortController()
    const gaveUp = delay(GIVE_UP_MS, true, { signal: enough.signal }).catch(() => false)
    if (await Promise.race([reached.then(() => false), gaveUp])) throw new Error(`command ${number} was not written`)
    enough.abort()
  }
  return latencies
}

function figuresOf(numbers: readonly number[]): string {
  if (numbers.length === 0) return 'none'
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = (share: number) => (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
  return `p50 ${at(0.5)}  p99 ${at(0.99)}  max ${at(1)} ms (${sorted.length})`
}

function print(name: string, { written, told }: Latencies): void {
  console.log(`${name.padEnd(34)} written ${figuresOf(written)}   told ${figuresOf(told)}`)
}

/** What one commit costs at least on this disk: a page appended to a file and synced. */
function bareSync(): void {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-command-latency-'))
  const file = openSync(join(folder, 'pages'), 'w')
  const page = Buffer.alloc(4_096, 1)
  const times = Array.from({ length: SYNCS }, () => {
    const from = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return performance.now() - from
  })
  closeSync(file)
  rmSync(folder, { recursive: true })
  console.log(`${'a page written and synced'.padEnd(34)} ${figuresOf(times)}`)
}

async function idle(): Promise<void> {
  await withBench('oldest_first', undefined, async (bench) => {
    let left = COMMANDS
    const latencies = await send(bench, () => left-- > 0)
    // The last one's sender is still to be told.
    for (const end = performance.now() + GIVE_UP_MS; performance.now() < end; await delay(PAUSE_MAX_MS)) {
      if (latencies.told.length >= COMMANDS) break
    }
    print('idle', latencies)
  })
}

async function draining(order: Order): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-command-latency-'))
  cpSync(await bigStateDir(BACKLOG), folder, { recursive: true })
  try {
    await withBench(order, folder, async (bench) => {
      let pending = BACKLOG
      const ask = async () => {
        pending = (await bench.agent.status()).uplinks[0]?.pending ?? 0
      }
      await ask()
      const left = pending
      const asking = setInterval(() => void ask().catch(() => undefined), 200)
      const latencies = await send(bench, () => pending > 1_000).finally(() => clearInterval(asking))
      print(`draining ${left} records, ${order}`, latencies)
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

console.log(`\ncommand latency of ${measuredProgram()}; load ${loadavg()[0]?.toFixed(1)}`)
bareSync()
await idle()
await draining('oldest_first')
await draining('live_first')
console.log(`load ${loadavg()[0]?.toFixed(1)} at the end`)

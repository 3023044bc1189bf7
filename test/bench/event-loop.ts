/**
 * How late the event loop of the agent is while every sync takes 300 ms, on a site of 50 devices with 1,000 points every
 * second: first without a link, so that every second is committed, then delivering what was kept. The same without the
 * delay stands beside it. Counts polls that timed out: no device is slow here. Needs gcc.
 * Usage: node test/bench/event-loop.ts [seconds for each]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { compiledShim, FaultShim } from '../support/fault-shim.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { FULL_LOAD, LoadSite, MeasuredAgent } from './load.ts'

const SECONDS = Number(process.argv[2] ?? 30)
const SYNC_MS = 300
const PROBE = fileURLToPath(new URL('loop-probe.ts', import.meta.url))

interface Delays {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

async function run(name: string, syncMs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-loop-'))
  const shim = new FaultShim(folder, compiledShim())
  if (syncMs > 0) shim.set(`sync tidegate.db delay=${syncMs}`)
  const devices = await LoadSite.start(FULL_LOAD)
  const broker = await Mosquitto.start(['max_inflight_messages 1000', 'max_queued_messages 0'])
  const agent = new MeasuredAgent(devices.config({ mqttPort: broker.port }))
  const figures = join(folder, 'delays.json')
  try {
    await broker.down()
    const environment = { ...shim.env, TIDEGATE_LOOP_PROBE: figures }
    agent.start({ environment, nodeOptions: ['--import', PROBE] })
    await agent.reaches((status) => status.devices.every((device) => device.state === 'online'), 'all devices')
    await delay(SECONDS * 1_000)
    await broker.up()
    await delay(SECONDS * 1_000)
    const status = await agent.reaches(({ uplinks }) => (uplinks[0]?.pending ?? 1) < 200, 'the backlog to drain')
    const timeouts = status.connections.reduce((sum, connection) => sum + connection.failures, 0)
    const polls = status.connections.reduce((sum, connection) => sum + connection.exchanges, 0)
    const commits = status.outbox.commits
    await agent.stop()
    const { p50, p99, p999, max } = JSON.parse(readFileSync(figures, 'utf8')) as Delays
    const late = `${p50.toFixed(1)} / ${p99.toFixed(1)} / ${p999.toFixed(1)} / ${max.toFixed(1)} ms`
    console.log(
      `${name.padEnd(20)} late p50/p99/p99.9/max ${late}  ${timeouts} of ${polls} exchanges failed  ${commits} commits`,
    )
  } finally {
    await agent.stop()
    agent.remove()
    await broker.close()
    await devices.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

console.log(
  `\nevent loop of the agent, 50 devices, 1000 points every second, ${SECONDS} s offline and ${SECONDS} s online`,
)
await run('syncs as they are', 0)
await run(`every sync ${SYNC_MS} ms`, SYNC_MS)

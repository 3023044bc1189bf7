/**
 * Resident memory of the agent on a site of 50 devices with 1,000 points, each read every second, with nobody looking:
 * first without a link, then delivering, then draining a backlog of a million records. From source, or of an unpacked
 * package: TIDEGATE_BENCH_PROGRAM=FOLDER/bin/tidegate. Usage: node test/bench/memory.ts [seconds for each] [backlog]
 */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Mosquitto } from '../support/mosquitto.ts'
import { bigStateDir } from './big-file.ts'
import { FULL_LOAD, type Load, LoadSite, MeasuredAgent, measuredProgram, middle } from './load.ts'

const SECONDS = Number(process.argv[2] ?? 60)
const BACKLOG = Number(process.argv[3] ?? 1_000_000)
const SAMPLE_MS = 250

/** Samples until `over`; prints median and highest. */
async function watch(agent: MeasuredAgent, name: string, over: () => boolean | Promise<boolean>): Promise<void> {
  const samples: number[] = []
  const began = performance.now()
  do {
    await delay(SAMPLE_MS)
    samples.push(agent.residentMiB)
  } while (!(await over()))
  const seconds = ((performance.now() - began) / 1_000).toFixed(0)
  const highest = Math.max(...samples).toFixed(0)
  console.log(`${name.padEnd(44)} ${middle(samples).toFixed(0).padStart(4)} MiB, at most ${highest}, in ${seconds} s`)
}

function after(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1_000
  return () => performance.now() > end
}

async function site(load: Load): Promise<void> {
  const devices = await LoadSite.start(load)
  const broker = await Mosquitto.start()
  const agent = new MeasuredAgent(devices.config({ mqttPort: broker.port }))
  try {
    await broker.down()
    agent.start()
    await agent.reaches((status) => status.devices.every((device) => device.state === 'online'), 'all devices')
    await watch(agent, 'link down', after(SECONDS))
    await broker.up()
    await agent.reaches((status) => status.uplinks[0]?.state === 'online', 'the link')
    await watch(agent, 'link up', after(SECONDS))
  } finally {
    await agent.stop()
    agent.remove()
    await broker.close()
    await devices.close()
  }
}

async function drain(): Promise<void> {
  const devices = await LoadSite.start({ connections: 1, devicesEach: 1, pointsEach: 1 })
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-drain-'))
  cpSync(await bigStateDir(BACKLOG), folder, { recursive: true })
  const broker = await Mosquitto.start(['max_inflight_messages 1000', 'max_queued_messages 0'])
  const agent = new MeasuredAgent(devices.config({ mqttPort: broker.port, outbox: 'max_size: 100GiB' }), folder)
  try {
    agent.start()
    await agent.reaches((status) => status.uplinks[0]?.state === 'online', 'the link')
    const isDrained = async () => ((await agent.status()).uplinks[0]?.pending ?? 0) < 1_000
    await watch(agent, `draining ${BACKLOG} records`, isDrained)
  } finally {
    await agent.stop()
    agent.remove()
    await broker.close()
    await devices.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

console.log(`\nresident memory of ${measuredProgram()}; 50 devices, 1000 points every second`)
await site(FULL_LOAD)
await drain()

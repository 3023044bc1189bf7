/**
 * What polling costs: 50 devices with 1,000 points on 10 connections, each point every second, recorded, stored and
 * delivered to mosquitto, the agent on one core. Beside it, a process that only reads the same registers with the plain
 * modbus-serial client and forgets them. Usage: node test/bench/polling.ts [seconds]; of an unpacked package with
 * TIDEGATE_BENCH_PROGRAM=FOLDER/bin/tidegate.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Mosquitto } from '../support/mosquitto.ts'
import { FULL_LOAD, LoadSite, MeasuredAgent, measuredProgram } from './load.ts'

const SECONDS = Number(process.argv[2] ?? 30)
const WARM_UP_MS = 5_000
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
const PLAIN = fileURLToPath(new URL('./plain-poller.ts', import.meta.url))

/** CPU time of a process since it began, all threads, in seconds (proc(5)). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024
}

async function measure(name: string, pid: number, site: LoadSite): Promise<number> {
  execFileSync('taskset', ['-a', '-cp', '0', String(pid)], { stdio: 'ignore' })
  await delay(WARM_UP_MS)
  const [cpu, requests, began] = [cpuSeconds(pid), site.requests, performance.now()]
  await delay(SECONDS * 1_000)
  const seconds = (performance.now() - began) / 1_000
  const used = (cpuSeconds(pid) - cpu) / seconds
  const rate = (site.requests - requests) / seconds
  const points = rate * FULL_LOAD.pointsEach
  console.log(
    `${name.padEnd(30)} ${(used * 100).toFixed(1).padStart(5)} % of a core  ${residentMiB(pid).toFixed(0).padStart(4)} MiB  ` +
      `${rate.toFixed(1)} requests/s  ${points.toFixed(0)} points/s  ${((used / points) * 1e6).toFixed(1)} us a point`,
  )
  return used
}

async function agentOn(site: LoadSite): Promise<number> {
  const broker = await Mosquitto.start()
  const agent = new MeasuredAgent(site.config({ mqttPort: broker.port }))
  try {
    agent.start()
    await agent.reaches((status) => status.devices.every((device) => device.state === 'online'), 'all devices')
    await agent.reaches((status) => status.uplinks[0]?.state === 'online', 'the link')
    return await measure('tidegate, delivered', agent.pid, site)
  } finally {
    await agent.stop()
    agent.remove()
    await broker.close()
  }
}

async function plainOn(site: LoadSite): Promise<number> {
  const { connections, devicesEach, pointsEach } = site.load
  const words = [site.port, connections, devicesEach, pointsEach].map(String)
  const child: ChildProcess = spawn(process.execPath, [PLAIN, ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    return await measure('modbus-serial, reading only', child.pid ?? 0, site)
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
}

console.log(`\n50 devices, 1000 points every second, on one core, ${SECONDS} s each`)
console.log(`measured: ${measuredProgram()}`)
console.log(`load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`)
const site = await LoadSite.start(FULL_LOAD)
try {
  const ours = await agentOn(site)
  const plain = await plainOn(site)
  console.log(`CPU of the agent over CPU of reading only: ${(ours / plain).toFixed(2)}`)
} finally {
  await site.close()
}

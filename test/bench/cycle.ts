/**
 * How busy is a Modbus RTU line kept? Reads of 20 and of 125 registers, one after the other, on a pseudo terminal whose far
 * end takes as long as a real line and a meter with 10 ms of its own would. Printed: the cycle as a multiple of the time that
 * cannot be saved (bytes, silence between frames, the meter's delay), what comes on top of it for each exchange, and the
 * processor time this costs. The median cycle is that time plus what the far end saw on top of it; the mean cycle is the
 * time of the whole run divided by its exchanges, with every stall of the machine and of the far end. Needs socat.
 */
import { spawn } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'
import { createDriver } from '../../src/drivers/catalog.ts'
import { byteMsOf } from '../../src/drivers/line.ts'
import { timingOf } from '../../src/drivers/modbus/timing.ts'
import type { LineSettings } from '../../src/settings.ts'
import { deviceWith, pointWith, rtuSettings } from '../support/bus-settings.ts'
import { PtyCable } from '../support/pty.ts'

const DELAY_MS = 10
const SECONDS = 8
const REQUEST_BYTES = 8
const REPLY_OVERHEAD_BYTES = 5

console.log(
  `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores; cycles with their ratio to the bound`,
)
console.log(
  'line        registers  exchanges  bound       median cycle      mean cycle        on top (median, p99)    CPU',
)
for (const baud of [9_600, 19_200, 115_200]) {
  for (const registers of [20, 125]) await measure({ baud, dataBits: 8, parity: 'none', stopBits: 1 }, registers)
}

async function measure(line: LineSettings, registers: number): Promise<void> {
  const cable = await PtyCable.plugged()
  const points = [pointWith({ name: 'all', type: 'string', length: registers })]
  const device = deviceWith({ name: 'meter', points })
  const settings = rtuSettings([device], { port: cable.near, line, timeoutMs: 1_000, timeoutMinMs: 150 })
  const { silenceMs } = timingOf(settings)
  const byteMs = byteMsOf(line)
  const arguments_ = [new URL('cycle-line.ts', import.meta.url).pathname, cable.far, byteMs, DELAY_MS, silenceMs]
  const far = spawn(process.execPath, arguments_.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  far.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text
  })
  const driver = createDriver(settings)
  try {
    await driver.open()
    await driver.read(device, points) // the far end has started
    const boundMs = (REQUEST_BYTES + REPLY_OVERHEAD_BYTES + registers * 2) * byteMs + DELAY_MS + silenceMs
    const from = performance.now()
    const cpuFrom = process.cpuUsage()
    let exchanges = 0
    while (performance.now() - from < SECONDS * 1_000) {
      const [sample] = await driver.read(device, points)
      if (sample?.error !== undefined) throw new Error(`the meter failed: ${sample.error}`)
      exchanges += 1
    }
    const tookMs = performance.now() - from
    const cpu = process.cpuUsage(cpuFrom)
    const over = told
      .trim()
      .split('\n')
      .map(Number)
      .toSorted((a, b) => a - b)
    const at = (share: number) => over[Math.floor(over.length * share)] ?? Number.NaN
    const cpuMs = (cpu.user + cpu.system) / 1000
    console.log(
      [
        `${line.baud} 8N1`.padEnd(12),
        String(registers).padEnd(11),
        String(exchanges).padEnd(11),
        `${boundMs.toFixed(2)} ms`.padEnd(12),
        withRatio(boundMs + at(0.5), boundMs),
        withRatio(tookMs / exchanges, boundMs),
        `${at(0.5).toFixed(2)} ms, ${at(0.99).toFixed(2)} ms`.padEnd(24),
        `${((cpuMs / tookMs) * 100).toFixed(1)} %, ${(cpuMs / exchanges).toFixed(2)} ms each`,
      ].join(''),
    )
  } finally {
    await driver.close()
    far.kill()
    await cable.close()
  }
}

function withRatio(cycleMs: number, boundMs: number): string {
  return `${cycleMs.toFixed(2)} ms ${(cycleMs / boundMs).toFixed(3)}`.padEnd(18)
}

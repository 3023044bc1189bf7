/**
 * Bytes written to flash per byte of payload, with the real pace of readings and commits: the link down at several rates
 * and commit intervals, the link up, a program that stores each reading in a transaction of its own, and an npm queue on
 * SQLite. Each has an ext4 of its own on a loop device; all run at the same time. Needs root.
 * Usage: node test/bench/flash.ts [seconds]; TIDEGATE_BENCH_MODULES=FOLDER names a folder with plainjob in node_modules.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PAYLOAD_BYTES, type WriterTask, type Written } from './flash-writer.ts'
import { LoopDisk, settleDisks, whyNoLoopDisk } from './loop-disk.ts'

const SECONDS = Number(process.argv[2] ?? 300)
const WRITER = fileURLToPath(new URL('flash-writer.ts', import.meta.url))

interface Case extends Omit<WriterTask, 'directory' | 'seconds'> {
  /** Figure of the design: at most so many times the payload. */
  readonly bound?: string
}

const cases: Case[] = [
  { writer: 'tidegate, link down', perSecond: 50, commitIntervalMs: 1_000, bound: 'under 4' },
  { writer: 'tidegate, link down', perSecond: 2, commitIntervalMs: 1_000, bound: 'under 25' },
  ...[1, 10, 200].map((perSecond) => ({ writer: 'tidegate, link down', perSecond, commitIntervalMs: 1_000 }) as const),
  ...[0, 10_000].flatMap((commitIntervalMs) =>
    [2, 50].map((perSecond) => ({ writer: 'tidegate, link down', perSecond, commitIntervalMs }) as const),
  ),
  { writer: 'tidegate, link up', perSecond: 50, commitIntervalMs: 1_000, bound: 'under 1 byte a reading' },
  { writer: 'tidegate, link up', perSecond: 2, commitIntervalMs: 1_000, bound: 'under 1 byte a reading' },
  { writer: 'nothing', perSecond: 2, commitIntervalMs: 1_000 },
  ...(['a transaction a row', 'plainjob'] as const).flatMap((writer) =>
    [50, 2].map((perSecond) => ({ writer, perSecond, commitIntervalMs: 0 }) as const),
  ),
]

class Run {
  readonly #case: Case
  readonly #disk = new LoopDisk()
  readonly #child: ChildProcess = fork(WRITER)
  #before = 0
  #written: Written | undefined

  constructor(one: Case) {
    this.#case = one
  }

  async open(): Promise<void> {
    const task: WriterTask = { ...this.#case, directory: this.#disk.directory, seconds: SECONDS }
    this.#child.send(task)
    await this.#answer()
  }

  async write(): Promise<void> {
    this.#before = this.#disk.written
    this.#child.send('go')
    this.#written = (await this.#answer()) as Written
  }

  async #answer(): Promise<unknown> {
    const died = once(this.#child, 'exit').then(() => {
      throw new Error(`${this.#case.writer} ended early`)
    })
    died.catch(() => {})
    const [message] = await Promise.race([once(this.#child, 'message'), died])
    return message
  }

  show(): void {
    const { writer, perSecond, commitIntervalMs, bound } = this.#case
    const { records, processBytes } = this.#written ?? { records: 0, processBytes: 0 }
    const device = this.#disk.written - this.#before
    const times = (bytes: number) => (bytes / (records * PAYLOAD_BYTES)).toFixed(2).padStart(8)
    const megabytes = ((device / SECONDS) * 86_400) / 1e6
    const columns = [
      writer.padEnd(20),
      `${perSecond}/s`.padStart(6),
      `every ${commitIntervalMs / 1_000}s`.padEnd(10),
      `${(device / records).toFixed(1).padStart(9)} bytes a reading`,
      `${times(device)} x payload at the device`,
      `${times(processBytes)} by the process`,
      `${megabytes.toFixed(1).padStart(8)} MB a day`,
    ]
    console.log(`${columns.join('  ')}${bound ? `  (${bound})` : ''}`)
  }

  remove(): void {
    this.#child.kill('SIGKILL')
    this.#disk.remove()
  }
}

function isThere(one: Case): boolean {
  const modules = process.env['TIDEGATE_BENCH_MODULES']
  if (one.writer !== 'plainjob') return true
  return modules !== undefined && existsSync(join(modules, 'node_modules', 'plainjob'))
}

const obstacle = whyNoLoopDisk()
if (obstacle) {
  console.log(`\nflash bytes: not measured, ${obstacle}`)
} else {
  console.log(
    `\nflash bytes of readings of ${PAYLOAD_BYTES} bytes in ${SECONDS} s, start to stop, each on its own ext4`,
  )
  const there = cases.filter(isThere)
  const runs: Run[] = []
  try {
    for (const one of there) runs.push(new Run(one))
    await Promise.all(runs.map((run) => run.open()))
    await settleDisks()
    await Promise.all(runs.map((run) => run.write()))
    await settleDisks()
    for (const run of runs) run.show()
    if (there.length < cases.length) console.log('plainjob is not installed')
  } finally {
    for (const run of runs) run.remove()
  }
}

/**
 * Disk calls of a process that fail, lie, linger, tear or kill it, and are counted (test/faults/faultfs.c, loaded into the
 * process with LD_PRELOAD).
 *
 *     const shim = faultShim(t)                      // undefined, and the test skipped, without gcc
 *     if (!shim) return
 *     spawn(process.execPath, [...], { env: { ...process.env, ...shim.env } })
 *     shim.set('sync tidegate.db-wal fail=EIO')      // rules take effect at the next call
 *     shim.clear()
 *     shim.count('sync', 'tidegate.db-wal').good     // syncs of the log that were done and succeeded
 *
 * Rules stand at the top of faultfs.c. Syncs that a rule makes lie or fail are not `good`: what was confirmed without a
 * growing `good` was confirmed without a sync.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { atEnd } from './field-ending.ts'
import { needs } from './needs.ts'

const SOURCE = fileURLToPath(new URL('../faults/faultfs.c', import.meta.url))

/** Layout of the counts, as in faultfs.c. */
const COUNTS_BYTES = 64 * 1024
const ENTRY_BYTES = 128
const CALL_BYTES = 16
const NAME_BYTES = 64
const VALID = 2n

export type CountedCall = 'pread' | 'pwrite' | 'write' | 'sync' | 'ftruncate' | 'unlink' | 'rename'

/** Calls of one kind, or of several added up. */
export interface CallCount {
  /** All, whatever became of them. */
  readonly calls: number
  /** Made, and they succeeded. */
  readonly good: number
  readonly failed: number
  /** Not made, and reported as success. */
  readonly lied: number
  /** CLOCK_MONOTONIC in ms of the last good one; 0: none. */
  readonly lastGoodMs: number
}

/** The shim of one test; undefined, and the test skipped, where it cannot be compiled. */
export function faultShim(test: TestContext): FaultShim | undefined {
  if (!needs(test, 'gcc')) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'tg-shim-'))
  atEnd(test, () => rmSync(folder, { recursive: true, force: true }))
  return new FaultShim(folder, compiledShim())
}

export class FaultShim {
  readonly #rules: string
  readonly #counts: string
  readonly #library: string

  constructor(folder: string, library: string) {
    this.#rules = join(folder, 'rules')
    this.#counts = join(folder, 'counts')
    this.#library = library
    writeFileSync(this.#counts, Buffer.alloc(COUNTS_BYTES))
    this.clear()
  }

  /** What the process under test must have in its environment. */
  get env(): NodeJS.ProcessEnv {
    return { LD_PRELOAD: this.#library, TIDEGATE_FAULTS: this.#rules, TIDEGATE_FAULT_COUNTS: this.#counts }
  }

  /** Replaces all rules, such as `pwrite tidegate.db fail=EIO times=3`. */
  set(...rules: readonly string[]): void {
    writeFileSync(`${this.#rules}.new`, rules.map((rule) => `${rule}\n`).join(''))
    renameSync(`${this.#rules}.new`, this.#rules)
  }

  clear(): void {
    this.set()
  }

  /** Calls since the process started, on all files whose path (its last 63 bytes) ends so. */
  count(call: CountedCall, pathEnd: string): CallCount {
    const bytes = readFileSync(this.#counts)
    let sum: CallCount = { calls: 0, good: 0, failed: 0, lied: 0, lastGoodMs: 0 }
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
      const entry = bytes.subarray(at, at + ENTRY_BYTES)
      const [name, numbers] = [textOf(entry.subarray(CALL_BYTES)), entry.subarray(CALL_BYTES + NAME_BYTES)]
      if (numbers.readBigUInt64LE(0) !== VALID || textOf(entry) !== call || !name.endsWith(pathEnd)) continue
      const number = (index: number) => Number(numbers.readBigUInt64LE(8 * index))
      sum = {
        calls: sum.calls + number(1),
        good: sum.good + number(2),
        failed: sum.failed + number(3),
        lied: sum.lied + number(4),
        lastGoodMs: Math.max(sum.lastGoodMs, number(5) / 1e6),
      }
    }
    return sum
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString('utf8')
}

let library: string | undefined

/** Once for all tests of this process. */
/** The library, made once a process. */
export function compiledShim(): string {
  if (library) return library
  const folder = mkdtempSync(join(tmpdir(), 'tg-faultfs-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  library = join(folder, 'faultfs.so')
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC']
  execFileSync('gcc', [...flags, '-o', library, SOURCE, '-ldl', '-lpthread'], { stdio: 'pipe' })
  return library
}

/**
 * Loaded into a process with `--import`, and so into its storage thread: how long each call into SQLite takes. Whenever
 * a kind of call took longer than any before, a line is added to the file that TIDEGATE_CALL_PROBE names.
 */
import { appendFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { performance } from 'node:perf_hooks'

type Anything = (this: { readonly source?: string }, ...words: unknown[]) => unknown

const file = process.env['TIDEGATE_CALL_PROBE']
const longest = new Map<string, number>()

function note(label: string, milliseconds: number): void {
  if (file === undefined || milliseconds <= Math.max(1, longest.get(label) ?? 0)) return
  longest.set(label, milliseconds)
  appendFileSync(file, `${JSON.stringify([label, milliseconds])}\n`)
}

function watch(prototype: Record<string, unknown>, name: string): void {
  const original = prototype[name] as Anything
  prototype[name] = function (this: { readonly source?: string }, ...words: unknown[]): unknown {
    const from = performance.now()
    try {
      return original.apply(this, words)
    } finally {
      const what = this.source ?? (typeof words[0] === 'string' ? words[0] : '')
      note(`${name} ${what.replace(/\s+/g, ' ')}`, performance.now() - from)
    }
  }
}

if (file !== undefined) {
  const Database = createRequire(import.meta.url)('better-sqlite3')
  const memory = new Database(':memory:')
  for (const name of ['run', 'get', 'all']) watch(Object.getPrototypeOf(memory.prepare('SELECT 1')), name)
  for (const name of ['exec', 'pragma', 'prepare', 'close']) watch(Database.prototype, name)
  memory.close()
}

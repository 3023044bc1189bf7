import { formatDuration } from './format.ts'

const WIDTH = 24
/** How often the line is drawn. */
const EVERY_MS = 100

/** A line on standard error that says how far something is; nothing where nobody looks. */
export interface ProgressLine {
  /** `text` follows the bar, such as "12 345 records". */
  show(done: number, of: number, text?: string): void
  /** Takes the line away. */
  clear(): void
}

/** Draws on `stream` when it is a terminal. `now`: ms, for the time that is left. */
export function progressLine(
  what: string,
  stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write' | 'columns'> = process.stderr,
  now: () => number = () => performance.now(),
): ProgressLine {
  if (!stream.isTTY) return { show: () => {}, clear: () => {} }
  const started = now()
  let drawn = Number.NEGATIVE_INFINITY
  return {
    show(done, of, text = '') {
      const at = now()
      if (at - drawn < EVERY_MS && done < of) return
      drawn = at
      const line = `${what} ${bar(done, of, at - started)}${text && `  ${text}`}`
      stream.write(`\r${line.slice(0, (stream.columns ?? 80) - 1)}\u001b[K`)
    },
    clear() {
      if (drawn > Number.NEGATIVE_INFINITY) stream.write('\r\u001b[K')
    },
  }
}

/** "[#######-----] 58 %  left 41 s". Pure. */
export function bar(done: number, of: number, elapsedMs: number): string {
  const share = of > 0 ? Math.min(1, Math.max(0, done / of)) : 0
  const full = Math.round(share * WIDTH)
  const left = share > 0.02 && share < 1 ? `  left ${formatDuration((elapsedMs * (1 - share)) / share)}` : ''
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)} %${left}`
}

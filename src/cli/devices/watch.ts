import type { WatchLine } from '../../device-api.ts'
import { formatNumberOf } from '../format.ts'
import { remoteWatch } from './remote.ts'
import { untilInterrupted } from './until-interrupted.ts'
import { WatchText } from './watch-text.ts'

export interface WatchFlags {
  readonly stateDir: string
  readonly json: boolean
  /** Ends after so many lines. */
  readonly count?: number
  /** Ends after so many seconds. */
  readonly wait?: number
  readonly changes: boolean
}

/**
 * `tidegate watch`: values and errors as they are recorded, until Ctrl-C. Status 1 when fewer lines came than asked for
 * within the time.
 */
export function watch(pattern: string | undefined, flags: WatchFlags): Promise<number> {
  return untilInterrupted(async ({ stopped, signal: interrupted }) => {
    const { count = Number.POSITIVE_INFINITY, wait } = flags
    const text = new WatchText({ changes: flags.changes })
    const over = wait === undefined ? interrupted : AbortSignal.any([interrupted, AbortSignal.timeout(wait * 1000)])
    let shown = 0
    for await (const line of linesUntil(remoteWatch(flags.stateDir, { pattern, signal: over }), over)) {
      if ('watching' in line) {
        const { devices, points } = line.watching
        console.error(
          `Watching ${formatNumberOf(points, 'point')} of ${formatNumberOf(devices, 'device')}. Ctrl-C ends.`,
        )
        continue
      }
      if (!text.isNews(line)) continue
      if ('missed' in line) console.error(text.of(line))
      else console.log(flags.json ? JSON.stringify(line) : text.of(line))
      if (!('missed' in line)) shown += 1
      if (shown >= count) break
    }
    return Number.isFinite(count) && shown < count && !stopped() ? 1 : 0
  })
}

/** Hanging up is no error. */
async function* linesUntil(lines: AsyncGenerator<WatchLine>, over: AbortSignal): AsyncGenerator<WatchLine> {
  try {
    yield* lines
  } catch (error) {
    if (!over.aborted) throw error
  }
}

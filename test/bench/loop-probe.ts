/**
 * Loaded into an agent with `--import`: measures how late the main thread's event loop is. Writes the delays in ms, with
 * their share, into the file that TIDEGATE_LOOP_PROBE names, when the process ends.
 */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** A timer turns so often; what it is late beyond that is the delay. */
const RESOLUTION_MS = 1
const file = process.env['TIDEGATE_LOOP_PROBE']

if (isMainThread && file !== undefined) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  // Loading the program is not part of what is measured.
  setTimeout(() => histogram.enable(), 5_000).unref()
  process.on('exit', () => {
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    const percentile = (share: number) => late(histogram.percentile(share))
    const figures = { p50: percentile(50), p99: percentile(99), p999: percentile(99.9), max: late(histogram.max) }
    writeFileSync(file, JSON.stringify(figures))
  })
}

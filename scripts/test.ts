/**
 * `npm test`: all tests, or those under the paths given (`npm test -- test/outbox test/cli/status.test.ts`). Above the
 * runner's closing lines stands what was skipped, why, and what to install to run it.
 */
import { globSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { Readable } from 'node:stream'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { fileURLToPath } from 'node:url'
import { addSkippedList } from './skipped-list.ts'

/** A test that needs longer says so itself. */
const TEST_TIMEOUT_MS = 120_000
/** Test files at a time: many start processes of their own, and the small machines have two cores. */
const CONCURRENCY = 2

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const files = findTests(process.argv.slice(2))
if (files.length === 0) {
  console.error(`Error: no test file under ${process.argv.slice(2).join(' ')}`)
  console.error('Try: npm test -- test/outbox')
  process.exit(2)
}
const events = run({ files, concurrency: CONCURRENCY, timeout: TEST_TIMEOUT_MS })
events.on('test:summary', ({ success, file }) => {
  if (file === undefined) process.exitCode = success ? 0 : 1
})
// Until the summary of the whole run has come, nothing has succeeded.
process.exitCode = 1
Readable.from(addSkippedList(events)).pipe(new spec()).pipe(process.stdout)

/** Test files that lie under one of the paths, or all; a path may also be the start of a file name. */
function findTests(paths: readonly string[]): string[] {
  const filters = paths.map((path) => relative('.', path))
  return globSync('test/**/*.test.ts')
    .filter((file) => filters.length === 0 || filters.some((filter) => isUnder(file, filter)))
    .sort()
}

function isUnder(file: string, filter: string): boolean {
  return (
    file === filter ||
    file.startsWith(filter.endsWith(sep) ? filter : `${filter}${sep}`) ||
    file.startsWith(`${filter}.`)
  )
}

/**
 * Writes the generated parts of the documentation between their markers; with --check it only compares and fails when a
 * page is out of date. A part is one entry in the list below.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { jsonSchema } from '../src/config/json-schema.ts'
import { createProgram } from '../src/main.ts'
import { commandReference } from './docs/cli.ts'
import { configurationReference } from './docs/configuration.ts'

interface Part {
  /** Path from the top of the repository. */
  readonly page: string
  /** The name in `<!-- generated: NAME -->` and `<!-- end: NAME -->`. */
  readonly name: string
  readonly text: () => string
}

const parts: readonly Part[] = [
  { page: 'docs/configuration.md', name: 'reference', text: () => configurationReference(jsonSchema()) },
  { page: 'docs/cli.md', name: 'commands', text: () => commandReference(createProgram(() => {})) },
]

/** The page with the part replaced. */
function withPart(page: string, part: Part): string {
  const begin = `<!-- generated: ${part.name} -->`
  const end = `<!-- end: ${part.name} -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`${part.page} lacks the markers ${begin} and ${end}`)
  return `${page.slice(0, from + begin.length)}\n\n${part.text()}\n\n${page.slice(to)}`
}

function main(words: readonly string[]): number {
  const onlyCheck = words.includes('--check')
  let stale = 0
  for (const part of parts) {
    const path = fileURLToPath(new URL(`../${part.page}`, import.meta.url))
    const before = readFileSync(path, 'utf8')
    const after = withPart(before, part)
    if (after === before) continue
    stale += 1
    if (onlyCheck) console.error(`${part.page} is out of date: run npm run docs`)
    else writeFileSync(path, after)
  }
  return onlyCheck && stale > 0 ? 1 : 0
}

process.exitCode = main(process.argv.slice(2))

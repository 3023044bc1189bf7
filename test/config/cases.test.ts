/**
 * Golden cases: test/cases/config/NAME/config.yaml with error.txt (everything that is said about it) or expected.json
 * (settings and warnings). After a wanted change: TIDEGATE_RECORD_CASES=1, then read the diff.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadSettings } from '../../src/config/load.ts'
import { ConfigInvalid, formatProblems } from '../../src/config/problem.ts'

const folder = fileURLToPath(new URL('../cases/config', import.meta.url))
const record = process.env['TIDEGATE_RECORD_CASES'] === '1'

/** The same on every machine. */
const host = { env: { MQTT_PASSWORD: 'from-env' }, hostname: 'some-host', serialFolder: '/nonexistent' }

describe('golden configurations', () => {
  for (const name of readdirSync(folder).sort()) {
    test(name, () => {
      const [file, said] = outcome(join(folder, name))
      const path = join(folder, name, file)
      if (record) writeFileSync(path, said)
      assert.ok(existsSync(path), `the case ended with ${file}, which is not there`)
      assert.equal(said, readFileSync(path, 'utf8'))
    })
  }

  test('cases with errors and good ones are both there', () => {
    const names = readdirSync(folder)
    assert.ok(names.filter((name) => existsSync(join(folder, name, 'error.txt'))).length >= 30)
    assert.ok(names.filter((name) => existsSync(join(folder, name, 'expected.json'))).length >= 3)
  })
})

/** What JSON does not know: large numbers and bytes. */
function written(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`
  if (typeof value !== 'bigint') return value
  return value < 0n ? String(value) : `0x${value.toString(16)}`
}

function outcome(path: string): [file: string, text: string] {
  try {
    const options = { ...host, profileFolders: [join(path, 'profiles')] }
    const { settings, warnings } = loadSettings(join(path, 'config.yaml'), options)
    const said = warnings.map((warning) => formatProblems([{ ...warning, file: 'config.yaml' }]).split('\n'))
    return ['expected.json', `${JSON.stringify({ settings, warnings: said }, written, 2)}\n`]
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    assert.equal(error.code, 'config_invalid')
    // Paths of this machine are not part of a case.
    const said = formatProblems(error.problems.map((problem) => ({ ...problem, file: relative(path, problem.file) })))
    return ['error.txt', `${said.replaceAll(`${path}/`, '')}\n`]
  }
}

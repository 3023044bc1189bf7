/** Files that cannot be read at all, and files that are more than one error can say. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { loadSettings, parseSettings } from '../../src/config/load.ts'
import { ConfigInvalid } from '../../src/config/problem.ts'
import { exitStatus } from '../../src/errors.ts'

function refusal(path: string): ConfigInvalid {
  try {
    loadSettings(path, { env: {} })
  } catch (error) {
    assert.ok(error instanceof ConfigInvalid, String(error))
    return error
  }
  throw new Error(`${path} was accepted`)
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('a file that cannot be read', () => {
  test('a missing file is named, with status 78', () => {
    const error = refusal('/nonexistent/config.yaml')
    assert.equal(exitStatus(error), 78)
    assert.match(error.message, /^the configuration \/nonexistent\/config.yaml has 1 error\n/)
    assert.match(error.message, /there is no such file/)
  })

  test('a folder is no file', (t) => {
    assert.match(refusal(folderOf(t)).message, /this is a folder, not a file/)
  })

  test('a path through a file is told without a stack', (t) => {
    const path = join(folderOf(t), 'a')
    writeFileSync(path, 'x')
    const { message } = refusal(join(path, 'b'))
    assert.match(message, /cannot be read/)
    assert.doesNotMatch(message, /\n\s+at /)
  })

  test('a file beyond the limit is not parsed', (t) => {
    const path = join(folderOf(t), 'large.yaml')
    writeFileSync(path, Buffer.alloc(5 * 1024 * 1024, '#'))
    assert.match(refusal(path).message, /at most 4194304/)
  })

  test('a byte order mark and carriage returns are no errors', (t) => {
    const path = join(folderOf(t), 'windows.yaml')
    const text = [
      'version: 1',
      'gateway: { id: gw }',
      'connections: { plc: { type: modbus-tcp, host: h } }',
      'devices: { a: { connection: plc, points: { x: { address: 1, type: int16 } } } }',
      'uplinks: { c: { type: mqtt, url: mqtt://h } }',
    ]
    writeFileSync(path, `\ufeff${text.join('\r\n')}\r\n`)
    assert.equal(loadSettings(path, { env: {} }).summary.points, 1)
  })
})

describe('what is loaded', () => {
  const text = `
version: 1
connections: { plc: { type: modbus-tcp, host: h } }
devices: { a: { connection: plc, points: { x: { address: 1, type: int16 } } } }
uplinks: { c: { type: mqtt, url: mqtt://h, password: p } }
`
  test('settings are frozen to the last point', () => {
    const { settings } = parseSettings(text, 'config.yaml', { env: {}, hostname: 'box' })
    const point = settings.connections[0]?.devices[0]?.points[0]
    assert.ok(point && Object.isFrozen(point) && Object.isFrozen(settings) && Object.isFrozen(point.invalid))
  })

  test('the gateway is the host, and user name and client id are the gateway', () => {
    const { settings } = parseSettings(text, 'config.yaml', { env: {}, hostname: 'box' })
    const [uplink] = settings.uplinks
    assert.deepEqual([settings.gateway.id, uplink?.clientId, uplink?.username], ['box', 'box', 'box'])
    assert.equal(uplink?.topics.data, 'tidegate/box/{device}/data')
  })

  test('a host name that cannot be an id is an error that says what to set', () => {
    assert.throws(
      () => parseSettings(text, 'config.yaml', { env: {}, hostname: 'my box' }),
      /host name "my box" cannot be used/,
    )
  })

  test('problems are in the order of the file', () => {
    const broken = text
      .replace('version: 1', 'version: 3')
      .replace('address: 1', 'address: -1')
      .replace('mqtt://h', 'ftp://h')
    assert.throws(
      () => parseSettings(broken, 'config.yaml', { env: {}, hostname: 'box' }),
      (error: ConfigInvalid) => {
        assert.deepEqual(
          error.problems.map((problem) => problem.line),
          [2, 4, 5],
        )
        return true
      },
    )
  })
})

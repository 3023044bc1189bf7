/** Who has a port open, in words that somebody knows it by. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { programOf } from '../../../src/drivers/port/holder.ts'

for (const [words, name] of [
  [['/usr/bin/mbpoll', '-m', 'rtu'], 'mbpoll'],
  [['/usr/bin/node', '/opt/tidegate/bin/tidegate.mjs', 'run', '-c', 'x'], 'tidegate run'],
  [['node', '--no-warnings', '/opt/tidegate/lib/main.js', 'run'], 'tidegate run'],
  [['/opt/tidegate/bin/tidegate', 'run'], 'tidegate run'],
  [['tidegate', '--help'], 'tidegate'],
  [['python3', '-u', 'read_meter.py', '/dev/ttyUSB0'], 'read_meter.py'],
  [['/usr/bin/python3.11'], 'python3.11'],
  [[], undefined],
] as const) {
  test(`${words.join(' ') || 'a process without words'}: ${name}`, () => assert.equal(programOf(words), name))
}

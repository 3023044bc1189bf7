import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excerpt } from '../../src/drivers/excerpt.ts'

for (const [text, shown] of [
  ['ST,GS,+0012.3kg', 'ST,GS,+0012.3kg'],
  ['\x02A\tB\r\n\x03', '\\x02A\\tB\\r\\n\\x03'],
  ['a\\d', 'a\\\\d'],
  ['5 \x80C', '5 \\x80C'],
  ['x'.repeat(81), `${'x'.repeat(80)}...`],
] as const) {
  test(`a message in the log: ${shown.slice(0, 20)}`, () => assert.equal(excerpt(text), shown))
}

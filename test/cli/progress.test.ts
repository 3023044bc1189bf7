import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bar, progressLine } from '../../src/cli/progress.ts'

function terminal(isTTY: boolean) {
  const written: string[] = []
  const write = (text: string) => {
    written.push(text)
    return true
  }
  return { written, stream: { isTTY, columns: 60, write } as never }
}

test('a bar says how much is done and how long the rest takes', () => {
  assert.equal(bar(0, 10, 0), '[------------------------]   0 %')
  assert.equal(bar(5, 10, 20_000), '[############------------]  50 %  left 20 s')
  assert.equal(bar(10, 10, 20_000), '[########################] 100 %')
  assert.equal(bar(0, 0, 0), '[------------------------]   0 %', 'nobody knows yet of how much')
})

test('on a terminal the line is drawn again in its place, at most ten times a second, never wider than the terminal', () => {
  const { written, stream } = terminal(true)
  let now = 0
  const line = progressLine('exporting', stream, () => now)
  line.show(1, 10, 'one record that has a very long description of itself')
  line.show(2, 10)
  now = 100
  line.show(3, 10)
  line.show(10, 10)
  line.clear()
  assert.equal(written.length, 4)
  assert.match(written[0] ?? '', /^\rexporting \[##-/)
  assert.match(written[2] ?? '', /100 %/)
  for (const text of written) assert.ok(text.replace('\u001b[K', '').length <= 60, text)
  assert.equal(written.at(-1), '\r\u001b[K')
})

test('where nobody looks, nothing is written', () => {
  const { written, stream } = terminal(false)
  const line = progressLine('exporting', stream)
  line.show(1, 2)
  line.clear()
  assert.deepEqual(written, [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addSkippedList, skippedLines, type TestEvent } from '../../scripts/skipped-list.ts'

test('what was skipped for want of packages names each package once, in one line to paste', () => {
  const lines = skippedLines([
    { name: 'drains', reason: 'needs mosquitto socat (apt-get install mosquitto socat)' },
    { name: 'reconnects', reason: 'needs mosquitto (apt-get install mosquitto)' },
    { name: 'on a Tuesday', reason: 'it is Monday' },
  ])
  assert.deepEqual(lines, [
    'Skipped for want of system packages: 2; install: apt-get install mosquitto socat',
    '  drains: needs mosquitto socat',
    '  reconnects: needs mosquitto',
    'Skipped for other reasons: 1',
    '  on a Tuesday: it is Monday',
  ])
})

test('the list stands above the closing lines of the runner, which stay the last', async () => {
  const events: TestEvent[] = [
    { type: 'test:pass', data: { name: 'a', nesting: 0, skip: 'needs gcc (apt-get install gcc)' } },
    { type: 'test:diagnostic', data: { nesting: 0, message: 'tests 1', file: 'said-by-a-test.ts' } },
    { type: 'test:diagnostic', data: { nesting: 0, message: 'tests 1' } },
    { type: 'test:diagnostic', data: { nesting: 0, message: 'pass 0' } },
  ]
  const messages: (string | undefined)[] = []
  for await (const event of addSkippedList(each(events))) {
    if (event.type === 'test:diagnostic') messages.push(event.data.message)
  }
  assert.deepEqual(messages, [
    'tests 1',
    'Skipped for want of system packages: 1; install: apt-get install gcc',
    '  a: needs gcc',
    'tests 1',
    'pass 0',
  ])
})

test('with nothing skipped, nothing is added', () => {
  assert.deepEqual(skippedLines([]), [])
})

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

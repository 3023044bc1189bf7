import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { listenForSignals } from '../../src/cli/stop-signals.ts'

function rig() {
  const source = new EventEmitter()
  const seen: string[] = []
  let now = 1000
  const signals = listenForSignals(source, {
    mono: () => now,
    onSecond: (signal) => seen.push(`now: ${signal}`),
    onReload: () => seen.push('reload'),
  })
  const send = (signal: NodeJS.Signals, atMs: number) => {
    now = atMs
    source.emit(signal, signal)
  }
  return { source, seen, signals, send }
}

test('one Ctrl-C that arrives three times, through terminal, npm and launcher, is one request', async () => {
  const { seen, signals, send } = rig()
  send('SIGINT', 1000)
  send('SIGINT', 1002)
  send('SIGINT', 1499)
  assert.equal(await signals.stopped, 'SIGINT')
  assert.deepEqual(seen, [])
})

test('a second request means now, whichever signal it is', async () => {
  const { seen, signals, send } = rig()
  send('SIGTERM', 1000)
  send('SIGINT', 1500)
  assert.equal(await signals.stopped, 'SIGTERM')
  assert.deepEqual(seen, ['now: SIGINT'])
})

test('SIGHUP asks for a reload and stops nothing', () => {
  const { seen, send } = rig()
  send('SIGHUP', 1000)
  send('SIGHUP', 9000)
  assert.deepEqual(seen, ['reload', 'reload'])
})

test('after release nothing is listened to', () => {
  const { source, signals } = rig()
  signals.release()
  assert.deepEqual(source.eventNames(), [])
})

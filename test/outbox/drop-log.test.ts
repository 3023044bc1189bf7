import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/log.ts'
import { DropLog, type Episode } from '../../src/outbox/drop-log.ts'

function rig() {
  const lines: [level: string, fields: unknown][] = []
  const log = new DropLog({
    ...silentLogger,
    info: (_, fields) => lines.push(['info', fields]),
    error: (_, fields) => lines.push(['error', fields]),
  })
  return { log, lines }
}

const episode = (reason: string, count: number, uplink = 'north'): Episode => ({ uplink, reason, count })

test('the first loss is told at once, then once a minute with what came since', () => {
  const { log, lines } = rig()
  log.check([], 0)
  log.check([episode('max_size', 5)], 10_000)
  for (let second = 20; second < 70; second += 10) log.check([episode('max_size', second)], second * 1_000)
  assert.deepEqual(lines, [['error', { uplink: 'north', count: 5, reasons: 'max_size 5' }]])
  log.check([episode('max_size', 70)], 70_000)
  assert.deepEqual(lines[1], ['error', { uplink: 'north', count: 65, reasons: 'max_size 65' }])
  log.check([episode('max_size', 70)], 200_000)
  assert.equal(lines.length, 2)
})

test('each uplink has its own line, with all reasons', () => {
  const { log, lines } = rig()
  log.check([episode('max_size', 5), episode('memory', 2), episode('max_age', 1, 'south')], 0)
  assert.deepEqual(lines, [
    ['error', { uplink: 'north', count: 7, reasons: 'max_size 5, memory 2' }],
    ['error', { uplink: 'south', count: 1, reasons: 'max_age 1' }],
  ])
})

test('an episode that ended and began again is counted from its start', () => {
  const { log, lines } = rig()
  log.check([episode('max_size', 50)], 0)
  log.check([], 100_000)
  log.check([episode('max_size', 60)], 200_000)
  log.check([episode('max_size', 3)], 300_000)
  assert.deepEqual(
    lines.map(([, fields]) => (fields as { count: number }).count),
    [50, 60, 3],
  )
})

test('what only expired is no error: it was configured so', () => {
  const { log, lines } = rig()
  log.check([episode('expires_after', 5)], 0)
  assert.deepEqual(lines, [['info', { uplink: 'north', count: 5, reasons: 'expires_after 5' }]])
})

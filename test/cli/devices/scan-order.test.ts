import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSameLine, type ScanWish, scanStages } from '../../../src/cli/devices/scan-order.ts'
import { describeLine } from '../../../src/drivers/line.ts'
import type { LineSettings } from '../../../src/settings.ts'

const line = (baud: number, parity: LineSettings['parity'] = 'none'): LineSettings => ({
  baud,
  dataBits: 8,
  parity,
  stopBits: 1,
})
const wish: ScanWish = {
  serial: true,
  configured: [17, 3],
  own: line(9600),
  factory: [
    { unitId: 1, lines: [line(9600), line(2400)] },
    { unitId: 126, lines: [line(19200, 'even')] },
    { unitId: 5, lines: [line(9600)] },
    { unitId: 100, lines: [] },
  ],
}

/** "title: first units (how many)", with ! for a last resort and * where both tables are asked. */
function told(wanted: ScanWish): string[] {
  return scanStages(wanted).map(({ title, steps, lastResort }) => {
    const units = steps.map(({ unitId }) => unitId)
    const all = units.length > 6 ? `${units.slice(0, 3).join(' ')} ... ${units.length}` : units.join(' ')
    return `${lastResort ? '!' : ''}${steps.every(({ known }) => known) ? '*' : ''}${title}: ${all}`
  })
}

test('configured units and factory addresses of this line, then all others, then other lines when nobody was found', () => {
  assert.deepEqual(told(wish), [
    '*known: 17 3 1 5 100',
    '2..247: 2 4 6 ... 242',
    '!*factory at 2400 8N1: 17 3 1 100',
    '!*factory at 19200 8E1: 17 3 126 100 1',
  ])
})

test('with lines given, each has its known units before any has all', () => {
  assert.deepEqual(told({ ...wish, lines: [line(9600), line(19200, 'even')], units: [1, 2, 3, 126] }), [
    '*known at 9600 8N1: 3 1',
    '*known at 19200 8E1: 3 126 1',
    '2..126 at 9600 8N1: 2 126',
    'unit 2 at 19200 8E1: 2',
  ])
})

test('behind TCP the addresses of devices on the network come first, and no line is changed', () => {
  assert.deepEqual(told({ serial: false, configured: [2], factory: [{ unitId: 247, lines: [] }] }), [
    '*known: 2 247 1 255 0',
    '3..246: 3 4 5 ... 244',
  ])
})

test('no unit is asked twice at one line', () => {
  for (const stages of [scanStages(wish), scanStages({ ...wish, lines: [line(9600), line(19200, 'even')] })]) {
    const asked = stages.flatMap(({ steps }) =>
      steps.map((step) => `${step.unitId} ${describeLine(step.line ?? line(9600))}`),
    )
    assert.equal(new Set(asked).size, asked.length)
  }
})

test('lines are told apart by all four settings', () => {
  assert.ok(isSameLine(line(9600), line(9600)))
  assert.ok(!isSameLine(line(9600), line(9600, 'even')))
  assert.ok(!isSameLine(line(9600), { ...line(9600), stopBits: 2 }))
})

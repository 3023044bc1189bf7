import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { LinkError, WriteError } from '../../../src/drivers/driver.ts'
import { cutLines, inMidLine, LINE_MAX } from '../../../src/drivers/serial/lines.ts'
import { compilePattern, readLine } from '../../../src/drivers/serial/pattern.ts'
import type { Sample } from '../../../src/model.ts'
import type { PointSettings } from '../../../src/settings.ts'
import { ScriptedBus } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'

const scale = deviceWith({
  name: 'scale',
  pattern: '^(?<stable>ST|US),GS,\\s*(?<weight>[-+ .\\d]+)kg$',
  points: [pointWith({ name: 'weight', type: 'number', unit: 'kg' }), pointWith({ name: 'stable', type: 'string' })],
})

function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

async function listening(devices = [scale]) {
  const clock = new VirtualClock()
  const bus = new ScriptedBus(clock, () => [])
  const driver = createDriver(textSettings(devices), { clock, openPort: () => bus.openPort })
  const heard: (readonly [string, readonly Sample[]])[] = []
  const errors: (readonly [string, string])[] = []
  driver.listen?.({
    onReading: (device, samples) => heard.push([device, samples]),
    onError: (device, code) => errors.push([device, code]),
  })
  await driver.open()
  return { bus, driver, heard, errors, say: (text: string) => bus.say(latin1(text)) }
}

describe('cutting lines', () => {
  it('gives the same lines however the bytes are cut into pieces', () => {
    const text = `tail\r\n${Array.from({ length: 20 }, (_, index) => `line ${index} \u00b0\r\n`).join('')}`
    const whole = cutLines(inMidLine, { bytes: latin1(text), endsWith: '\r\n' }).lines
    assert.equal(whole.length, 20)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
        let state = inMidLine
        const lines: string[] = []
        for (let at = 0, turn = 0; at < text.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1
          const cut = cutLines(state, { bytes: latin1(text.slice(at, at + size)), endsWith: '\r\n' })
          state = cut.state
          lines.push(...cut.lines)
          at += size
        }
        assert.deepEqual(lines, whole)
      }),
    )
  })

  it('drops what it hears before the first end: the tail of a line can look like a whole one', () => {
    assert.deepEqual(cutLines(inMidLine, { bytes: latin1('345.6kg\r\nST,GS,+00012kg\r\n'), endsWith: '\r\n' }).lines, [
      'ST,GS,+00012kg',
    ])
  })

  for (const end of ['\r\n', '\n', '\r']) {
    it(`a line without end is given up and counted once, and never kept in memory (end ${JSON.stringify(end)})`, () => {
      let { state } = cutLines(inMidLine, { bytes: latin1(end), endsWith: end })
      let tooLong = 0
      for (let piece = 0; piece < 50; piece++) {
        const cut = cutLines(state, { bytes: latin1('x'.repeat(500)), endsWith: end })
        state = cut.state
        tooLong += cut.tooLong
        assert.deepEqual(cut.lines, [])
        assert.ok(state.held.length <= LINE_MAX)
      }
      assert.equal(tooLong, 1)
      const cut = cutLines(state, { bytes: latin1(`x${end}good${end}`), endsWith: end })
      assert.deepEqual(cut.lines, ['good'])
    })
  }

  it('an overlong line that arrives with its end in one piece is counted too', () => {
    const { state } = cutLines(inMidLine, { bytes: latin1('\n'), endsWith: '\n' })
    const cut = cutLines(state, { bytes: latin1(`${'x'.repeat(LINE_MAX + 1)}\ngood\n`), endsWith: '\n' })
    assert.deepEqual([cut.lines, cut.tooLong], [['good'], 1])
  })
})

describe('reading a line', () => {
  const rows: readonly (readonly [string, Partial<PointSettings>, Sample['value'] | undefined])[] = [
    ['+00123.50', { type: 'number' }, 123.5],
    ['-  12', { type: 'number' }, -12],
    ['.5', { type: 'number' }, 0.5],
    ['1e3', { type: 'number' }, 1_000],
    ['613', { type: 'number', scale: 0.1 }, 61.3],
    ['12.34', { type: 'number', scale: 100, offset: 1 }, 1_235],
    ['12.345', { type: 'number', precision: 1 }, 12.3],
    ['12,5', { type: 'number' }, undefined],
    ['', { type: 'number' }, undefined],
    ['1.2.3', { type: 'number' }, undefined],
    ['0x10', { type: 'number' }, undefined],
    ['Infinity', { type: 'number' }, undefined],
    ['1e999', { type: 'number' }, undefined],
    ['9999', { type: 'number', invalid: [9_999n] }, undefined],
    ['18446744073709551615', { type: 'uint64' }, 18_446_744_073_709_551_615n],
    ['65536', { type: 'uint16' }, undefined],
    ['-5', { type: 'int16' }, -5],
    ['-5', { type: 'uint16' }, undefined],
    ['ON', { type: 'bool' }, true],
    ['0', { type: 'bool' }, false],
    ['maybe', { type: 'bool' }, undefined],
    ['off', { type: 'bool', invert: true }, true],
    ['  caf\u00e9 ', { type: 'string' }, 'caf\u00e9'],
  ]
  for (const [text, given, value] of rows) {
    it(`${JSON.stringify(text)} as ${given.type} is ${value === undefined ? 'invalid' : String(value)}`, () => {
      const point = pointWith({ name: 'p', ...given })
      const pattern = compilePattern(deviceWith({ name: 'd', pattern: '^(?<p>.*)$', points: [point] }))
      const expected = value === undefined ? { point: 'p', error: 'invalid' } : { point: 'p', value }
      assert.deepEqual(readLine(pattern, text), [expected])
    })
  }

  it('a group that took no part gives no sample', () => {
    const points = [pointWith({ name: 'a', type: 'number' }), pointWith({ name: 'b', type: 'number' })]
    const pattern = compilePattern(deviceWith({ name: 'd', pattern: '^(?<a>\\d+)(?:/(?<b>\\d+))?$', points }))
    assert.deepEqual(readLine(pattern, '7'), [{ point: 'a', value: 7 }])
  })
})

describe('a device that sends lines', () => {
  it('gives one reading per line it understands; others are counted, blank ones ignored', async () => {
    const { say, heard, errors, driver } = await listening()
    say('23kg\r\nST,GS,+ 0123.5kg\r\n\r\nhello\r\nUS,GS,-4kg\r\nST,GS,1')
    assert.deepEqual(heard, [
      [
        'scale',
        [
          { point: 'weight', value: 123.5 },
          { point: 'stable', value: 'ST' },
        ],
      ],
      [
        'scale',
        [
          { point: 'weight', value: -4 },
          { point: 'stable', value: 'US' },
        ],
      ],
    ])
    assert.deepEqual(errors, [['scale', 'pattern']])
    assert.deepEqual(driver.counters?.(), { exchanges: 3, failures: 1, troubles: { pattern: 1 } })
  })

  it('garbage of any kind never throws and is limited in memory', async () => {
    const { bus, errors } = await listening()
    bus.say(latin1('\r\n'))
    for (let round = 0; round < 100; round++)
      bus.say(Uint8Array.from({ length: 100 }, (_, index) => (index * 37 + round) % 256))
    bus.say(latin1('\r\n'))
    assert.ok(errors.some(([, code]) => code === 'too_long'))
  })

  it('lines of several devices go to the one whose pattern matches', async () => {
    const one = deviceWith({
      name: 'one',
      pattern: '^A(?<v>\\d+)$',
      points: [pointWith({ name: 'v', type: 'number' })],
    })
    const two = deviceWith({
      name: 'two',
      pattern: '^B(?<v>\\d+)$',
      points: [pointWith({ name: 'v', type: 'number' })],
    })
    const { say, heard, errors } = await listening([one, two])
    say('\r\nB2\r\nA1\r\nC3\r\n')
    assert.deepEqual(heard, [
      ['two', [{ point: 'v', value: 2 }]],
      ['one', [{ point: 'v', value: 1 }]],
    ])
    assert.deepEqual(errors, [['', 'pattern']])
  })

  it('half a line before a replug is not joined with what comes after', async () => {
    const { bus, driver, heard } = await listening()
    const lost: string[] = []
    driver.onLost = (error) => lost.push(error.code)
    bus.say(latin1('\r\nST,GS,12'))
    bus.unplug()
    assert.deepEqual(lost, ['unplugged'])
    await assert.rejects(driver.open(), LinkError)
    bus.plugged = true
    await driver.open()
    bus.say(latin1('34kg\r\nST,GS,5kg\r\n'))
    assert.deepEqual(heard, [
      [
        'scale',
        [
          { point: 'weight', value: 5 },
          { point: 'stable', value: 'ST' },
        ],
      ],
    ])
  })

  it('cannot be written', async () => {
    const { driver } = await listening()
    const [point] = scale.points
    assert.ok(point)
    await assert.rejects(
      driver.write(scale, point, 1),
      (error) => error instanceof WriteError && error.happened === 'no',
    )
  })
})

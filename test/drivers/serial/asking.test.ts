import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Poller } from '../../../src/drivers/poller/poller.ts'
import type { Logger } from '../../../src/log.ts'
import type { Sample } from '../../../src/model.ts'
import type { DeviceSettings, SerialTextSettings } from '../../../src/settings.ts'
import { bytesOf } from '../../support/bus.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { binarySettings, driverOn, latin1, ScriptedLine } from '../../support/instrument.ts'

const TIMEOUT_MS = 200
const weight = pointWith({ name: 'weight', type: 'number' })
const state = pointWith({ name: 'state', type: 'string' })
const scale = deviceWith({
  name: 'scale',
  request: latin1('SI\r\n'),
  pattern: '^S (?<state>[SDI+-])(?:\\s+(?<weight>-?[\\d.]+) kg)?$',
  points: [weight, state],
})
const meter = deviceWith({
  name: 'meter',
  request: latin1('M\r\n'),
  pattern: '^M(?<volts>[\\d.]+)$',
  points: [pointWith({ name: 'volts', type: 'number' })],
})
const scanner = deviceWith({
  name: 'scanner',
  pattern: '^#(?<code>\\d+)$',
  points: [pointWith({ name: 'code', type: 'string' })],
})

async function opened(devices: readonly DeviceSettings[] = [scale], given: Partial<SerialTextSettings> = {}) {
  const clock = new VirtualClock()
  const line = new ScriptedLine(clock)
  const settings = textSettings(devices, { timeoutMs: TIMEOUT_MS, ...given })
  const driver = driverOn(line, settings, { clock })
  const heard: (readonly [string, readonly Sample[]])[] = []
  driver.listen?.({ onReading: (device, samples) => heard.push([device, samples]), onError: () => {} })
  await clock.run(driver.open())
  return {
    clock,
    line,
    driver,
    heard,
    read: (device: DeviceSettings = scale) => clock.run(driver.read(device, device.points)),
    troubles: () => driver.counters?.().troubles ?? {},
  }
}

/** Says these texts so many ms after the request of this number. */
function answers(...rows: readonly (readonly (readonly [number, string])[])[]) {
  return (_: Uint8Array, index: number) =>
    (rows[index] ?? []).map(([afterMs, text]) => ({ afterMs, bytes: latin1(text) }))
}

function weighing(value: number, stable = 'S'): readonly Sample[] {
  return [
    { point: 'weight', value },
    { point: 'state', value: stable },
  ]
}

function failed(code: string): readonly Sample[] {
  return [
    { point: 'weight', error: code },
    { point: 'state', error: code },
  ]
}

describe('a device that is asked', () => {
  it('gives what it answers, and only the points asked for', async () => {
    const { clock, driver, line, read } = await opened()
    line.script = () => [{ afterMs: 15, bytes: latin1('S S     12.345 kg\r\n') }]
    assert.deepEqual(await read(), weighing(12.345))
    assert.deepEqual(await clock.run(driver.read(scale, [weight])), [{ point: 'weight', value: 12.345 }])
    assert.deepEqual(
      line.heard.map((bytes) => Buffer.from(bytes).toString()),
      ['SI\r\n', 'SI\r\n'],
    )
    assert.deepEqual(driver.counters?.(), { exchanges: 2, failures: 0, troubles: {}, latencyMs: { scale: 15 } })
    assert.deepEqual(driver.plan?.(scale, [weight]), [
      { range: 'one message', count: 1, points: ['weight'], wireMs: 15 },
    ])
  })

  it('an answer without the value is no value, and the device has answered', async () => {
    const { line, read } = await opened()
    line.script = answers([[10, 'S I\r\n']])
    assert.deepEqual(await read(), [
      { point: 'weight', error: 'invalid' },
      { point: 'state', value: 'I' },
    ])
  })

  it('an answer in pieces, slower than the timeout but without a break, is one', async () => {
    const { line, read } = await opened()
    const text = 'S D    1.5 kg\r\n'
    line.script = () => [...text].map((character, index) => ({ afterMs: 100 + index * 10, bytes: latin1(character) }))
    assert.deepEqual(await read(), weighing(1.5, 'D'))
  })

  const failures: readonly (readonly [string, string, readonly (readonly [number, string])[]])[] = [
    ['nothing', 'timeout', []],
    ['half an answer', 'short_reply', [[10, 'S S   12']]],
    ['a message that is not understood', 'pattern', [[10, 'ES\r\n']]],
    ['a message without end', 'too_long', [[10, 'x'.repeat(2_000)]]],
    ['a glitch that nothing follows', 'short_reply', [[10, '\x00']]],
    ['its own question brought back, and nothing else', 'timeout', [[1, 'SI\r\n']]],
    [
      'two answers that differ',
      'foreign_reply',
      [
        [10, 'S S 1 kg\r\n'],
        [12, 'S S 2 kg\r\n'],
      ],
    ],
  ]
  for (const [what, code, said] of failures) {
    it(`that says ${what}: ${code}; and the next question is answered`, async () => {
      const { line, read } = await opened()
      line.script = answers(said, [[10, 'S S 7 kg\r\n']])
      assert.deepEqual(await read(), failed(code))
      assert.deepEqual(await read(), weighing(7))
    })
  }

  it('two answers that say the same are one', async () => {
    const { line, read } = await opened()
    line.script = answers([[10, 'S S 1 kg\r\nS S 1 kg\r\n']])
    assert.deepEqual(await read(), weighing(1))
  })

  it('on a line with echo the question is not taken for the answer', async () => {
    const { line, read, troubles } = await opened()
    line.script = answers([
      [1, 'SI\r\n'],
      [20, 'S S 3 kg\r\n'],
    ])
    assert.deepEqual(await read(), weighing(3))
    assert.deepEqual(troubles(), { echo: 1 })
  })

  it('what was said before the question is no answer to it', async () => {
    const { clock, line, read, troubles } = await opened()
    line.say(latin1('S S 9 kg\r\nS S 8'))
    line.script = answers([[10, 'S S 1 kg\r\n']])
    assert.deepEqual(await read(), weighing(1))
    line.say(latin1('S S 9 kg\r\n'))
    await clock.advance(1)
    line.script = answers([], [[10, 'S S 2 kg\r\n']])
    assert.deepEqual(await read(), weighing(2))
    assert.equal(troubles()['unasked'], 1)
  })

  it('is not asked before the tail of what was being said at opening can be told from an answer', async () => {
    const { clock, driver, line, heard } = await opened([scale, scanner])
    const reading = driver.read(scale, scale.points)
    await clock.advance(100)
    line.say(latin1('#45'))
    await clock.advance(100)
    line.say(latin1('#67\r\n'))
    assert.equal(line.heard.length, 0)
    line.script = answers([[10, 'S S 1 kg\r\n']])
    assert.deepEqual(await clock.run(reading), weighing(1))
    assert.deepEqual(heard, [])
  })

  it('is asked nothing before the pause after opening is over, and no two questions closer than the gap', async () => {
    const clock = new VirtualClock()
    const line = new ScriptedLine(clock, answers([[10, 'S S 1 kg\r\n']], [[10, 'S S 1 kg\r\n']]))
    const settings = textSettings([scale], { connectDelayMs: 2_000, requestGapMs: 5_000 })
    const driver = driverOn(line, settings, { clock })
    const started = clock.mono()
    const opening = driver.open()
    await clock.advance(1)
    line.say(latin1('\r\nS S 666 kg\r\n'))
    await clock.run(opening)
    assert.ok(clock.mono() >= started + 2_000)
    await clock.run(driver.read(scale, scale.points))
    const answered = clock.mono()
    await clock.run(driver.read(scale, scale.points))
    assert.ok(clock.mono() >= answered + 5_000)
    assert.equal(line.heard.length, 2)
  })

  it('on a line that is never silent is asked nevertheless', async () => {
    const { clock, line, read } = await opened()
    let talking = true
    const talk = async () => {
      while (talking) {
        await clock.wait(10)
        line.say(latin1('blah\r\n'))
      }
    }
    const done = talk()
    line.script = answers([[10, 'S S 5 kg\r\n']])
    assert.deepEqual(await read(), weighing(5))
    talking = false
    await clock.run(done)
  })
})

describe('a line that never falls silent', () => {
  it('joins no answer with what was being said', async () => {
    const digits = deviceWith({
      name: 'digits',
      request: latin1('?\r\n'),
      pattern: '^(?<value>\\d+)$',
      points: [pointWith({ name: 'value', type: 'number' })],
    })
    const { clock, line, read } = await opened([digits])
    line.say(latin1('\r\n'))
    let talking = true
    const talk = async () => {
      while (talking) {
        line.say(latin1('1'))
        await clock.wait(20)
      }
    }
    const done = talk()
    line.script = answers([[10, '5\r\n']])
    assert.deepEqual(await read(digits), [{ point: 'value', error: 'short_reply' }])
    assert.equal(line.heard.length, 1)
    talking = false
    await clock.run(done)
  })
})

describe('a late answer', () => {
  for (const lateMs of [TIMEOUT_MS + 10, TIMEOUT_MS * 2, TIMEOUT_MS * 3 - 60]) {
    it(`that comes after ${lateMs} ms is not taken for the next one`, async () => {
      const { line, read, troubles } = await opened()
      line.script = answers([[lateMs, 'S S 111 kg\r\n']], [[20, 'S S 222 kg\r\n']])
      assert.deepEqual(await read(), failed('timeout'))
      assert.deepEqual(await read(), weighing(222))
      assert.equal(troubles()['late'], 1)
    })
  }

  it('that has come is not waited for any longer', async () => {
    const { clock, line, read } = await opened()
    line.script = answers([[TIMEOUT_MS + 50, 'S S 111 kg\r\n']], [[20, 'S S 222 kg\r\n']])
    await read()
    const before = clock.mono()
    assert.deepEqual(await read(), weighing(222))
    assert.ok(clock.mono() - before < TIMEOUT_MS)
  })

  it('does not keep devices waiting whose answers look different', async () => {
    const { clock, line, read, troubles } = await opened([scale, meter])
    line.script = answers([], [[5, 'M1.5\r\n']], [[5, 'S S 111 kg\r\nM2.5\r\n']])
    await read()
    const before = clock.mono()
    assert.deepEqual(await read(meter), [{ point: 'volts', value: 1.5 }])
    assert.ok(clock.mono() - before < TIMEOUT_MS)
    // and it may come while the other is asked
    assert.deepEqual(await read(meter), [{ point: 'volts', value: 2.5 }])
    assert.equal(troubles()['late'], 1)
  })

  it('of a device whose answers look the same keeps the other waiting', async () => {
    const twin = { ...scale, name: 'twin', request: latin1('2SI\r\n') }
    const { line, read } = await opened([scale, twin])
    line.script = answers([[TIMEOUT_MS * 2.5, 'S S 111 kg\r\n']], [[20, 'S S 222 kg\r\n']])
    await read()
    assert.deepEqual(await read(twin), weighing(222))
  })

  it('that may be of two devices, as only the message shows, is of nobody', async () => {
    const loose = deviceWith({ ...meter, name: 'loose', pattern: '^[MS](?<volts>[\\d.]+)$' })
    const { line, read } = await opened([meter, loose])
    line.script = answers([], [[20, 'M7\r\n']], [[20, 'S8\r\n']])
    await read(meter)
    assert.deepEqual(await read(loose), [{ point: 'volts', error: 'foreign_reply' }])
    assert.deepEqual(await read(loose), [{ point: 'volts', value: 8 }])
  })

  it('is waited for over a new opening, too', async () => {
    const { clock, driver, line, read } = await opened()
    await read()
    await driver.close()
    await clock.run(driver.open())
    void clock.wait(TIMEOUT_MS).then(() => line.say(latin1('S S 111 kg\r\n')))
    line.script = answers([], [[20, 'S S 222 kg\r\n']])
    assert.deepEqual(await read(), weighing(222))
  })
})

describe('devices that speak on the line of those that are asked', () => {
  it('are heard at any time', async () => {
    const { clock, line, read, heard } = await opened([scale, scanner])
    line.say(latin1('\r\n#4711\r\n'))
    line.script = answers([
      [5, '#4712\r\n'],
      [10, 'S S 2 kg\r\n#4713\r\n'],
    ])
    assert.deepEqual(await read(), weighing(2))
    line.say(latin1('#4714\r\n'))
    await clock.advance(1)
    assert.deepEqual(
      heard.map(([device, samples]) => [device, samples[0]?.value]),
      ['4711', '4712', '4713', '4714'].map((code) => ['scanner', code]),
    )
  })

  it('cannot be asked, and what they say badly is not blamed on the one that was', async () => {
    const { line, read } = await opened([scale, scanner])
    assert.deepEqual(await read(scanner), [{ point: 'code', error: 'unsupported' }])
    line.script = answers([[5, 'rubbish\r\n#47']])
    assert.deepEqual(await read(), failed('timeout'))
  })

  it('have the message when it could be of both, and the device asked is told so', async () => {
    const talker = deviceWith({ ...scale, name: 'talker', request: undefined } as unknown as DeviceSettings)
    const { line, read, heard } = await opened([scale, talker])
    line.script = answers([[5, 'S S 1 kg\r\n']])
    assert.deepEqual(await read(), failed('foreign_reply'))
    assert.deepEqual(
      heard.map(([device]) => device),
      ['talker'],
    )
  })

  it('a line that broke off is not joined with the next, nor is its tail taken for one', async () => {
    const { clock, line, heard, troubles } = await opened([scanner])
    line.say(latin1('\r\n#12'))
    await clock.advance(2_000)
    line.say(latin1('#345\r\n#678\r\n'))
    await clock.advance(100)
    assert.deepEqual(
      heard.map(([, samples]) => samples[0]?.value),
      ['678'],
    )
    assert.deepEqual(troubles(), { short_reply: 1 })
  })

  it('a glitch between two lines costs none of them', async () => {
    const { clock, line, heard, troubles } = await opened([scanner])
    line.say(latin1('\r\n#12\r\n\x00'))
    await clock.advance(2_000)
    line.say(latin1('#34\r\n'))
    assert.deepEqual(
      heard.map(([, samples]) => samples[0]?.value),
      ['12', '34'],
    )
    assert.deepEqual(troubles(), { noise: 1 })
  })
})

describe('a device that is asked for a binary frame', () => {
  const request = bytesOf('FF 01 86 00 00 00 00 00 79')
  const frame = {
    startsWith: bytesOf('FF'),
    length: { fixed: 9 },
    checksum: { kind: 'complement8', from: 1, behind: 0, littleEndian: false },
  } as const
  const co2 = deviceWith({
    name: 'co2',
    request,
    points: [pointWith({ name: 'ppm', type: 'uint16', address: 2 })],
  })

  async function sensor(...rows: readonly (readonly (readonly [number, string])[])[]) {
    const clock = new VirtualClock()
    const line = new ScriptedLine(clock, (_, index) =>
      (rows[index] ?? []).map(([afterMs, hex]) => ({ afterMs, bytes: bytesOf(hex) })),
    )
    const driver = driverOn(line, binarySettings([co2], { frame, timeoutMs: TIMEOUT_MS }), { clock })
    await clock.run(driver.open())
    return { driver, read: () => clock.run(driver.read(co2, co2.points)) }
  }

  const rows: readonly (readonly [string, readonly (readonly [number, string])[], Sample])[] = [
    ['answers', [[10, 'FF 86 01 C1 3C 04 3C C1 7B']], { point: 'ppm', value: 449 }],
    ['is silent', [], { point: 'ppm', error: 'timeout' }],
    ['sends rubbish', [[10, '01 02 03']], { point: 'ppm', error: 'noise' }],
    ['breaks off', [[10, 'FF 86 01 C1']], { point: 'ppm', error: 'short_reply' }],
    ['sends a damaged frame', [[10, 'FF 86 01 C2 3C 04 3C C1 7B']], { point: 'ppm', error: 'checksum' }],
    [
      'is on a line with echo, where the question looks like a frame',
      [
        [1, 'FF 01 86 00 00 00 00 00 79'],
        [10, 'FF 86 01 C1 3C 04 3C C1 7B'],
      ],
      { point: 'ppm', value: 449 },
    ],
    ['only echoes', [[1, 'FF 01 86 00 00 00 00 00 79']], { point: 'ppm', error: 'timeout' }],
    ['answers behind noise', [[10, '00 FF 86 01 C1 3C 04 3C C1 7B']], { point: 'ppm', value: 449 }],
  ]
  for (const [what, said, expected] of rows) {
    it(`and ${what}`, async () => {
      const { read } = await sensor(said, [[10, 'FF 86 02 00 00 00 00 00 78']])
      assert.deepEqual(await read(), [expected])
      assert.deepEqual(await read(), [{ point: 'ppm', value: 512 }])
    })
  }
})

describe('what is not understood', () => {
  async function logged(device: DeviceSettings, text: string) {
    const clock = new VirtualClock()
    const line = new ScriptedLine(clock)
    const lines: (readonly [string, unknown])[] = []
    const log: Logger = {
      debug: (message, fields) => void lines.push([message, fields?.['text']]),
      info() {},
      warn() {},
      error() {},
      child: () => log,
    }
    const settings = textSettings([device], { timeoutMs: TIMEOUT_MS })
    const poller = new Poller(settings, {
      driver: driverOn(line, settings, { clock }),
      clock,
      log,
      onReading() {},
      onDeviceEvent() {},
      random: () => 0,
    })
    line.script = answers([[10, text]])
    poller.start()
    await clock.advance(100)
    // The first line may be the rest of one that began before.
    line.say(latin1(text))
    await clock.advance(1_000)
    line.say(latin1(text))
    await clock.advance(2_000)
    const { troubles = {} } = poller.status().connection
    await poller.stop()
    return { lines, troubles }
  }

  for (const device of [scale, scanner]) {
    it(`is in the log as a pattern would have it, and counted: ${device.name}`, async () => {
      const { lines, troubles } = await logged(device, '\x02ST,GS 12.5\r\n')
      assert.ok((troubles['pattern'] ?? 0) >= 1)
      assert.deepEqual(lines[0], ['a message was not understood', '\\x02ST,GS 12.5'])
    })
  }
})

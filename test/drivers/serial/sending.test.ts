/** Texts for devices on a serial line: out of the way of questions, never taken for a reading. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WriteError } from '../../../src/drivers/driver.ts'
import type { Sample } from '../../../src/model.ts'
import type { DeviceSettings } from '../../../src/settings.ts'
import { VirtualClock } from '../../support/bus-clock.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { driverOn, latin1, ScriptedLine } from '../../support/instrument.ts'

const scale = deviceWith({
  name: 'scale',
  request: latin1('SI\r\n'),
  pattern: '^S (?<weight>[\\d.]+)$',
  points: [pointWith({ name: 'weight', type: 'number' })],
})
const gauge = deviceWith({
  name: 'gauge',
  pattern: '^(?<level>\\d+)$',
  points: [pointWith({ name: 'level', type: 'number' })],
})

async function opened(devices: readonly DeviceSettings[]) {
  const clock = new VirtualClock()
  const line = new ScriptedLine(clock)
  const driver = driverOn(line, textSettings(devices, { timeoutMs: 200 }), { clock })
  const heard: (readonly [string, readonly Sample[]])[] = []
  driver.listen?.({ onReading: (device, samples) => heard.push([device, samples]), onError: () => {} })
  await clock.run(driver.open())
  const send = (device: DeviceSettings, text: string) => clock.run(Promise.resolve(driver.send?.(device, text)))
  const said = () => line.heard.map((bytes) => Buffer.from(bytes).toString('latin1'))
  return { clock, line, driver, heard, send, said }
}

describe('a text', () => {
  it('goes out as it is, and is done when the last byte can have left', async () => {
    const { clock, driver, send, said } = await opened([scale])
    const text = `É${'x'.repeat(95)}\r\n`
    await send(scale, 'T\r\n')
    const from = clock.mono()
    await send(scale, text)
    assert.deepEqual(said(), ['T\r\n', text])
    // 98 characters of ten bits at 9600 baud.
    const tookMs = clock.mono() - from
    assert.ok(tookMs >= 102 && tookMs < 200, `${tookMs} ms: an answer to the text before is not waited for`)
    assert.equal(driver.counters?.().exchanges, 0)
  })

  it('waits until a late answer has come that could be taken for one to the next question', async () => {
    const { clock, line, driver, send, said } = await opened([scale])
    line.script = (_, index) => (index === 0 ? [{ afterMs: 300, bytes: latin1('S 1.0\r\n') }] : [])
    const from = clock.mono()
    assert.deepEqual(await clock.run(driver.read(scale, scale.points)), [{ point: 'weight', error: 'timeout' }])
    await send(scale, 'TARE\r\n')
    assert.deepEqual(said(), ['SI\r\n', 'TARE\r\n'])
    assert.ok(clock.mono() - from >= 300, `${clock.mono() - from} ms`)
  })

  it('whose time is over when the line is free is not sent', async () => {
    const { clock, driver, said } = await opened([scale])
    await clock.run(driver.read(scale, scale.points)) // no answer: one may still come, and is waited for
    const overAt = clock.mono() + 100
    const sending = driver.send?.(scale, 'TARE\r\n', () => clock.mono() < overAt)
    await assert.rejects(clock.run(Promise.resolve(sending)), { code: 'expired', happened: 'no' })
    assert.deepEqual(said(), ['SI\r\n'])
  })

  it('that the line brings back is no reading', async () => {
    const { clock, line, heard, send, driver } = await opened([gauge])
    line.script = (text) => [{ afterMs: 2, bytes: text }]
    await send(gauge, '42\r\n')
    await clock.run(clock.wait(200))
    assert.deepEqual(heard, [])
    assert.deepEqual(driver.counters?.().troubles, { echo: 1 })
    // The device itself may say the same later.
    line.say(latin1('42\r\n'))
    await clock.run(clock.wait(200))
    assert.deepEqual(heard, [['gauge', [{ point: 'level', value: 42 }]]])
  })

  it('what a device says to it does not become the answer to the next question', async () => {
    const { clock, line, driver, send } = await opened([scale])
    line.script = (_, index) => [{ afterMs: 10, bytes: latin1(index === 0 ? 'S 9.9\r\n' : 'S 1.5\r\n') }]
    await send(scale, 'TARE\r\n')
    assert.deepEqual(await clock.run(driver.read(scale, scale.points)), [{ point: 'weight', value: 1.5 }])
    assert.equal(driver.counters?.().troubles['late'], 1)
  })

  it('cut off by the line may have gone out; on a closed line it has not', async () => {
    const { clock, line, driver } = await opened([gauge])
    await clock.run(clock.wait(2_000)) // the line is known to be silent
    const sending = driver.send?.(gauge, 'x'.repeat(960)) ?? Promise.resolve()
    void clock.wait(500).then(() => line.unplug())
    await assert.rejects(clock.run(sending), (error: unknown) => {
      assert.ok(error instanceof WriteError)
      assert.deepEqual([error.code, error.happened, error.retriable], ['unplugged', 'maybe', true])
      return true
    })
    await assert.rejects(clock.run(Promise.resolve(driver.send?.(gauge, 'x'))), { code: 'closed' })
  })
})

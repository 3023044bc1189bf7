import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { DirectedSender, type SwitchedStream } from '../../../src/drivers/port/direction.ts'
import { openSerialPort } from '../../../src/drivers/port/serial.ts'
import { needs } from '../../support/needs.ts'
import { PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

/** Writes down what is done to it, and finishes each step a turn later. */
class RecordedStream implements SwitchedStream {
  readonly steps: string[] = []
  failing: string | undefined

  set(lines: { rts: boolean; dtr: boolean }, callback: (error?: Error | null) => void): void {
    assert.equal(lines.dtr, true)
    this.#step(`rts ${lines.rts ? 'on' : 'off'}`, callback)
  }

  write(bytes: Buffer, callback: (error?: Error | null) => void): void {
    this.#step(`write ${bytes.toString('hex')}`, callback)
  }

  drain(callback: (error?: Error | null) => void): void {
    this.#step('drain', callback)
  }

  #step(step: string, callback: (error?: Error | null) => void): void {
    this.steps.push(step)
    setImmediate(() => callback(this.failing && step.startsWith(this.failing) ? new Error(step) : null))
  }
}

describe('direction of an RS-485 transceiver', () => {
  for (const [direction, sending, receiving] of [
    ['rts', 'rts on', 'rts off'],
    ['rts_inverted', 'rts off', 'rts on'],
  ] as const) {
    it(`${direction}: ${sending} before the first bit, ${receiving} behind the last one`, async () => {
      const stream = new RecordedStream()
      const sender = new DirectedSender(stream, direction)
      await sender.listen()
      sender.send(Uint8Array.of(1))
      sender.send(Uint8Array.of(2))
      const once = (byte: string) => [sending, `write ${byte}`, 'drain', receiving]
      const expected = [receiving, ...once('01'), ...once('02')]
      await until(() => stream.steps.length >= expected.length, { what: 'both requests' })
      assert.deepEqual(stream.steps, expected)
    })
  }

  it('whatever fails, the transceiver is left receiving and the next request goes out', async () => {
    for (const failing of ['rts on', 'write', 'drain']) {
      const stream = new RecordedStream()
      const sender = new DirectedSender(stream, 'rts')
      stream.failing = failing
      sender.send(Uint8Array.of(1))
      await until(() => stream.steps.at(-1) === 'rts off', { what: `receiving after a failed ${failing}` })
      stream.failing = undefined
      sender.send(Uint8Array.of(2))
      await until(() => stream.steps.includes('write 02') && stream.steps.at(-1) === 'rts off', { what: 'the next' })
    }
  })

  it('a port without an RTS line says so, and is left closed', async (test) => {
    if (!needs(test, 'socat')) return
    const cable = await PtyCable.plugged()
    const line = { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 } as const
    const handlers = { onData: () => {}, onClosed: () => {} }
    const { signal } = new AbortController()
    try {
      // Pseudo terminals have none.
      await assert.rejects(openSerialPort(cable.near, line, { direction: 'rts' })(handlers, signal), (error) => {
        return (
          error instanceof LinkError && /no RTS line/.test(error.message) && /direction: auto/.test(error.hint ?? '')
        )
      })
      const port = await openSerialPort(cable.near, line)(handlers, signal)
      await port.close()
    } finally {
      await cable.close()
    }
  })
})

/** The silences between messages, on a machine that is busy with other things. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageStream } from '../../../src/drivers/serial/stream.ts'
import { textFormat } from '../../../src/drivers/serial/text.ts'
import { VirtualClock } from '../../support/bus-clock.ts'

/** Every look at the time is late: the program was held up for longer than any silence. */
class HeldUpClock extends VirtualClock {
  readonly waits: number[] = []

  override mono(): number {
    this.#lateMs += 700
    return super.mono() + this.#lateMs
  }

  override wait(ms: number, signal?: AbortSignal): Promise<void> {
    this.waits.push(ms)
    return super.wait(ms, signal)
  }

  #lateMs = 0
}

test('a moment that has passed already is not waited for', async () => {
  const clock = new HeldUpClock()
  const messages: string[] = []
  const stream = new MessageStream({
    format: textFormat({ checksum: 'none', endsWith: '\n', devices: [] }),
    clock,
    byteMs: 1,
    onCut: (cut) => messages.push(...cut.messages),
  })
  stream.receive(Buffer.from('12.5\n13'))
  await clock.advance(2_000)
  stream.receive(Buffer.from('\n14.5\n'))
  await clock.advance(2_000)
  stream.close()
  assert.ok(messages.includes('14.5'), 'it went on cutting')
  assert.deepEqual(
    clock.waits.filter((ms) => !(ms >= 0)),
    [],
  )
  assert.ok(clock.waits.length > 2)
})

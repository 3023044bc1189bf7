import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/log.ts'
import type { IncomingCommand } from '../../src/model.ts'
import { Receiver } from '../../src/uplink/receiver.ts'
import type { Closed, Delivery } from '../../src/uplink/transport.ts'
import { turn } from './manual-clock.ts'

/** A receiver whose commands become durable when the test says so. */
function rig() {
  const taken: { readonly command: IncomingCommand; readonly done: PromiseWithResolvers<void> }[] = []
  const ends: Closed[] = []
  const confirmed: string[] = []
  const receiver = new Receiver({
    uplink: 'cloud',
    intake: { key: { from: 'topic', level: -1 }, subscribe: 'cmd/+' },
    own: [],
    log: silentLogger,
    accept: (command) => {
      const done = Promise.withResolvers<void>()
      taken.push({ command, done })
      return done.promise
    },
    onStuck: (because) => ends.push(because),
  })
  const deliver = (payload: string | Uint8Array) => {
    const text = typeof payload === 'string' ? payload : `${payload.length} bytes`
    const delivery: Delivery = {
      topic: 'cmd/key',
      payload: Buffer.from(payload),
      retained: false,
      duplicate: false,
      userProperties: {},
      confirm: () => void confirmed.push(text),
    }
    receiver.receive(delivery)
  }
  const values = () => taken.map(({ command }) => Buffer.from(command.payload).toString())
  return { receiver, taken, ends, confirmed, deliver, values }
}

test('P8: after a flood nothing more of the session is taken, so that no older command comes after a newer one', async () => {
  const { receiver, taken, ends, deliver, values } = rig()
  for (let number = 1; number <= 1_025; number++) deliver(`${number}`)
  assert.deepEqual([taken.length, ends.length, ends[0]?.reason], [1_024, 1, 'command_flood'])
  for (const { done } of taken) done.resolve()
  await turn()
  // There is room again, but 1025 has not been taken.
  deliver('1026')
  assert.equal(taken.length, 1_024)
  assert.equal(ends.length, 1)
  receiver.begin()
  deliver('1025')
  deliver('1026')
  assert.deepEqual(values().slice(-3), ['1024', '1025', '1026'])
})

test('P8: the same after a command that could not be stored', async () => {
  const { receiver, taken, ends, confirmed, deliver, values } = rig()
  deliver('1')
  taken[0]?.done.reject(new Error('a mistake'))
  await turn()
  assert.equal(ends[0]?.reason, 'accept_failed')
  deliver('2')
  assert.deepEqual(values(), ['1'])
  assert.deepEqual(confirmed, [])
  receiver.begin()
  deliver('1')
  assert.deepEqual(values(), ['1', '1'])
})

test('a payload of megabytes is handed over by its beginning, with its length, so that the refusal is answered and confirmed', async () => {
  const { taken, ends, confirmed, deliver } = rig()
  // More than may wait in all.
  for (let number = 0; number < 3; number++) deliver(Buffer.alloc(9_000_000, '7'))
  assert.deepEqual(ends, [])
  assert.deepEqual(
    taken.map(({ command: { payload, payloadBytes } }) => [payload.length, payloadBytes]),
    Array.from({ length: 3 }, () => [262_144, 9_000_000]),
  )
  for (const { done } of taken) done.resolve()
  await turn()
  assert.equal(confirmed.length, 3)
  deliver('1')
  assert.equal(taken.at(-1)?.command.payloadBytes, undefined)
})

test('many large commands end the session, and the reason says how many bytes wait', () => {
  const { ends, deliver } = rig()
  for (let number = 0; number < 33; number++) deliver(Buffer.alloc(262_144, '7'))
  assert.equal(ends.length, 1)
  assert.match(ends[0]?.detail ?? '', /^32 commands of 8388608 bytes wait to be stored/)
})

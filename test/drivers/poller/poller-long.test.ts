/** Polls that take long: others have their turn in between, and what comes of it is one reading. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinkError } from '../../../src/drivers/driver.ts'
import { deviceWith, pointWith } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

const REQUEST_MS = 800

/** A device of twenty points, each in a request of its own that takes 0.8 s, beside a quick meter. */
function slowRig() {
  const points = Array.from({ length: 20 }, (_, index) => pointWith({ name: `p${index}`, intervalMs: 10_000 }))
  const rig = rigWith([deviceWith({ name: 'slow', points }), meter('quick')])
  Object.assign(rig.driver, {
    plan: (_device: unknown, asked: readonly { readonly name: string }[]) =>
      asked.map(({ name }) => ({ range: name, count: 1, points: [name], wireMs: 5 })),
  })
  rig.driver.slowMs.set('slow', REQUEST_MS)
  const readingsOf = (device: string) => rig.readings.filter((reading) => reading.device === device)
  return { ...rig, readingsOf, names: points.map(({ name }) => name) }
}

describe('a poll that takes long', () => {
  it('lets the neighbours keep their interval, from the first one on', async () => {
    const { clock, poller, times } = slowRig()
    poller.start()
    await clock.advance(300_000)
    const polls = times('read quick')
    assert.ok(polls.length >= 299, `${polls.length} polls in 300 s`)
    const gaps = polls.slice(1).map((at, index) => at - (polls[index] ?? 0))
    assert.ok(Math.max(...gaps) < 1_000 + 2 * REQUEST_MS, `a gap of ${Math.max(...gaps)} ms`)
    assert.ok(times('read slow').length > 300, 'and the slow one goes on')
    await poller.stop()
  })

  it('is one reading with all its points, with the time of its end', async () => {
    const { clock, poller, readingsOf, names, times } = slowRig()
    poller.start()
    await clock.advance(18_000)
    const [first, ...others] = readingsOf('slow')
    assert.deepEqual(others, [])
    assert.deepEqual(
      first?.samples,
      names.map((point) => ({ point, value: 1 })),
    )
    const last = times('read slow')[19] ?? 0
    assert.equal((first?.mono ?? 0) - 1_000_000, last + REQUEST_MS)
    await poller.stop()
  })

  it('is finished when its next time has come, and the polls that were missed count', async () => {
    const { clock, poller, readingsOf } = slowRig()
    poller.start()
    await clock.advance(600_000)
    const polls = readingsOf('slow').length
    const { missedPolls = 0 } = poller.status().devices[0] ?? {}
    assert.ok(polls >= 30, `${polls} polls of 16 s in 600 s`)
    assert.ok(Math.abs(polls + missedPolls - 60) <= 2, `${polls} polls and ${missedPolls} missed, of 60`)
    await poller.stop()
  })

  it('has `io` for what was not read when the connection is lost, and the device stays online', async () => {
    const { clock, driver, poller, readingsOf, events } = slowRig()
    poller.start()
    await clock.advance(5_000)
    driver.lose(new LinkError('closed', 'gone'))
    await clock.advance(100)
    const [first] = readingsOf('slow')
    const errors = first?.samples.filter(({ error }) => error === 'io').length ?? 0
    assert.equal(first?.samples.length, 20)
    assert.ok(errors > 10 && errors < 20, `${errors} of 20`)
    assert.deepEqual(
      events.map(({ event }) => event),
      ['device_online', 'device_online'],
    )
    await poller.stop()
  })

  it('has the code of the silence for the rest when the device dies in the middle', async () => {
    const { clock, driver, poller, readingsOf, times } = slowRig()
    poller.start()
    await clock.advance(5_000)
    driver.dead.add('slow')
    await clock.advance(2_000)
    const asked = times('read slow').length
    const [first] = readingsOf('slow')
    assert.equal(first?.samples.length, 20)
    assert.equal(first?.samples.at(-1)?.error, 'timeout')
    assert.ok(asked < 12, `asked ${asked} times`)
    assert.equal(poller.isOnline('slow'), true, 'it answered to a part of it')
    await clock.advance(30_000)
    assert.equal(poller.isOnline('slow'), false)
    await poller.stop()
  })

  it('lets commands have their turn too, and makes no record when the gateway stops', async () => {
    const { clock, poller, readingsOf } = slowRig()
    poller.start()
    await clock.advance(3_000)
    const before = clock.mono()
    await clock.run(poller.write('quick', 'power', 1))
    assert.ok(clock.mono() - before < 2 * REQUEST_MS)
    await clock.run(poller.stop())
    assert.deepEqual(readingsOf('slow'), [])
  })

  it('is not divided any more when the device has become quick', async () => {
    const { clock, driver, poller, times } = slowRig()
    poller.start()
    await clock.advance(60_000)
    driver.slowMs.set('slow', 5)
    await clock.advance(55_000)
    const asked = times('read slow').length
    await clock.advance(100_000)
    assert.equal(times('read slow').length - asked, 10)
    await poller.stop()
  })
})

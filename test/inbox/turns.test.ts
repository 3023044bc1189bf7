/** Whose turn it is on one device, and what a stop leaves behind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandSettings, pointSettings, pointTarget, quiet, Site } from './site.ts'

const job = commandSettings({
  key: 'jobs',
  mode: 'queue',
  repeatable: false,
  target: pointTarget({ point: 'a' }),
  expiresAfterMs: 60_000,
})
const desired = commandSettings({ key: 'desired', target: pointTarget({ point: 'b' }) })
const points = [pointSettings({ name: 'a' }), pointSettings({ name: 'b' })]

test('a stream of desired values does not starve the jobs of the same device', async () => {
  const site = await Site.open({ commands: [job, desired], points })
  const order: string[] = []
  site.devices.write = async (_device, point) => {
    order.push(point)
    await site.clock.wait(100)
  }
  for (const id of ['j1', 'j2', 'j3']) await site.deliver(`{"id":"${id}","value":1}`, { key: 'jobs' })
  await site.deliver('{"id":"v","value":1}', { key: 'desired' })
  await site.bringOnline()
  for (let index = 0; index < 30; index++) {
    await site.deliver(`{"id":"v${index}","value":1}`, { key: 'desired' })
    await site.clock.pass(90)
  }
  const jobs = site.outcomes().filter(({ key }) => key === 'jobs')
  assert.deepEqual(
    jobs.map(({ id, state }) => `${id} ${state}`),
    ['j1 applied', 'j2 applied', 'j3 applied'],
  )
  // Desired values still go first, four at a time.
  assert.match(order.join(''), /^bbbbabbbbabbbbab+$/)
})

test('an attempt that ends after the stop went on without it harms nobody', async () => {
  const site = await Site.open({ commands: [desired], points })
  const answer = Promise.withResolvers<void>()
  site.devices.write = () => answer.promise
  await site.bringOnline()
  await site.deliver('{"id":"v","value":1}', { key: 'desired' })
  await quiet()
  const closed = site.inbox.close()
  await site.clock.pass(10_000)
  await closed
  let given = 0
  site.storage.transact = () => {
    given += 1
    return Promise.reject(new Error('storage is closed'))
  }
  answer.resolve()
  await quiet()
  assert.equal(given, 1)
  assert.deepEqual(site.outcomes(), [])
})

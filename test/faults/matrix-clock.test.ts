/** The wall clock steps by years while the agent runs (P4): no timer, limit, expiry or command notices. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { faultSite } from '../support/fault-agent.ts'
import { needs } from '../support/needs.ts'
import { emptyFolder } from '../support/program.ts'

const LIBRARY = ['x86_64-linux-gnu', 'aarch64-linux-gnu', 'arm-linux-gnueabihf']
  .map((triplet) => `/usr/lib/${triplet}/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file))

test('the clock steps by years, forward and back', async (t) => {
  if (!needs(t, 'faketime')) return
  const offset = join(emptyFolder(t), 'offset')
  const stepClock = (years: number) => writeFileSync(offset, `${years < 0 ? '' : '+'}${years}y\n`)
  stepClock(0)
  const site = await faultSite(t, {
    env: {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  await site.start()
  await site.goesOn()
  for (const [step, years] of [10, -20, 0].entries()) {
    site.network.cut()
    const { outbox } = await site.agent.status()
    await site.reaches('a backlog', (status) => status.outbox.writtenRecords >= outbox.writtenRecords + 5)
    stepClock(years)
    await site.reaches('the backlog to grow', (status) => status.outbox.writtenRecords >= outbox.writtenRecords + 10)
    site.network.restore()
    await site.goesOn()
    site.command(`c${step}`, step + 1)
    await site.applies(step + 1)
  }
  const { books, status } = await site.settle()
  const events = books.events.map(({ event }) => event).filter((event) => !/^(started|device_)/.test(event))
  // Cuts that follow before all is delivered belong to one outage.
  assert.ok(events.length >= 1 && events.length <= 3, `${events}`)
  assert.deepEqual([...new Set(events)], ['outage'])
  assert.equal(status.storage.state, 'ok')
  assert.equal(status.uplinks[0]?.dropped, 0)
})

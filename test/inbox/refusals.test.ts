import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../../src/log.ts'
import { quiet, Site } from './site.ts'

test('a flood of refused commands is answered one by one, and logged only now and then', async (t) => {
  const lines: (readonly [string, number | undefined])[] = []
  t.mock.method(silentLogger, 'warn', (message: string, fields?: { readonly othersNotLogged?: number }) => {
    lines.push([message, fields?.othersNotLogged])
  })
  const site = await Site.open()
  const flood = async (key: string) => {
    for (let index = 0; index < 50; index++) await site.deliver('"no number"', { key })
  }
  await flood('setpoint')
  await flood('nobody')
  await quiet()
  assert.equal(site.outcomes().length, 100)
  assert.deepEqual(
    lines,
    Array.from({ length: 20 }, () => ['command refused', undefined]),
  )
  await site.clock.pass(3_000)
  await site.deliver('"no number"')
  await quiet()
  assert.deepEqual(lines.at(-1), ['command refused', 80])
})

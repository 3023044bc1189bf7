/** What the gateway itself is told to do; above all: it restarts once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GatewayVerb } from '../../src/command-settings.ts'
import { commandSettings, quiet, Site, type SiteOptions } from './site.ts'

const verbs: readonly GatewayVerb[] = ['read_now', 'outbox_flush', 'reload', 'restart']
const commands = [
  commandSettings(),
  ...verbs.map((verb) => commandSettings({ key: verb, target: { type: 'gateway', verb }, repeatable: false })),
]

const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))
const open = (options: SiteOptions = {}) => Site.open({ commands, ...options })

async function send(site: Site, key: GatewayVerb, payload: string): Promise<void> {
  await site.deliver(payload, { key })
  await quiet()
}

test('read_now reads a device or all of them, and says what could not be read', async () => {
  const site = await open()
  await send(site, 'read_now', '{"id":"a","value":"boiler"}')
  await send(site, 'read_now', '{"id":"b"}')
  await send(site, 'read_now', '{"id":"c","value":"nobody"}')
  await send(site, 'read_now', '{"id":"d","value":1}')
  site.verbProblem = 'not read: boiler: timeout'
  await send(site, 'read_now', '{"id":"e","value":true}')
  assert.deepEqual(site.told, ['read boiler', 'read all', 'read all'])
  assert.deepEqual(told(site), [
    'a applied',
    'b applied',
    'c refused: value is "nobody", wanted the name of a device, or true for all',
    'd refused: value is 1, wanted the name of a device, or true for all',
    'e failed: not read: boiler: timeout',
  ])
})

test('outbox_flush is applied when everything is on disk', async () => {
  let flushed = () => {}
  const site = await open({ verbs: { flush: () => new Promise<void>((resolve) => (flushed = resolve)) } })
  await send(site, 'outbox_flush', '{"id":"a"}')
  assert.deepEqual(told(site), [])
  assert.equal(site.inbox.waiting()[0]?.reason, 'applying')
  flushed()
  await quiet()
  assert.deepEqual(told(site), ['a applied'])
})

test('what this gateway cannot do is refused with the reason', async () => {
  const site = await open({ verbs: { restart: undefined } as never })
  await send(site, 'reload', '{"id":"a"}')
  await send(site, 'restart', '{"id":"b"}')
  assert.deepEqual(told(site), [
    'a refused: this version cannot reload its configuration; restart does',
    'b refused: the gateway was not started by systemd, so nobody would start it again',
  ])
})

test('reload is applied where there is one, and fails with its reason', async () => {
  const site = await open({ verbs: { reload: async () => 'line 3: no such device' } })
  await send(site, 'reload', '{"id":"a"}')
  assert.deepEqual(told(site), ['a failed: line 3: no such device'])
})

test('restart is on disk before the agent ends, applied when it is there again, and done once', async () => {
  const site = await open()
  let state: unknown
  const restarted: string[] = []
  site.told.push = (...words) => {
    state = site.disk.prepare("SELECT state FROM command WHERE id = 'a'").pluck().get()
    return restarted.push(...words)
  }
  await send(site, 'restart', '{"id":"a"}')
  assert.deepEqual(restarted, ['restart'])
  assert.equal(state, 'applying')
  assert.deepEqual(told(site), [])
  // A clean stop does not wait for it.
  await site.inbox.close()
  await site.restart()
  assert.deepEqual(told(site), ['a applied'])
  // The cloud did not hear the confirmation.
  await send(site, 'restart', '{"id":"a"}')
  await site.restart()
  assert.deepEqual(restarted, ['restart'])
  assert.deepEqual(told(site), ['a applied', 'a applied'])
})

test('a restart that is over was applied, also where nobody would restart the gateway now', async () => {
  const verbs: { restart?: () => void } = { restart: () => {} }
  const site = await open({ verbs })
  await send(site, 'restart', '{"id":"a"}')
  delete verbs.restart
  Object.assign(verbs, { restart: undefined })
  await site.restart()
  assert.deepEqual(told(site), ['a applied'])
})

test('a power cut between the commit and the end of the agent is a restart all the same', async () => {
  const site = await open()
  site.storage.hold()
  void site.deliver('{"id":"a"}', { key: 'restart' })
  await quiet()
  // The command itself is on disk, its attempt is not: it is still to be done.
  await site.restart({ afterCommit: true })
  assert.deepEqual(site.told, ['restart'])
  await site.restart()
  assert.deepEqual(site.told, ['restart'])
  assert.deepEqual(told(site), ['a applied'])
})

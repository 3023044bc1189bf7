/** What the network between the gateway and the cloud does: in a namespace of its own, and over a long way. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ScriptedBroker } from '../support/broker.ts'
import { Network } from '../support/field-network.ts'
import { account } from '../support/mqtt-checker.ts'
import { needs, skip } from '../support/needs.ts'
import { until } from '../support/until.ts'
import type { Outcome } from '../support/uplink-in-namespace.ts'
import { startUplink } from '../uplink/rig.ts'
import { seqsIn } from '../uplink/scripted-session.ts'

const WINDOW = 50

async function under(t: TestContext, rule: string): Promise<Outcome | undefined> {
  if (!needs(t, 'mosquitto', 'nft', 'ip')) return undefined
  if (process.getuid?.() !== 0) {
    skip(t, 'needs root')
    return undefined
  }
  const program = fileURLToPath(new URL('../support/uplink-in-namespace.ts', import.meta.url))
  const words = ['-n', process.execPath, program, rule]
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` }
  const { stdout } = await promisify(execFile)('unshare', words, { env, timeout: 100_000 })
  const outcome = JSON.parse(stdout) as Outcome
  t.diagnostic(stdout.trim())
  assert.equal(outcome.missing, 0)
  assert.ok(outcome.inOrder)
  assert.ok(outcome.duplicates <= outcome.downs.length * WINDOW, `${outcome.duplicates} duplicates`)
  assert.ok(outcome.counted > 0, 'the rule took no packet')
  return outcome
}

const cuts = [
  ['everything to the server vanishes', 'tcp dport PORT counter drop'],
  ['everything from the server vanishes', 'tcp sport PORT counter drop'],
] as const

for (const [what, rule] of cuts) {
  test(`${what}: the session is given up and nothing is missing`, async (t) => {
    const outcome = await under(t, rule)
    if (outcome) assert.equal(outcome.downs[0], 'ack_timeout')
  })
}

test('resets instead of answers: nothing is missing', async (t) => {
  const outcome = await under(t, 'tcp dport PORT counter reject with tcp reset')
  if (outcome) assert.ok(outcome.downs.length > 0)
})

test('every tenth packet is lost: nothing is missing', async (t) => {
  await under(t, 'tcp dport PORT numgen inc mod 10 0 counter drop')
})

test('2 s to the answer: the window is kept full and nothing comes twice', async (t) => {
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const network = await Network.start(broker.port)
  t.after(() => network.close())
  network.delayMs = 2_000
  const settings = { window: WINDOW, ackTimeoutMs: 30_000, connectTimeoutMs: 20_000 }
  const { feed, links } = startUplink(t, `mqtt://127.0.0.1:${network.port}`, { settings })
  feed.append(WINDOW * 2)
  await until(() => broker.stored.length >= WINDOW, { what: 'a full window', timeoutMs: 20_000 })
  await until(() => feed.pending === 0, { what: 'all records acknowledged', timeoutMs: 30_000 })
  const { missing, duplicates, inOrder } = account(
    broker.stored.flatMap(({ payload }) => seqsIn(payload)),
    WINDOW * 2,
  )
  assert.deepEqual(
    { missing, duplicates, inOrder, links },
    { missing: [], duplicates: 0, inOrder: true, links: ['up connected'] },
  )
})

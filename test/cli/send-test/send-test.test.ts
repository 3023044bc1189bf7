/** `tidegate send-test` as it is typed. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { socketPath } from '../../../src/console/socket.ts'
import { ScriptedBroker } from '../../support/broker.ts'
import { emptyFolder, runTidegate } from '../../support/program.ts'

interface Place {
  readonly broker: ScriptedBroker
  readonly stateDir: string
  /** `tidegate send-test WORDS` with the configuration of this place. */
  run(...words: string[]): ReturnType<typeof runTidegate>
}

/** Two uplinks: one with the broker in its list of urls twice, one whose broker is not there. */
async function placeOf(t: TestContext): Promise<Place> {
  const folder = emptyFolder(t)
  const broker = await ScriptedBroker.start()
  t.after(() => broker.close())
  const config = join(folder, 'config.yaml')
  const url = `mqtt://localhost:${broker.port}`
  writeFileSync(
    config,
    `version: 1
gateway: { id: plant7-gw01 }
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1, port: 1 }
devices:
  meter: { connection: plc, points: { power: { address: 0, type: uint16 } } }
uplinks:
  cloud: { type: mqtt, url: ["${broker.url}", "${url}"] }
  hall: { type: mqtt, url: "mqtt://127.0.0.1:1" }
`,
  )
  return {
    broker,
    stateDir: folder,
    run: (...words) => runTidegate(t, ['send-test', '--config', config, '--state-dir', folder, ...words]),
  }
}

test('every server of an uplink is tried, each step is told, and the status is good', async (t) => {
  const { broker, run } = await placeOf(t)
  const { status, stdout, stderr } = await run('cloud')
  assert.deepEqual([status, stderr], [0, ''])
  assert.equal(stdout.match(/^Good: the broker has the message\.$/gm)?.length, 2)
  assert.match(stdout, /^cloud {2}mqtt:\/\/127\.0\.0\.1:\d+ {2}as plant7-gw01-send-test$/m)
  assert.match(stdout, /^ {2}dns +[\d.]+ ms {2}localhost:\d+$/m)
  assert.match(stdout, /^ {2}puback +[\d.]+ ms {2}tidegate\/plant7-gw01\/send-test, \d+ B$/m)
  assert.deepEqual(
    broker.stored.map(({ topic }) => topic),
    ['tidegate/plant7-gw01/send-test', 'tidegate/plant7-gw01/send-test'],
  )
})

test('without a name every uplink is, and one that fails makes the status bad', async (t) => {
  const { run } = await placeOf(t)
  const { status, stdout } = await run('--json', '--topic', 'mine')
  assert.equal(status, 1)
  const document = JSON.parse(stdout) as { good: boolean; tests: { uplink: string; good: boolean; topic: string }[] }
  assert.equal(document.good, false)
  assert.deepEqual(
    document.tests.map(({ uplink, good, topic }) => [uplink, good, topic]),
    [
      ['cloud', true, 'mine'],
      ['cloud', true, 'mine'],
      ['hall', false, 'mine'],
    ],
  )
})

test('an uplink that is not there, and a topic that is none', async (t) => {
  const { run } = await placeOf(t)
  const unknown = await run('clout')
  assert.deepEqual([unknown.status, unknown.stdout], [2, ''])
  assert.match(unknown.stderr, /^Error: there is no uplink clout .*\nTry: tidegate send-test cloud\n$/)
  const wild = await run('--topic', 'a/+')
  assert.equal(wild.status, 2)
  assert.match(wild.stderr, /^Error: --topic a\/\+ is no topic: .*\+\n/)
})

test('while an agent runs, its client id is not used', async (t) => {
  const { broker, run, stateDir } = await placeOf(t)
  const alone = await run('cloud', '--as-gateway')
  assert.equal(alone.status, 0)
  assert.equal(broker.connections[0]?.connect?.clientId, 'plant7-gw01')
  const agent = createServer((_request, response) => response.end())
  await new Promise<void>((resolve) => agent.listen(socketPath(stateDir), resolve))
  t.after(() => agent.close())
  const refused = await run('cloud', '--as-gateway')
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /^Error: the agent of .* runs: with its client id the broker would throw it out\nTry: /)
  assert.equal((await run('cloud')).status, 0)
  assert.equal(broker.connections.at(-1)?.connect?.clientId, 'plant7-gw01-send-test')
})

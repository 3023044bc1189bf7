/**
 * The mosquitto lines of the pages, run as they stand by a shell, against a real broker, the running agent and the
 * simulated site. What stands behind the # of a line that publishes is the state of the answer.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { noFault } from '../../src/drivers/simulator/fault.ts'
import { startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import { fieldFolder, startAgent } from '../support/field.ts'
import { Broker } from '../support/field-broker.ts'
import { MqttChecker } from '../support/mqtt-checker.ts'
import { needs } from '../support/needs.ts'
import { start } from '../support/program.ts'
import { until } from '../support/until.ts'
import { blocksOf, pageText } from './pages.ts'

const pages = ['README.md', 'docs/commands.md']
const finalStates = ['applied', 'verified', 'failed', 'refused', 'superseded', 'expired', 'unknown']

test('every mosquitto line of the pages does what the page says', async (t) => {
  if (!needs(t, 'mosquitto', 'mosquitto_sub')) return
  const listening = linesOf('mosquitto_sub')
  const sending = linesOf('mosquitto_pub')
  assert.ok(listening.length >= 3 && sending.length >= 9, 'the pages have lost their examples')

  const folder = fieldFolder(t)
  const broker = await Broker.start(folder)
  t.after(() => broker.end('SIGKILL'))
  const env = environment(folder, broker.port)
  const listeners = listening.map((line) => ({ line, running: start(t, ['sh', '-c', `exec ${line}`], { env }) }))
  for (const { line, running } of listeners) {
    await until(() => running.stdout().includes('Subscribed'), { what: `the subscription of: ${line}` })
  }
  const results = await MqttChecker.connect(`mqtt://127.0.0.1:${broker.port}`, {
    filter: 'tidegate/+/command/+/result',
  })
  t.after(() => results.close())
  await startGateway(t, folder, broker.port)

  for (const line of sending) {
    const before = results.messages.length
    const { status, stderr } = await start(t, ['sh', '-c', `exec ${line}`], { env }).ended
    assert.deepEqual([status, stderr], [0, ''], line)
    await until(() => results.messages.length > before, { what: `the answer to: ${line}` })
    const { state } = JSON.parse(results.messages[before]?.payload ?? '{}') as { state?: string }
    assert.equal(state, /# (\w+)$/.exec(line)?.[1] ?? finalStates.find((one) => one === state), line)
  }
  for (const { line, running } of listeners) {
    const record = /\{"(id|record)":"plant7-gw01\//
    await until(() => record.test(running.stdout()), { what: `a record for: ${line}` })
  }
})

/** The configuration of docs/commands.md, with addresses of this machine. */
async function startGateway(t: TestContext, folder: string, brokerPort: number): Promise<void> {
  const site = await startSimulatedSite({ boilerFault: noFault })
  t.after(() => site.close())
  const yaml = blocksOf(pageText('docs/commands.md')).find(({ language }) => language === 'yaml')?.text ?? ''
  // Test machines have no time service, and then a command with a time of expiry waits for the clock.
  const trusted = replaced(yaml, { from: '{ id: plant7-gw01 }', to: '{ id: plant7-gw01, clock: trusted }' })
  const devicesHere = replaced(trusted, { from: 'host: 192.168.10.20', to: `host: 127.0.0.1, port: ${site.port}` })
  const config = replaced(devicesHere, { from: '"mqtt://127.0.0.1"', to: `"mqtt://127.0.0.1:${brokerPort}"` })
  const agent = startAgent(t, { folder, config })
  await agent.ready()
  await agent.reaches(
    ({ devices, uplinks }) =>
      devices.every(({ state }) => state === 'online') && uplinks.every(({ state }) => state === 'online'),
    { what: 'devices and uplink to be online' },
  )
}

function replaced(text: string, { from, to }: { readonly from: string; readonly to: string }): string {
  assert.ok(text.includes(from), `the configuration in docs/commands.md has no ${from}`)
  return text.replace(from, to)
}

/** Lines of shell examples that begin with the program. */
function linesOf(program: string): string[] {
  const blocks = pages.flatMap((page) => blocksOf(pageText(page)))
  return blocks
    .filter(({ language }) => language === '')
    .flatMap(({ text }) => text.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line.startsWith(`${program} `))
}

/** The pages mean a broker on the usual port; -d tells when a subscription is there. */
function environment(folder: string, port: number): NodeJS.ProcessEnv {
  for (const [program, words] of [
    ['mosquitto_pub', ''],
    ['mosquitto_sub', '-d'],
  ] as const) {
    const script = `#!/bin/sh\nPATH=${process.env['PATH']}\nexec stdbuf -oL ${program} -h 127.0.0.1 -p ${port} ${words} "$@"\n`
    writeFileSync(join(folder, program), script, { mode: 0o755 })
  }
  return { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
}

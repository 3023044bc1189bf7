/**
 * The lines of the pages, run as they stand by a shell, against a real broker, the running agent and the simulated site.
 * What stands behind the # of a line that publishes is the state of the answer; what stands below a line of `tidegate` is
 * printed by it.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import { noFault } from '../../src/drivers/simulator/fault.ts'
import { startSimulatedSite } from '../../src/drivers/simulator/site.ts'
import type { CommandPage } from '../../src/inbox-api.ts'
import type { AgentProcess } from '../support/agent-process.ts'
import { fieldFolder, startAgent } from '../support/field.ts'
import { Broker } from '../support/field-broker.ts'
import { MqttChecker } from '../support/mqtt-checker.ts'
import { needs } from '../support/needs.ts'
import { start, tidegate } from '../support/program.ts'
import { until } from '../support/until.ts'
import { blocksOf, pageText } from './pages.ts'

const pages = ['README.md', 'docs/commands.md']
const finalStates = ['applied', 'verified', 'failed', 'refused', 'superseded', 'expired', 'cancelled', 'unknown']
const deadline = { timeoutMs: 60_000 }

test('every line of the pages does what the page says', { timeout: 600_000 }, async (t) => {
  if (!needs(t, 'mosquitto', 'mosquitto_sub')) return
  const listening = linesOf('mosquitto_sub')
  const acting = stepsOf()
  const asking = acting.filter(({ line }) => line.startsWith('tidegate inbox '))
  assert.ok(listening.length >= 3 && acting.length >= 24 && asking.length >= 4, 'the pages have lost their examples')

  const folder = fieldFolder(t)
  const broker = await Broker.start(folder)
  t.after(() => broker.end('SIGKILL'))
  const env = environment(folder, broker.port)
  const listeners = listening.map((line) => ({ line, running: start(t, ['sh', '-c', `exec ${line}`], { env }) }))
  for (const { line, running } of listeners) {
    await until(() => running.stdout().includes('Subscribed'), { what: `the subscription of: ${line}`, ...deadline })
  }
  const results = await MqttChecker.connect(`mqtt://127.0.0.1:${broker.port}`, {
    filter: 'tidegate/+/command/+/result',
  })
  t.after(() => results.close())
  const agent = await startGateway(t, folder, broker.port)

  for (const { line, shown } of acting) {
    const before = results.messages.length
    const { status, stdout, stderr } = await start(t, ['sh', '-c', `exec ${line}`], { env }).ended
    assert.deepEqual([status, stderr], [0, ''], line)
    for (const row of shown) {
      assert.ok(stdout.split('\n').map(plain).includes(plain(row)), `${line}\n${row}\nis not in\n${stdout}`)
    }
    if (!line.startsWith('mosquitto_pub ')) continue
    const wanted = /# (\w+)$/.exec(line)?.[1]
    if (wanted === 'waiting') {
      await waits(agent, line)
      continue
    }
    await until(() => results.messages.length > before, { what: `the answer to: ${line}`, ...deadline })
    const { state } = JSON.parse(results.messages[before]?.payload ?? '{}') as { state?: string }
    assert.equal(state, wanted ?? finalStates.find((one) => one === state), line)
  }
  assert.equal(readFileSync(join(folder, 'lamp.log'), 'utf8'), '--colour green\n')
  for (const { line, running } of listeners) {
    const record = /\{"(id|record)":"plant7-gw01\//
    await until(() => record.test(running.stdout()), { what: `a record for: ${line}`, ...deadline })
  }
})

async function waits(agent: AgentProcess, line: string): Promise<void> {
  const id = /"id":"([^"]+)"/.exec(line)?.[1]
  const found = async () => {
    const page = (await getJson(agent.stateDir, '/api/v1/inbox/commands?states=waiting')) as CommandPage
    return page.commands.some((command) => command.id === id && command.waitsFor === 'device offline')
  }
  await until(found, { what: `to wait: ${line}`, ...deadline })
}

/** Times and counts differ from run to run. */
function plain(text: string): string {
  return text
    .replace(/\d[\d.]*/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
}

/** The configuration of docs/commands.md, with addresses of this machine. */
async function startGateway(t: TestContext, folder: string, brokerPort: number): Promise<AgentProcess> {
  const site = await startSimulatedSite({ boilerFault: noFault })
  t.after(() => site.close())
  const lamp = join(folder, 'lamp')
  writeFileSync(lamp, `#!/bin/sh\necho "$@" >> ${join(folder, 'lamp.log')}\n`, { mode: 0o755 })
  const here: readonly (readonly [from: string, to: string])[] = [
    // Test machines have no time service, and then a command with a time of expiry waits for the clock.
    ['{ id: plant7-gw01 }', '{ id: plant7-gw01, clock: trusted }'],
    ['host: 192.168.10.20', `host: 127.0.0.1, port: ${site.port}`],
    ['"mqtt://127.0.0.1"', `"mqtt://127.0.0.1:${brokerPort}"`],
    ['/usr/local/bin/lamp', lamp],
  ]
  const yaml = blocksOf(pageText('docs/commands.md')).find(({ language }) => language === 'yaml')?.text ?? ''
  const config = here.reduce((text, [from, to]) => replaced(text, { from, to }), yaml)
  const agent = startAgent(t, { folder, config })
  await agent.ready()
  await agent.reaches(
    ({ devices, uplinks }) =>
      devices.every(({ name, state }) => name === 'scale' || state === 'online') &&
      uplinks.every(({ state }) => state === 'online'),
    { what: 'devices and uplink to be online', ...deadline },
  )
  return agent
}

function replaced(text: string, { from, to }: { readonly from: string; readonly to: string }): string {
  assert.ok(text.includes(from), `the configuration in docs/commands.md has no ${from}`)
  return text.replace(from, to)
}

/** Lines of shell examples that begin with the program. */
function linesOf(program: string): string[] {
  const blocks = pages.flatMap((page) => blocksOf(pageText(page)))
  return blocks.filter(({ language }) => language === '').flatMap(({ text }) => rowsOf(text, program))
}

interface Step {
  readonly line: string
  /** What it prints, among other lines. */
  readonly shown: readonly string[]
}

/** Lines that send or ask, in the order of the pages. */
function stepsOf(): Step[] {
  return pages.flatMap((page) => {
    const blocks = blocksOf(pageText(page))
    return blocks.flatMap(({ language, text }, index) => {
      if (language !== '') return []
      const below = blocks[index + 1]
      const rows = below?.language === 'text' ? below.text.split('\n').filter((row) => row !== '') : []
      return [
        ...rowsOf(text, 'mosquitto_pub').map((line) => ({ line, shown: [] })),
        ...rowsOf(text, 'tidegate inbox').map((line) => ({ line, shown: rows })),
      ]
    })
  })
}

function rowsOf(text: string, words: string): string[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line === words || line.startsWith(`${words} `))
}

/** The pages mean a broker on the usual port and the agent of the machine; -d tells when a subscription is there. */
function environment(folder: string, port: number): NodeJS.ProcessEnv {
  for (const [program, words] of [
    ['mosquitto_pub', ''],
    ['mosquitto_sub', '-d'],
  ] as const) {
    const script = `#!/bin/sh\nPATH=${process.env['PATH']}\nexec stdbuf -oL ${program} -h 127.0.0.1 -p ${port} ${words} "$@"\n`
    writeFileSync(join(folder, program), script, { mode: 0o755 })
  }
  const words = `exec ${process.execPath} ${tidegate} "$@"`
  writeFileSync(join(folder, 'tidegate'), `#!/bin/sh\n${words}\n`, { mode: 0o755 })
  const path = `${folder}:${process.env['PATH'] ?? ''}`
  return { ...process.env, PATH: path, STATE_DIRECTORY: join(folder, 'state') }
}

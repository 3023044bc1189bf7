/**
 * The lines of docs/uplinks/mqtt.md, run as they stand by a shell against mosquitto, simulated devices and the agent with
 * the configuration of the page. What the page shows below them must be what is printed.
 */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { getJson } from '../../src/cli/client.ts'
import type { Status } from '../../src/status.ts'
import { freePort } from '../support/field-process.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { emptyFolder, type Running, repository, start, tidegate } from '../support/program.ts'
import { until } from '../support/until.ts'
import { type Block, blocksOf, pageText } from './pages.ts'

const page = 'docs/uplinks/mqtt.md'
/** The simulated boiler is dead for a while now and then, and the machine may be slow. */
const deadline = { timeoutMs: 90_000 }

test('every line of the page runs, and prints what the page shows', { timeout: 600_000 }, async (t) => {
  if (!needs(t, 'mosquitto', 'mosquitto_sub')) return
  const place = await prepare(t)
  const examples = examplesOf(blocksOf(place.moved(pageText(page))))
  assert.ok(examples.length >= 6, 'the page has lost its examples')
  for (const { lines, shown } of examples) {
    const running: Running[] = []
    for (const line of lines) running.push(await place.run(line))
    for (const row of shown) await printed(running, row)
    for (const [index, line] of lines.entries()) {
      if (line.startsWith('mosquitto_sub')) running[index]?.child.kill('SIGKILL')
    }
  }
  // Nothing on the page, send-test least of all, has thrown the agent out.
  const { uplinks } = await place.status()
  assert.deepEqual(
    uplinks.map(({ state, connects }) => [state, connects]),
    [['online', 1]],
  )
})

/** What send-test says only when the answer takes a while, as that of a busy machine does. */
const OVER_A_LINK = /; over this link\s+at most\s+[\d ]+\s+messages\/s/g

/** Waits until one of them has printed the line. */
async function printed(running: readonly Running[], row: string): Promise<void> {
  const lines = () => running.flatMap((one) => one.stdout().replaceAll(OVER_A_LINK, '').split('\n'))
  await until(() => lines().some((line) => isLike(line, row)), { what: row, ...deadline }).catch(() => {
    assert.fail(`${row}\nis not in\n${lines().join('\n')}`)
  })
}

test('a line that is not printed would be noticed', () => {
  const shown = 'a/b {"id":"gw/1-a/2","state":"online","values":{"x":1.5}}'
  assert.ok(isLike('a/b {"state":"online","clock":"unsynced","id":"gw/9-b/7","values":{"x":3,"y":null}}', shown))
  assert.ok(!isLike('a/c {"id":"gw/9-b/7","state":"online","values":{"x":3}}', shown))
  assert.ok(!isLike('a/b {"id":"gw/9-b/7","state":"offline","values":{"x":3}}', shown))
  assert.ok(!isLike('a/b {"id":7,"state":"online","values":{"x":3}}', shown))
  assert.ok(!isLike('a/b {"id":"gw/9-b/7","state":"online","values":{}}', shown))
  assert.ok(isLike('  tcp      12 ms  127.0.0.1:41873', '  tcp  0.4 ms  127.0.0.1:1883'))
  assert.ok(!isLike('  tcp      12 ms  FAILED', '  tcp  0.4 ms  127.0.0.1:1883'))
})

interface Example {
  readonly lines: readonly string[]
  /** What must be printed by one of them. */
  readonly shown: readonly string[]
}

/** Each block of commands with the output below it, if there is any. */
function examplesOf(blocks: readonly Block[]): Example[] {
  const rows = (block: Block | undefined) => block?.text.split('\n').filter((row) => row.trim() !== '') ?? []
  return blocks.flatMap((block, index) => {
    const below = blocks[index + 1]
    if (block.language !== 'sh') return []
    return [{ lines: rows(block), shown: below?.language === 'text' ? rows(below) : [] }]
  })
}

interface Place {
  /** With ports that no other test has. */
  moved(text: string): string
  /** Starts a line; resolves when it has ended, or serves. */
  run(line: string): Promise<Running>
  /** Of the agent. */
  status(): Promise<Status>
}

async function prepare(t: TestContext): Promise<Place> {
  const folder = emptyFolder(t)
  const stateDir = join(folder, 'state')
  const broker = await Mosquitto.start()
  t.after(() => broker.close())
  const ports = [await freePort(), await freePort()]
  const moved = (text: string) =>
    text
      .replaceAll(/mqtt:\/\/127\.0\.0\.1(:1883)?/g, broker.url)
      .replaceAll('-h 127.0.0.1 -p 1883', `-h 127.0.0.1 -p ${broker.port}`)
      .replaceAll(/\b1502\b/g, String(ports[0]))
      .replaceAll(/\b1503\b/g, String(ports[1]))
  const site = blocksOf(pageText(page)).find(({ language, text }) => language === 'yaml' && text.startsWith('version:'))
  writeFileSync(join(folder, 'my-site.yaml'), moved(site?.text ?? assert.fail('the page has no configuration')))
  cpSync(join(repository, 'examples'), join(folder, 'examples'), { recursive: true })
  const simulator = join(folder, 'examples', 'simulator.yaml')
  writeFileSync(simulator, moved(readFileSync(simulator, 'utf8')))
  const program = (name: string, words: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
  program('tidegate', `${process.execPath} ${tidegate}`)
  // With -d it says when it is subscribed, and line by line it says so at once.
  const found = `env PATH='${process.env['PATH'] ?? ''}' stdbuf -oL`
  program('mosquitto_pub', `${found} mosquitto_pub -p ${broker.port}`)
  program('mosquitto_sub', `${found} mosquitto_sub -d -p ${broker.port}`)
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
  return {
    moved,
    async run(line) {
      const running = start(t, ['sh', '-c', `exec ${line}`], { env, cwd: folder })
      await begun(running, line, stateDir)
      return running
    },
    status: () => statusIn(stateDir),
  }
}

async function begun(running: Running, line: string, stateDir: string): Promise<void> {
  const what = () => `${line}\n${running.stdout()}\n${running.stderr()}`
  if (line.startsWith('tidegate run')) {
    const isOnline = async () => {
      const status = await statusIn(stateDir).catch(() => undefined)
      return status?.uplinks.some(({ state }) => state === 'online')
    }
    await until(isOnline, { what: what(), ...deadline })
  } else if (line.startsWith('tidegate simulate')) {
    await until(() => running.stdout().includes('Ctrl-C ends it'), { what: what(), ...deadline })
  } else if (line.startsWith('mosquitto_sub')) {
    await until(() => running.stdout().includes('Subscribed ('), { what: what(), ...deadline })
  } else {
    const { status, stdout, stderr } = await running.ended
    assert.equal(status, 0, `${line}\n${stdout}\n${stderr}`)
  }
}

async function statusIn(stateDir: string): Promise<Status> {
  return (await getJson(stateDir, '/api/v1/status')) as Status
}

/** The same line but for its numbers and blanks; JSON in it has at least the members shown, of the same kind. */
function isLike(printed: string, shown: string): boolean {
  const [head, json] = split(shown)
  const [printedHead, printedJson] = split(printed)
  if (plain(head) !== plain(printedHead)) return false
  return json === undefined ? printedJson === undefined : isPart(json, printedJson)
}

/** A topic or words, and the JSON object at the end. */
function split(line: string): [string, unknown] {
  const at = line.indexOf('{')
  if (at < 0) return [line, undefined]
  try {
    return [line.slice(0, at), JSON.parse(line.slice(at))]
  } catch {
    return [line, undefined]
  }
}

/** Epochs and numbers differ from run to run. */
function plain(text: string): string {
  return text
    .replace(/\d+-[0-9a-f]{8}\b/g, '#')
    .replace(/\d[\d.]*( \d{3})*/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
}

/** Words that mean something are compared, the rest is compared by its kind. */
const compared: ReadonlySet<string> = new Set([
  'device',
  'point',
  'event',
  'state',
  'key',
  'access',
  'unit',
  'name',
  'type',
  'gateway',
])

function isPart(shown: unknown, printed: unknown): boolean {
  if (Array.isArray(shown)) {
    return Array.isArray(printed) && shown.every((one) => printed.some((other) => isPart(one, other)))
  }
  if (typeof shown !== 'object' || shown === null) return typeof shown === typeof printed
  if (typeof printed !== 'object' || printed === null) return false
  return Object.entries(shown).every(([name, value]) => {
    const other = Reflect.get(printed, name)
    return compared.has(name) && typeof value === 'string' ? other === value : isPart(value, other)
  })
}

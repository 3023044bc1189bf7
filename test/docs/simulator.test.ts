/** The lines of docs/simulator.md, run as they stand by a shell, on ports and paths of their own. */
import assert from 'node:assert/strict'
import { cpSync, lstatSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseSimulation } from '../../src/config/simulation.ts'
import { freePort } from '../support/field-process.ts'
import { needs } from '../support/needs.ts'
import { emptyFolder, type Running, repository, start, tidegate } from '../support/program.ts'
import { until } from '../support/until.ts'
import { blocksOf, pageText } from './pages.ts'

const page = 'docs/simulator.md'
const head = 'version: 1\nconnections:\n  plant: { type: modbus-rtu, port: /dev/ttyS0, line: 9600 8N1 }\ndevices:\n'

test('every line of the page runs', async (t) => {
  if (!needs(t, 'mbpoll', 'socat')) return
  const folder = emptyFolder(t)
  const moved = await movedWords(folder)
  writePlaces(folder, moved)
  const lines = blocksOf(pageText(page))
    .filter(({ language }) => language === '')
    .flatMap(({ text }) => text.trim().split('\n'))
  assert.ok(lines.length >= 7, 'the page has lost its examples')
  const running: Running[] = []
  for (const line of lines) {
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` }
    const started = start(t, ['sh', '-c', `exec ${moved(line)}`], { env, cwd: folder })
    if (line.startsWith('mbpoll')) {
      const { status, stderr } = await started.ended
      assert.deepEqual([status, stderr], [0, ''], line)
    } else {
      running.push(started)
      await serves(started, line, folder)
    }
  }
  await end(running.filter((one) => one.stdout().includes('Simulating')))
})

test('what the page shows of the beginning is what is printed', async (t) => {
  const shown = blocksOf(pageText(page)).find(({ language }) => language === 'text')?.text ?? ''
  const folder = emptyFolder(t)
  const moved = await movedWords(folder)
  writePlaces(folder, moved)
  const command = [process.execPath, tidegate, 'simulate', 'examples/simulator.yaml', '--for', '1ms']
  const { stdout } = await start(t, command, { cwd: folder }).ended
  const printed = stdout.split('\n').slice(0, 4)
  const columns = (line: string) => line.trim().split(/ {2,}/)
  assert.deepEqual(printed.map(columns), shown.split('\n').slice(0, 4).map(moved).map(columns))
})

test('the faults and values that the page shows are understood', () => {
  const parts = blocksOf(pageText(page)).filter(({ text }) => text.startsWith('# in a device'))
  assert.equal(parts.length, 2)
  const device = { connection: 'plant', unit_id: 1, points: { x: { address: 0, type: 'uint16' } } }
  for (const { text } of parts) {
    const one = JSON.stringify({ ...device, ...parse(text) })
    const { settings } = parseSimulation(`${head}  one: ${one}\n`, page)
    assert.equal(settings.connections[0]?.units.length, 1)
  }
})

/** Ports and paths that no other test has, in the place of those of the page. */
async function movedWords(folder: string): Promise<(text: string) => string> {
  const ports = [await freePort(), await freePort()]
  return (text) =>
    text
      .replaceAll('/tmp/bus-', `${folder}/bus-`)
      .replaceAll('1502', String(ports[0]))
      .replaceAll('1503', String(ports[1]))
}

function writePlaces(folder: string, moved: (text: string) => string): void {
  cpSync(join(repository, 'examples'), join(folder, 'examples'), { recursive: true })
  const example = join(folder, 'examples', 'simulator.yaml')
  writeFileSync(example, moved(readFileSync(example, 'utf8')))
  const bus = blocksOf(pageText(page)).find(({ text }) => text.startsWith('# bus.yaml'))?.text
  writeFileSync(join(folder, 'bus.yaml'), moved(bus ?? assert.fail('bus.yaml is not on the page')))
  writeFileSync(join(folder, 'tidegate'), `#!/bin/sh\nexec ${process.execPath} ${tidegate} "$@"\n`, { mode: 0o755 })
}

async function serves(started: Running, line: string, folder: string): Promise<void> {
  if (line.startsWith('socat')) {
    const isThere = (name: string) => lstatSync(join(folder, name), { throwIfNoEntry: false })?.isSymbolicLink()
    await until(() => isThere('bus-devices') && isThere('bus-gateway'), { what: 'the two ports of socat' })
  } else {
    await until(() => started.stdout().includes('Ctrl-C ends it'), { what: `${line}: ${started.stderr()}` })
  }
}

async function end(running: readonly Running[]): Promise<void> {
  assert.equal(running.length, 2)
  for (const one of running) {
    one.child.kill('SIGINT')
    const { status, stdout } = await one.ended
    assert.equal(status, 0)
    assert.match(stdout, /\d+ requests? in /)
  }
}

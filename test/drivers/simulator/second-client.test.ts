/** `tidegate simulate` asked by clients nobody here wrote: mbpoll and pymodbus, in every framing they have. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { SimulationFacts } from '../../../src/cli/simulate/facts.ts'
import { hasPymodbus } from '../../support/modbus-server.ts'
import { needs } from '../../support/needs.ts'
import { emptyFolder, type Running, start, tidegate } from '../../support/program.ts'
import { PtyCable } from '../../support/pty.ts'
import { until } from '../../support/until.ts'

const client = fileURLToPath(new URL('../../support/modbus-client.py', import.meta.url))

const points = `
    points:
      a: { address: 0, type: uint16, access: rw, value: 1234 }
      b: { address: 1, type: uint16, access: rw, value: 4321 }
      c: { address: 2, type: uint16, access: rw, value: 7 }
      d: { address: 3, type: uint16, access: rw, value: 8 }
      wide: { address: 4, type: float32, access: rw, value: 1.5 }
      long: { address: 6, type: int32, access: rw, value: -100000 }
      locked: { address: 9, type: uint16, value: 5 }
      volts: { ref: 300005, type: float32, value: 230.5 }
      watts: { ref: 300007, type: int32, value: -2500 }
      on: { ref: 00001, access: rw, value: true }
      off: { ref: 00002, access: rw, value: false }
      third: { ref: 00003, access: rw, value: false }
      door: { ref: 10001, value: true }
`

interface Rig {
  /** Port or path to ask at. */
  readonly place: string
  readonly simulator: Running
  /** Ends it as Ctrl-C does; what it says in the end. */
  facts(): Promise<SimulationFacts>
}

async function simulate(t: TestContext, connection: string, near?: string): Promise<Rig> {
  const file = join(emptyFolder(t), 'simulation.yaml')
  const device = `  unit:\n    connection: wire\n    unit_id: 3\n    identity: { vendor: Acme, product: M1, revision: "1.0" }`
  writeFileSync(file, `version: 1\nconnections:\n  wire: ${connection}\ndevices:\n${device}${points}`)
  const simulator = start(t, [process.execPath, tidegate, 'simulate', file, '--json'])
  await until(() => simulator.stderr().includes('unit 3'), { what: `the simulator: ${simulator.stderr()}` })
  const port = /127\.0\.0\.1:(\d+)/.exec(simulator.stderr())?.[1]
  return {
    place: near ?? port ?? assert.fail(simulator.stderr()),
    simulator,
    async facts() {
      simulator.child.kill('SIGINT')
      const { status, stdout, stderr } = await simulator.ended
      assert.equal(status, 0, stderr)
      return JSON.parse(stdout)
    },
  }
}

async function cable(t: TestContext): Promise<PtyCable> {
  const plugged = await PtyCable.plugged()
  t.after(() => plugged.close())
  return plugged
}

describe('mbpoll', () => {
  it('reads and writes everything it can over TCP', async (t) => {
    if (!needs(t, 'mbpoll')) return
    const rig = await simulate(t, '{ type: modbus-tcp, port: 0 }')
    await ask(t, ['-m', 'tcp', '-p', rig.place], '127.0.0.1')
    const facts = await rig.facts()
    assert.deepEqual([facts.devices[0]?.exceptions, facts.connections[0]?.noise], [3, 0])
  })

  it('reads and writes everything it can over a serial line, and learns who it is', async (t) => {
    if (!needs(t, 'mbpoll', 'socat')) return
    const { near, far } = await cable(t)
    const rig = await simulate(t, `{ type: modbus-rtu, port: ${far}, line: 19200 8N1 }`, near)
    const target = ['-m', 'rtu', '-b', '19200', '-P', 'none']
    await ask(t, target, near)
    const about = await mbpoll(t, [...target, '-a', '3', '-u', near])
    assert.match(about.stdout, /Acme M1 1\.0/)
    const facts = await rig.facts()
    assert.deepEqual([facts.devices[0]?.exceptions, facts.connections[0]?.noise], [3, 0])
  })

  it('waits as long as a bus at 1200 baud takes', async (t) => {
    if (!needs(t, 'mbpoll', 'socat')) return
    const { near, far } = await cable(t)
    const wire = `{ type: modbus-rtu, port: ${far}, line: 1200 8N1, simulate_line: true }`
    const rig = await simulate(t, wire, near)
    const startedAt = performance.now()
    const words = [
      '-m',
      'rtu',
      '-b',
      '1200',
      '-P',
      'none',
      '-a',
      '3',
      '-0',
      '-1',
      '-r',
      '0',
      '-c',
      '8',
      '-o',
      '5',
      near,
    ]
    const { stdout } = await mbpoll(t, words)
    assert.match(stdout, /\[0\]:\s+1234/)
    // 8 bytes and 21, of ten bits each, at 1200 baud: it cannot have been quicker.
    assert.ok(performance.now() - startedAt > 240)
    assert.equal((await rig.facts()).connections[0]?.collisions, 0)
  })
})

/** Every function mbpoll has, and three exceptions. */
async function ask(t: TestContext, target: readonly string[], place: string): Promise<void> {
  const read = async (...words: readonly string[]) => {
    return (await mbpoll(t, [...target, '-a', '3', '-0', '-1', ...words, place])).stdout
  }
  const write = (...words: readonly string[]) => {
    const split = words.indexOf('--')
    return mbpoll(t, [...target, '-a', '3', '-0', ...words.slice(0, split), place, ...words.slice(split)])
  }
  assert.match(await read('-t', '0', '-r', '0', '-c', '3'), /\[0\]:\s+1\s+\[1\]:\s+0\s+\[2\]:\s+0/)
  assert.match(await read('-t', '1', '-r', '0', '-c', '1'), /\[0\]:\s+1/)
  assert.match(await read('-t', '4', '-r', '0', '-c', '2'), /\[0\]:\s+1234\s+\[1\]:\s+4321/)
  assert.match(await read('-t', '4:hex', '-r', '1', '-c', '1'), /\[1\]:\s+0x10E1/)
  assert.match(await read('-t', '4:int', '-B', '-r', '6', '-c', '1'), /\[6\]:\s+-100000/)
  assert.match(await read('-t', '4:float', '-B', '-r', '4', '-c', '1'), /\[4\]:\s+1\.5/)
  assert.match(await read('-t', '3:float', '-B', '-r', '4', '-c', '1'), /\[4\]:\s+230\.5/)
  assert.match(await read('-t', '3:int', '-B', '-r', '6', '-c', '1'), /\[6\]:\s+-2500/)
  assert.match((await write('-t', '0', '-r', '1', '--', '1')).stdout, /Written 1 reference/)
  assert.match((await write('-t', '0', '-r', '0', '--', '0', '1', '1')).stdout, /Written 3 references/)
  assert.match(await read('-t', '0', '-r', '0', '-c', '3'), /\[0\]:\s+0\s+\[1\]:\s+1\s+\[2\]:\s+1/)
  assert.match((await write('-t', '4', '-r', '0', '--', '77')).stdout, /Written 1 reference/)
  assert.match((await write('-t', '4', '-r', '1', '--', '78', '79')).stdout, /Written 2 references/)
  assert.match((await write('-t', '4:float', '-B', '-r', '4', '--', '42.25')).stdout, /Written 1 reference/)
  assert.match(await read('-t', '4', '-r', '0', '-c', '3'), /\[0\]:\s+77\s+\[1\]:\s+78\s+\[2\]:\s+79/)
  assert.match(await read('-t', '4:float', '-B', '-r', '4', '-c', '1'), /\[4\]:\s+42\.25/)
  for (const words of [
    ['-t', '4', '-r', '100', '-c', '1'],
    ['-t', '4', '-r', '0', '-c', '10'],
  ]) {
    const { stderr } = await mbpoll(t, [...target, '-a', '3', '-0', '-1', ...words, place])
    assert.match(stderr, /Illegal data address/)
  }
  assert.match((await write('-t', '4', '-r', '9', '--', '1')).stderr, /Illegal data address/)
}

function mbpoll(t: TestContext, words: readonly string[]) {
  return start(t, ['mbpoll', '-q', ...words]).ended
}

describe('pymodbus', () => {
  const table = [
    { kind: 'tcp', connection: () => '{ type: modbus-tcp, port: 0 }' },
    { kind: 'rtu-tcp', connection: () => '{ type: modbus-rtu-over-tcp, port: 0 }' },
    { kind: 'rtu', connection: (port: string) => `{ type: modbus-rtu, port: ${port}, line: 19200 8N1 }` },
    { kind: 'ascii', connection: (port: string) => `{ type: modbus-ascii, port: ${port}, line: 19200 8N1 }` },
  ] as const
  for (const { kind, connection } of table) {
    it(`reads, writes, masks, and asks who it is: ${kind}`, async (t) => {
      if (!hasPymodbus(t)) return
      const isSerial = kind === 'rtu' || kind === 'ascii'
      if (isSerial && !needs(t, 'socat')) return
      const { near, far } = isSerial ? await cable(t) : { near: undefined, far: '' }
      const rig = await simulate(t, connection(far), near)
      const { stdout, stderr } = await start(t, ['/usr/bin/python3', client, kind, rig.place]).ended
      assert.notEqual(stdout, '', stderr)
      const answers = JSON.parse(stdout)
      const bits = (...first: number[]) => [...first, ...Array.from({ length: 8 - first.length }, () => 0)]
      assert.deepEqual(answers, {
        1: bits(1, 0, 0),
        2: bits(1),
        3: [1234, 4321, 7, 8],
        4: [0x4366, 0x8000],
        5: answers['5'],
        15: answers['15'],
        '1 again': bits(0, 1, 1),
        6: 'done',
        16: 'done',
        22: 'done',
        23: [77, 78, (0x12 & 0xf2) | (0x25 & ~0xf2), 99],
        hole: 'exception 2',
        'read-only': 'exception 2',
        'too many': 'exception 3',
        43: { 0: 'Acme', 1: 'M1', 2: '1.0' },
      })
      assert.equal((await rig.facts()).devices[0]?.exceptions, 3)
    })
  }
})

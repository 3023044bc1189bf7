/** Simulation files: what is wrong is told with its place, what is right becomes units. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigInvalid } from '../../src/config/problem.ts'
import { loadSimulation, parseSimulation } from '../../src/config/simulation.ts'
import type { SimulationSettings } from '../../src/simulation.ts'

const head = `version: 1
connections:
  plant: { type: modbus-tcp, port: 1502 }
  bus: { type: modbus-rtu, port: /dev/ttyS0, line: 9600 8N1 }
devices:
`
/** A device on `plant`, or on the connection named, with one register and whatever is added. */
function device(added: string, connection = 'plant'): string {
  return `${head}  one:
    connection: ${connection}
    unit_id: 1
    ${added}
    points: { x: { address: 0, type: uint16 }, on: { ref: 00001, access: rw }, text: { address: 9, type: string, length: 2 } }
`
}

function point(value: string, rest = 'address: 0, type: uint16'): string {
  return `${head}  one: { connection: plant, points: { x: { ${rest}, value: ${value} } } }\n`
}

const table: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
  [
    'an unknown key of a device',
    device('fautls: []'),
    /:9:5 devices\.one: unknown key "fautls"; did you mean "faults"\?/,
  ],
  [
    'a device on nothing',
    device('', 'plnt'),
    /:7:17 devices\.one\.connection: .*no connection "plnt"; did you mean "plant"/,
  ],
  ['a profile that is not there', device('profile: eastron/sdm63'), /profile: .*did you mean "eastron\/sdm630"/],
  [
    'an unknown way of changing',
    point('{ kind: wav }'),
    /value\.kind: expected wave, .* got "wav"; did you mean "wave"/,
  ],
  ['a key of a value', point('{ kind: wave, midle: 5, swing: 2 }'), /unknown key "midle"; did you mean "middle"/],
  ['a list as a value', point('[1]'), /points\.x\.value: expected a block of keys, got a list/],
  ['a value that does not fit', point('70000'), /70000 does not fit: a uint16 holds 0 to 65535 here/],
  [
    'a scaled one',
    point('3277', 'address: 0, type: int16, scale: 0.1'),
    /3277 does not fit: a int16 holds -3276\.8 to 3276\.7/,
  ],
  [
    'a value between two that it can hold',
    point('3.14', 'address: 0, type: int16, scale: 0.1'),
    /3\.14 does not fit: a int16 with scale 0\.1 holds 3\.1 next to it/,
  ],
  [
    'registers of another point',
    `${head}  one: { connection: plant, points: { x: { address: 0, type: float32 }, y: { address: 1, type: uint16 } } }\n`,
    /points\.y: shares holding 0 to 1 with x, and cannot have a value of its own there/,
  ],
  [
    'two values in one register',
    `${head}  one: { connection: plant, points: { x: { address: 0, type: uint16, value: 1 }, y: { address: 0, type: uint16, value: 2 } } }\n`,
    /points\.y: shares holding 0 with x/,
  ],
  ['a wave beyond', point('{ kind: wave, middle: 10, swing: 20 }'), /-10 to 30 does not fit/],
  ['a truth as a number', point('true'), /x holds a number, got "true"/],
  [
    'a number as a truth',
    point('{ kind: wave, middle: 1, swing: 1 }', 'ref: 00001'),
    /x holds true or false, a wave is a number/,
  ],
  [
    'a text that is too long',
    point('hello', 'address: 0, type: string, length: 2'),
    /5 characters, the 2 registers hold 4/,
  ],
  ['a walk without room', point('{ kind: random, min: 5, max: 5, step: 1 }'), /max 5 is not above min 5/],
  ['an unknown fault', device('faults: [{ kind: ded }]'), /faults\[0\]\.kind: expected dead, .* did you mean "dead"/],
  ['a fault without its time', device('faults: [{ kind: late }]'), /faults\[0\]: missing "delay"/],
  ['a share without a sign', device('faults: [{ kind: dead, share: 10 }]'), /share: expected a share/],
  [
    'crc without a checksum',
    device('faults: [{ kind: crc }]'),
    /crc cannot happen on modbus-tcp: its frames have no checksum/,
  ],
  [
    'a transaction on a bus',
    device('faults: [{ kind: wrong_transaction }]', 'bus'),
    /wrong_transaction cannot happen on modbus-rtu/,
  ],
  ['until before from', device('faults: [{ kind: dead, from: 5s, until: 2s }]'), /until is not later than from/],
  ['for without every', device('faults: [{ kind: dead, for: 2s }]'), /for needs every/],
  ['for as long as every', device('faults: [{ kind: dead, every: 2s, for: 2s }]'), /for is not shorter than every/],
  ['an unknown function', device('functions: [3, 99]'), /functions\[1\]: expected 1, 2, .* got 99/],
  [
    'one address twice',
    `${device('')}  two: { connection: plant, unit_id: 1, points: { x: { address: 0, type: uint16 } } }`,
    /devices\.two\.unit_id: devices\.one has unit_id 1 on plant already/,
  ],
  [
    'no address on a bus',
    `${head}  one: { connection: bus, points: { x: { address: 0, type: uint16 } } }`,
    /missing "unit_id"/,
  ],
  ['seven bits for RTU', device('').replace('9600 8N1', '9600 7E1'), /bus\.line: Modbus RTU needs 8 data bits/],
  [
    'a port without a path',
    device('').replace('/dev/ttyS0', 'ttyS0'),
    /bus\.port: expected the path of a serial port, got "ttyS0"/,
  ],
]

describe('a simulation file', () => {
  for (const [what, text, problem] of table) {
    it(`is refused for ${what}`, () => assert.match(problemsOf(text), problem))
  }

  it('tells several things at once', () => {
    const text = device('delay: 5\n    fautls: []').replace('type: uint16', 'type: uint61')
    assert.equal(problemsOf(text).split('\n').length, 3)
  })

  it('becomes units', () => {
    const added = 'delay: 5ms, faults: [{ kind: late, delay: 2s, share: 5% }], functions: [3], holes: zero'
    const text = `${head}  one: { connection: bus, unit_id: 7, ${added}, points: { x: { ref: 300002, type: int16, scale: 0.1, value: 2.5 } } }\n`
    const [plant, bus] = settingsOf(text).connections
    assert.deepEqual(plant?.units, [])
    const [unit] = bus?.units ?? []
    assert.deepEqual([unit?.unitId, unit?.delayMs, unit?.functions, unit?.holes], [7, 5, [3], 'zero'])
    const fault = { fault: { kind: 'late', ms: 2_000 }, fromMs: 0, share: 0.05, seed: 7_000 }
    assert.deepEqual(unit?.faults, [fault])
    const [{ point: only, value } = assert.fail()] = unit?.points ?? []
    assert.deepEqual([only.register, only.address, value], ['input', 1, { kind: 'fixed', value: 2.5 }])
  })

  it('takes a device block of a configuration as it is', () => {
    const pasted = 'interval: 2s, report: on_change, deadband: 0.5, labels: { room: "12" }'
    const text = `${head}  one: { connection: plant, ${pasted}, points: { x: { address: 0, type: uint16, interval: 1s, min: 1, max: 5, access: rw } } }\n`
    const { warnings } = parseSimulation(text, 'sim.yaml')
    assert.deepEqual(
      warnings.map(({ path }) => path),
      ['connections.bus'],
    )
  })

  it('a profile gives its points, what it is recognised by, and its name', () => {
    const text = `${head}  one: { connection: plant, profile: eastron/sdm630, points: { voltage_l1: { value: 231 } } }\n`
    const unit = settingsOf(text).connections[0]?.units[0] ?? assert.fail()
    const byName = new Map(unit.points.map((one) => [one.point.name, one]))
    assert.deepEqual(byName.get('voltage_l1')?.value, { kind: 'fixed', value: 231 })
    assert.deepEqual(byName.get('identity_0')?.value, { kind: 'fixed', value: 112 })
    assert.ok(unit.points.length > 20 && unit.identity[1] === 'eastron/sdm630')
  })

  it('the example is right', () => {
    const { settings, warnings } = loadSimulation('examples/simulator.yaml')
    assert.deepEqual([warnings, settings.connections.length], [[], 2])
  })
})

/** Place, path and message of each problem. */
function problemsOf(text: string): string {
  try {
    parseSimulation(text, 'sim.yaml')
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return error.problems.map((one) => `${one.file}:${one.line}:${one.column} ${one.path}: ${one.message}`).join('\n')
  }
  return 'nothing is wrong'
}

function settingsOf(text: string): SimulationSettings {
  return parseSimulation(text, 'sim.yaml').settings
}

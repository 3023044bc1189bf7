/** What `tidegate simulate` shows, and how it ends. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { SimulationFacts } from '../../src/cli/simulate/facts.ts'
import { progressText, summaryLines } from '../../src/cli/simulate/screen.ts'
import { emptyFolder, runTidegate } from '../support/program.ts'

function facts(seconds: number, requests: number, faults: Readonly<Record<string, number>> = {}): SimulationFacts {
  const connection = { name: 'plant', type: 'modbus-tcp', address: '127.0.0.1:1502', clients: 1 }
  const played = Object.values(faults).reduce((sum, count) => sum + count, 0)
  return {
    seconds,
    requests,
    exceptions: 2,
    faults: played,
    connections: [{ ...connection, unknownUnits: 3, broadcasts: 0, noise: 1, collisions: 0 }],
    devices: [
      { name: 'meter', connection: 'plant', unitId: 1, requests: requests - 10, exceptions: 0, faults: {} },
      { name: 'boiler', connection: 'plant', unitId: 2, requests: 10, exceptions: 2, faults },
    ],
  }
}

const simulation = (port: string) =>
  `version: 1\nconnections:\n  plant: { type: modbus-tcp, port: ${port} }\ndevices:\n  one: { connection: plant, points: { x: { address: 0, type: uint16 } } }\n`

describe('tidegate simulate', () => {
  it('shows requests per second, exceptions and faults, by device', () => {
    assert.equal(
      progressText(facts(2, 20), facts(4, 60, { crc: 4, late: 1 })),
      '4.0 s  20 requests/s  2 exceptions  5 faults  meter 20/s  boiler 0.0/s crc 4 late 1',
    )
  })

  it('sums up in the end, with what was odd', () => {
    assert.deepEqual(summaryLines(facts(41, 1_514, { dead: 40 })), [
      'DEVICE  unit  requests  exceptions  faults',
      'meter      1     1 504           0  -',
      'boiler     2        10           2  dead 40',
      'plant: 3 requests to units that are not there, 1 byte that was no request',
      '1 514 requests in 41 s.',
    ])
  })

  it('ends with 78 and the place of every error when the file is wrong', async (t) => {
    const file = join(emptyFolder(t), 'simulation.yaml')
    writeFileSync(file, simulation('0').replace('modbus-tcp', 'modbus-tpc'))
    const { status, stdout, stderr } = await runTidegate(t, ['simulate', file])
    assert.deepEqual([status, stdout], [78, ''])
    assert.match(stderr, /simulation\.yaml:3:18 {2}connections\.plant\.type .*did you mean "modbus-tcp"/)
  })

  it('ends with 2 for a duration that is none', async (t) => {
    const { status, stderr } = await runTidegate(t, ['simulate', 'x.yaml', '--for', '10'])
    assert.equal(status, 2)
    assert.match(stderr, /--for 10: 10 is a duration without a unit\nTry: write 10s/)
  })

  it('ends with 1 and what to do when it cannot serve', async (t) => {
    const file = join(emptyFolder(t), 'simulation.yaml')
    const line = '{ type: modbus-rtu, port: /nowhere, line: 9600 8N1 }'
    writeFileSync(
      file,
      simulation('0').replace('{ type: modbus-tcp, port: 0 }', line).replace('one: {', 'one: { unit_id: 1,'),
    )
    const { status, stderr } = await runTidegate(t, ['simulate', file])
    assert.equal(status, 1)
    assert.match(
      stderr,
      /opening \/nowhere: no such port\nTry: plug in the adapter, or make a pair of ports with: socat/,
    )
  })
})

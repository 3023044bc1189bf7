/** What `probe`, `scan` and `plan` print, from made-up facts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planText } from '../../../src/cli/devices/plan-text.ts'
import { type Probed, probeDocument, probeText } from '../../../src/cli/devices/probe-text.ts'
import { readText } from '../../../src/cli/devices/read-text.ts'
import { type Scanned, scanDocument, scanText } from '../../../src/cli/devices/scan-text.ts'
import type { PlannedConnection } from '../../../src/device-api.ts'

const volts: Probed = {
  connection: 'bus-a',
  unitId: 1,
  place: { register: 'input', address: 0 },
  count: 2,
  tookMs: 38.2,
  bytes: Buffer.from('43668000', 'hex'),
  higher: { bytes: Buffer.from('80004365', 'hex') },
  range: { min: 220, max: 240 },
}

function narrow(lines: readonly string[]): void {
  for (const line of lines) assert.ok(line.length <= 80, `${line.length} columns: ${line}`)
}

test('probe: every meaning side by side, what is expected marked, a line to paste, the neighbours', () => {
  const lines = probeText(volts)
  narrow(lines)
  assert.deepEqual(lines, [
    'unit 1, input registers 0..1 (datasheet 30001..30002), reply in 38 ms',
    '',
    ' ADDR  ref    hex     uint16   int16  bcd16  float16  text  bits 15..8 7..0',
    ' 0     30001  0x4366   17254   17254   4366      3.7  Cf    01000011 01100110',
    ' 1     30002  0x8000   32768  -32768   8000        0  ..    10000000 00000000',
    '',
    ' 0..1    float32      uint32        int32     bcd32',
    ' ABCD  230.5 <==  1130790912   1130790912  43668000',
    ' CDAB  -2.42e-41  2147500902  -2147466394  80004366',
    ' BADC   2.30e+23  1715667072   1715667072  66430080',
    ' DCBA   1.18e-38     8414787      8414787    806643',
    '',
    'in the expected range: float32 ABCD = 230.5',
    'Paste:  name: { register: input, address: 0, type: float32 }',
    'neighbours: one lower -> none; one higher -> 0x8000 0x4365, not in range',
  ])
  const { hits, neighbours } = probeDocument(volts)
  assert.equal(hits[0]?.paste, 'name: { register: input, address: 0, type: float32 }')
  assert.deepEqual(neighbours, { higher: { hex: '80004365' } })
})

test('probe: shifted by one, in either direction', () => {
  const place = { register: 'holding', address: 5 } as const
  const hit = { bytes: Buffer.from('43668000', 'hex') }
  const here = Buffer.from('80000000', 'hex')
  const lower = probeText({ ...volts, place, bytes: here, lower: hit, higher: { code: 'exception_2' } })
  assert.ok(lower.includes('Paste:  name: { register: holding, address: 4, type: float32 }'))
  assert.match(lower.at(-1) ?? '', /^SHIFTED BY ONE: it begins one register lower, at 4 \(datasheet 40005\)/)
  const higher = probeText({
    ...volts,
    place,
    bytes: Buffer.from('00000001', 'hex'),
    lower: { code: 'timeout' },
    higher: hit,
  })
  assert.match(higher.join('\n'), /one register higher, at 6 \(datasheet 40007\)/)
})

test('probe: nothing fits; a text; bits', () => {
  const nothing = probeText({ ...volts, range: { min: 5000, max: 5001 } })
  assert.match(nothing.at(-1) ?? '', /^nothing here is in 5000\.\.5001/)
  const { range: _, ...plain } = volts
  const text = probeText({ ...plain, count: 4, bytes: Buffer.from('Eastron\0', 'latin1') })
  narrow(text)
  assert.deepEqual(text.slice(-2), [
    'as a text: "Eastron"',
    'Paste:  name: { register: input, address: 0, type: string, length: 4 }',
  ])
  const coils = probeText({ ...plain, place: { register: 'coil', address: 3 }, count: 3, bytes: Uint8Array.of(0b101) })
  assert.deepEqual(coils.slice(3, 6), [' 3     00004      1', ' 4     00005      0', ' 5     00006      1'])
})

const bus: PlannedConnection = {
  name: 'bus-a',
  type: 'modbus-rtu',
  line: '9600 8N1',
  port: '/dev/ttyUSB0',
  state: 'open',
  busy: 0.124,
  devices: [
    {
      name: 'main-meter',
      unitId: 1,
      state: 'online',
      latencyMs: 21.4,
      missedPolls: 3,
      polls: [
        {
          intervalMs: 5000,
          reads: [
            { range: 'input 0..79', count: 80, points: ['u1', 'u2', 'u3', 'i1'], wireMs: 201.4 },
            {
              range: 'input 200',
              count: 1,
              points: ['odd'],
              wireMs: 31,
              learnt: 'not in one request with its neighbours (exception 2)',
            },
          ],
        },
        { intervalMs: 0, schedule: '0 0 * * *', reads: [{ range: 'holding 1', count: 1, points: ['day'], wireMs: 0 }] },
      ],
    },
    { name: 'scale', unitId: 2, state: 'offline', polls: [] },
  ],
}

test('plan: requests by interval or schedule, and what was learnt', () => {
  const lines = planText({ running: true, connections: [bus] })
  narrow(lines)
  assert.deepEqual(lines, [
    'bus-a   modbus-rtu   9600 8N1   open   busy 12 % of the last minute',
    '  DEVICE          every      reads        count  wire    points',
    '  main-meter (1)  5s         input 0..79     80  201 ms  u1, u2, u3 and 1 more',
    '                             input 200        1  31 ms   odd',
    '                  0 0 * * *  holding 1        1  -       day',
    '                  usually answers in 21 ms · 3 polls missed since the start',
    '  scale (2)       -          speaks by itself, or is only written to',
    '                  ! offline',
    '  main-meter input 200: not in one request with its neighbours (exception 2)',
  ])
})

test('plan and read: a device that speaks text has no unit id', () => {
  const text: PlannedConnection = {
    name: 'scales',
    type: 'serial-text',
    line: '9600 8N1',
    port: '/dev/ttyUSB1',
    devices: [{ name: 'scale', unitId: 0, polls: [] }],
  }
  assert.equal(
    planText({ running: false, connections: [text] })[2],
    '  scale   -      speaks by itself, or is only written to',
  )
  const [head] = readText({
    device: 'scale',
    connection: 'scales',
    unitId: 0,
    ts: 0,
    tookMs: 12,
    samples: [{ point: 'weight', type: 'float64', access: 'ro', value: 12.5 }],
  })
  assert.match(head ?? '', /^scale {3}scales {3}\S.*took 12 ms$/)
})

test('probe: a small number reads as one register and as two, and every line to paste is there', () => {
  const small = { place: { register: 'holding', address: 10 }, bytes: Buffer.from('00e60000', 'hex') } as const
  const lines = probeText({ ...volts, ...small, higher: { code: 'exception_2' } })
  narrow(lines.filter((line) => !/^(?:in the expected|or:|Paste:)/.test(line)))
  assert.ok(lines.includes('Paste:  name: { register: holding, address: 10, type: uint16 }'))
  assert.ok(lines.includes('or:     name: { register: holding, address: 10, type: uint32, byte_order: CDAB }'))
  assert.ok(lines.some((line) => /^One register begins anew above 65535, two go on/.test(line)))
})

test('scan: who it looks like, what is configured already, and what to paste or ask next', () => {
  const unit = { tookMs: 22.3, holding: 'exception_1', input: 'ok', texts: {} }
  const profile = { name: 'eastron/sdm630', title: 'Eastron SDM630' }
  const match = { profile, identified: false, plausible: 34, of: 34 } as never
  const scanned: Scanned = {
    connection: bus,
    words: 'bus-a',
    configured: true,
    result: {
      found: [
        { ...unit, unitId: 1, match },
        { ...unit, unitId: 5, match, line: { baud: 19200, dataBits: 8, parity: 'even', stopBits: 1 } },
        { ...unit, unitId: 7, holding: 'ok', input: 'timeout', texts: { 0: 'ACME', 1: 'PLC-7', 2: 'V1' } },
        { ...unit, unitId: 9 },
      ],
      damaged: [{ unitId: 12, known: false, code: 'crc' }],
      asked: 247,
      of: 247,
      stopped: false,
    },
  }
  const lines = scanText(scanned)
  assert.deepEqual(lines, [
    'UNIT  reply  line       looks like              plausible  suggestion',
    '   1  22 ms  9600 8N1   Eastron SDM630          34 of 34   configured: main-meter',
    '   5  22 ms  19200 8E1  Eastron SDM630          34 of 34   profile: eastron/sdm630',
    '   7  22 ms  9600 8N1   ACME PLC-7              -          tidegate probe bus-a -a 7 -r 0',
    '   9  22 ms  9600 8N1   unknown, answers input  -          tidegate probe bus-a -a 9 -t input -r 0',
    'unit 7 says of itself: ACME · PLC-7 · V1',
    'Unit 12: damaged replies. Other line settings there, or two devices with one address.',
    '',
    'Paste:',
    'devices:',
    '  sdm630-5: { connection: bus-a, unit_id: 5, profile: eastron/sdm630 }   # at line: 19200 8E1',
  ])
  const { found } = scanDocument(scanned)
  assert.deepEqual(found.map((one) => [one.unitId, one.line, one.suggestion]).slice(0, 2), [
    [1, '9600 8N1', 'configured: main-meter'],
    [5, '19200 8E1', 'profile: eastron/sdm630'],
  ])
})

test('scan: what to paste has its connection, too, when that stands in no file', () => {
  const profile = { name: 'eastron/sdm630', title: 'Eastron SDM630' }
  const match = { profile, identified: false, plausible: 34, of: 34 } as never
  const unit = { unitId: 1, tookMs: 22.3, holding: 'exception_1', input: 'ok', texts: {}, match }
  const fast = { baud: 19200, dataBits: 8, parity: 'even', stopBits: 1 } as const
  const rest = { damaged: [], asked: 1, of: 1, stopped: false }
  const pasted = (connection: PlannedConnection, found: Scanned['result']['found']) => {
    const lines = scanText({ connection, words: '--x', configured: false, result: { ...rest, found } })
    return lines.slice(lines.indexOf('Paste:') + 1)
  }
  const port: PlannedConnection = { ...bus, name: 'here', devices: [] }
  const device = '  sdm630-1: { connection: here, unit_id: 1, profile: eastron/sdm630 }'
  assert.deepEqual(pasted(port, [unit]), [
    'connections:',
    '  here: { type: modbus-rtu, port: /dev/ttyUSB0, line: 9600 8N1 }',
    'devices:',
    device,
  ])
  assert.deepEqual(pasted(port, [{ ...unit, line: fast }]), [
    'connections:',
    '  here: { type: modbus-rtu, port: /dev/ttyUSB0, line: 19200 8E1 }',
    'devices:',
    device,
  ])
  const mixed = pasted(port, [unit, { ...unit, unitId: 2, line: fast }])
  assert.equal(mixed[1], '  here: { type: modbus-rtu, port: /dev/ttyUSB0, line: 9600 8N1 }')
  assert.match(mixed[4] ?? '', /^ {2}sdm630-2: .* # at line: 19200 8E1$/)
  const socket = { ...port, type: 'modbus-tcp', line: '[fe80::1]:502', host: 'fe80::1', port: 502 }
  assert.equal(pasted(socket, [unit])[1], '  here: { type: modbus-tcp, host: "fe80::1", port: 502 }')
})

test('read --raw: of a long text the first words, and how many more there are', () => {
  const common = { access: 'ro', register: 'holding', byteOrder: 'ABCD' } as const
  const lines = readText({
    device: 'inverter',
    connection: 'lan',
    unitId: 1,
    ts: 0,
    tookMs: 12,
    samples: [
      { ...common, point: 'model', type: 'string', address: 40020, value: 'SE10K', raw: '5345'.repeat(16) },
      { ...common, point: 'volts', type: 'float32', address: 0, value: 230.5, raw: '43668000' },
    ],
  })
  narrow(lines)
  assert.match(lines[2] ?? '', / 0x5345 0x5345 0x5345 0x5345 \+12 {2}/)
  assert.match(lines[3] ?? '', / 0x4366 0x8000 {2}/)
})

test('scan: nobody answers', () => {
  const result = { found: [], damaged: [], asked: 247, of: 247, stopped: false }
  const serial = scanText({ connection: bus, words: '--port /dev/ttyUSB0', configured: false, result })
  assert.match(
    serial.join('\n'),
    /^Nobody answers\.\nA and B swapped\?[\s\S]*tidegate scan --port \/dev\/ttyUSB0 --lines "/,
  )
  const socket: PlannedConnection = { ...bus, type: 'modbus-tcp', line: '10.0.0.1:502', host: '10.0.0.1', port: 502 }
  const tcp = scanText({ connection: socket, words: 'plc', configured: true, result })
  assert.match(tcp.join('\n'), /right address \(10\.0\.0\.1:502\)/)
})

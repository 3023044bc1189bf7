import { systemClock } from '../../../src/clock.ts'
import { createDriver } from '../../../src/drivers/catalog.ts'
import { driverConformance } from '../../conformance/driver.ts'
import { bytesOf } from '../../support/bus.ts'
import { deviceWith, pointWith, textSettings } from '../../support/bus-settings.ts'
import { binarySettings, latin1, ScriptedLine } from '../../support/instrument.ts'

const TIMEOUT_MS = 40

/** `say`: what the instrument says when asked, or by itself every 5 ms. */
function rigOn(line: ScriptedLine, say: { readonly asked?: Uint8Array; readonly unasked?: Uint8Array }) {
  let muted = false
  const ended = new AbortController()
  line.script = () => (say.asked && !muted ? [{ afterMs: 1, bytes: say.asked }] : [])
  const talk = async () => {
    while (say.unasked && !ended.signal.aborted) {
      if (!muted) line.say(say.unasked)
      await systemClock.wait(5, ended.signal)
    }
  }
  const talking = talk()
  return {
    mute: (silent: boolean) => {
      muted = silent
    },
    sever: (severed: boolean) => {
      if (severed) line.unplug()
      else line.plugged = true
    },
    close: async () => {
      ended.abort()
      await talking
    },
  }
}

const scale = deviceWith({
  name: 'scale',
  pattern: '^S (?<stable>[SD])\\s+(?<weight>[\\d.]+) kg$',
  points: [pointWith({ name: 'weight', type: 'number' }), pointWith({ name: 'stable', type: 'string' })],
})
const weighed = { weight: 12.5, stable: 'S' }
const asked = { ...scale, request: latin1('SI\r\n') }

driverConformance(
  'serial-text, asked',
  async () => {
    const line = new ScriptedLine(systemClock)
    return {
      driver: createDriver(textSettings([asked], { timeoutMs: TIMEOUT_MS }), { openPort: () => line.openPort }),
      device: asked,
      expected: weighed,
      ...rigOn(line, { asked: latin1('S S    12.5 kg\r\n') }),
    }
  },
  { readOnly: true },
)

driverConformance(
  'serial-text with NMEA checksums',
  async () => {
    const line = new ScriptedLine(systemClock)
    const wind = deviceWith({
      name: 'wind',
      pattern: '^\\$..MWV,(?<angle>[\\d.]*),R,(?<speed>[\\d.]*),',
      points: [pointWith({ name: 'angle', type: 'number' }), pointWith({ name: 'speed', type: 'number' })],
    })
    return {
      driver: createDriver(textSettings([wind], { checksum: 'nmea' }), { openPort: () => line.openPort }),
      device: wind,
      expected: { angle: 214.8, speed: 7.2 },
      ...rigOn(line, { unasked: latin1('$WIMWV,214.8,R,7.2,M,A*2A\r\n$WIMWV,1,R,9,M,A*00\r\n') }),
    }
  },
  { listens: true, readOnly: true },
)

const frame = {
  startsWith: bytesOf('FF'),
  length: { fixed: 9 },
  checksum: { kind: 'complement8', from: 1, behind: 0, littleEndian: false },
} as const
const co2 = deviceWith({
  name: 'co2',
  points: [
    pointWith({ name: 'ppm', type: 'uint16', address: 2 }),
    pointWith({ name: 'celsius', type: 'uint8', address: 4, offset: -40 }),
  ],
})
const measured = { ppm: 449, celsius: 20 }
const co2Frame = bytesOf('FF 86 01 C1 3C 04 3C C1 7B')

driverConformance(
  'serial-binary',
  async () => {
    const line = new ScriptedLine(systemClock)
    return {
      driver: createDriver(binarySettings([co2], { frame }), { openPort: () => line.openPort }),
      device: co2,
      expected: measured,
      ...rigOn(line, { unasked: co2Frame }),
    }
  },
  { listens: true, readOnly: true },
)

driverConformance(
  'serial-binary, asked',
  async () => {
    const line = new ScriptedLine(systemClock)
    const device = { ...co2, request: bytesOf('FF 01 86 00 00 00 00 00 79') }
    return {
      driver: createDriver(binarySettings([device], { frame, timeoutMs: TIMEOUT_MS }), {
        openPort: () => line.openPort,
      }),
      device,
      expected: measured,
      ...rigOn(line, { asked: co2Frame }),
    }
  },
  { readOnly: true },
)

/** The bundled profiles as they are: where they come from, that their points can live together, what they cost to read. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { formatProblems } from '../../src/config/problem.ts'
import { limitsOf, plan } from '../../src/drivers/modbus/plan.ts'
import { widthOf } from '../../src/point-types.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import { rtuSettings, tcpSettings } from '../support/bus-settings.ts'
import { bundledFile, bundledNames, loadWith } from './bundled.ts'
import { images } from './images.ts'

const units = ['V', 'A', 'W', 'VA', 'var', 'Hz', '°', '°C', '%', 's', 'Ah', 'Wh', 'kWh', 'kvarh', 'kVAh']
/** Numbers that stand for something else have no range that a sound device stays in. */
const codes = ['state_vendor', 'events']
/** A device is asked about so few points first. */
const ESSENTIAL_MAX = 5
/** Of one reading of all points, at 9600 baud too. */
const REQUESTS_MAX = 9

describe('every bundled profile', () => {
  for (const name of bundledNames()) {
    const text = readFileSync(bundledFile(name), 'utf8')
    const file = parse(text) as {
      title: string
      source: string
      points: Record<string, { essential?: boolean; plausible?: string }>
    }
    describe(name, () => {
      it('loads without a remark', () => {
        const { warnings } = loadWith(name, 502)
        assert.equal(formatProblems(warnings), '')
        assert.deepEqual(
          deviceOf(name)
            .points.map((point) => point.name)
            .sort(),
          Object.keys(file.points).sort(),
        )
      })

      it('names the document it was made from, with an address', () => {
        assert.match(file.source, /https:\/\/\S+$/)
        assert.ok(file.source.length > 60, 'a document, its version, and where it is')
        assert.ok(file.title.length >= 6)
      })

      it('is only read, and says of each number what a sound device shows', () => {
        for (const point of deviceOf(name).points) {
          assert.equal(point.access, 'ro', point.name)
          if (point.unit !== undefined) assert.ok(units.includes(point.unit), `${point.name}: ${point.unit}`)
          if (point.type === 'string' || codes.includes(point.name)) continue
          assert.ok(point.plausible, `${point.name} has no plausible range`)
        }
      })

      it('counts energies that only grow, and nothing else', () => {
        for (const { name: point, kind } of deviceOf(name).points) {
          const grows = /(^|_)energy_(im|ex)port|^apparent_energy|^energy$/.test(point) && !isNetOfUmg(name, point)
          assert.equal(kind, grows ? 'counter' : 'gauge', point)
        }
      })

      it('marks the few points to ask first', () => {
        const essential = Object.values(file.points).filter((point) => point.essential)
        assert.ok(essential.length >= 2 && essential.length <= ESSENTIAL_MAX, `${essential.length}`)
        assert.ok(essential.every((point) => point.plausible !== undefined))
      })

      it('has no two points in one place', () => {
        const spans = deviceOf(name)
          .points.map(spanOf)
          .sort((a, b) => a.start - b.start)
        spans.forEach((span, index) => {
          const next = spans[index + 1]
          if (next) assert.ok(span.end <= next.start, `${span.point} and ${next.point} overlap`)
        })
      })

      it('asks for no more registers than the device gives', () => {
        const device = deviceOf(name)
        for (const point of device.points) assert.ok(widthOf(point) <= device.registersMax, point.name)
        for (const settings of [tcpSettings([device]), rtuSettings([device])]) {
          const requests = plan(device.points, limitsOf(settings, device))
          assert.ok(requests.every(({ count }) => count <= device.registersMax))
          assert.ok(requests.length <= REQUESTS_MAX, `${requests.length} requests over ${settings.type}`)
        }
      })

      it('shows plausible values in its own image', () => {
        const points = new Map(deviceOf(name).points.map((point) => [point.name, point]))
        for (const { expected } of images.filter(({ profile }) => profile === name)) {
          for (const [point, value] of Object.entries(expected)) {
            const range = points.get(point)?.plausible
            if (typeof value === 'number' && range) assert.ok(value >= range.min && value <= range.max, point)
          }
        }
      })
    })
  }
})

/** The UMG counts consumed and delivered energy, and the difference of both under this name. */
function isNetOfUmg(profile: string, point: string): boolean {
  return profile === 'janitza/umg604' && point === 'energy'
}

function deviceOf(name: string): DeviceSettings {
  const device = loadWith(name, 502).settings.connections[0]?.devices[0]
  assert.ok(device)
  return device
}

/** Registers from `start` up to `end`, in one row with those of the other tables. */
function spanOf(point: PointSettings): { point: string; start: number; end: number } {
  const start = point.address + (point.register === 'input' ? 65_536 : 0)
  return { point: point.name, start, end: start + widthOf(point) }
}

/** docs/profiles.md: its examples are what the program takes, its list is the list. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseSettings } from '../../src/config/load.ts'
import { loadProfile } from '../../src/config/profiles.ts'
import { blocksOf, pageText } from '../docs/pages.ts'
import { emptyFolder } from '../support/program.ts'
import { bundledFolder, bundledNames } from './bundled.ts'

const page = pageText('docs/profiles.md')
const yaml = blocksOf(page)
  .filter(({ language }) => language === 'yaml')
  .map(({ text }) => text)
const devices = yaml.filter((text) => text.startsWith('devices:'))
const profiles = yaml.filter((text) => text.startsWith('profile:'))

const around = `version: 1
connections:
  bus-a: { type: modbus-rtu, port: /dev/ttyUSB0, line: 9600 8N1 }
uplinks:
  cloud: { type: mqtt, url: mqtt://127.0.0.1 }
`

describe('the page about profiles', () => {
  it('has its examples', () => {
    assert.deepEqual([devices.length, profiles.length], [2, 1])
  })

  for (const [index, text] of devices.entries()) {
    it(`device ${index + 1} loads`, () => {
      const options = { profileFolders: [bundledFolder], serialFolder: '/nonexistent' }
      const { settings } = parseSettings(around + text, 'page.yaml', options)
      const points = settings.connections[0]?.devices[0]?.points ?? []
      assert.ok(points.some(({ name }) => name === 'voltage_l1'))
      if (index === 0) return
      const byName = new Map(points.map((point) => [point.name, point]))
      assert.equal(byName.get('power')?.scale, -1, 'invert')
      assert.equal(byName.get('energy_import')?.intervalMs, 300_000)
      assert.equal(byName.get('voltage_l1')?.report?.atLeastEveryMs, 60_000)
      assert.equal(byName.get('password_lock')?.address, 24, 'a point that the profile has not')
      assert.equal(byName.has('energy_import_l1'), false, 'exclude')
      assert.equal(byName.has('frequency'), false, 'include')
    })
  }

  it('the profile loads without a remark', (t) => {
    const folder = emptyFolder(t)
    mkdirSync(join(folder, 'ours'))
    writeFileSync(join(folder, 'ours', 'rk4.yaml'), profiles[0] ?? '')
    const { points, warnings, identify } = loadProfile('ours/rk4', { folders: [folder] })
    assert.deepEqual([points.length, warnings.length, identify.length], [4, 0, 1])
  })

  it('lists the bundled ones as they are', () => {
    const rows = [...page.matchAll(/^\| `([\w/-]+)` \| (.+) \| (\d+) \|$/gm)].map(([, name, title, points]) => ({
      name,
      title,
      points: Number(points),
    }))
    const expected = bundledNames().map((name) => {
      const { title, points } = loadProfile(name, { folders: [bundledFolder] })
      return { name, title, points: points.length }
    })
    assert.deepEqual(rows, expected)
  })
})

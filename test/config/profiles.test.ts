/** Device profiles: where they are found, what they say, and what a configuration may change about them. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { glob } from '../../src/config/glob.ts'
import { parseSettings } from '../../src/config/load.ts'
import { overlay } from '../../src/config/overlay.ts'
import { ConfigInvalid } from '../../src/config/problem.ts'
import { listProfiles, loadProfile, profileFolders } from '../../src/config/profiles.ts'
import { GatewayError } from '../../src/errors.ts'
import { emptyFolder } from '../support/program.ts'

const sample = fileURLToPath(new URL('../cases/config/good-profile/profiles', import.meta.url))
const text = readFileSync(join(sample, 'acme', 'meter.yaml'), 'utf8')

/** A folder with these profiles in it. */
function folderWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = emptyFolder(t)
  for (const [name, content] of Object.entries(files)) {
    const file = join(folder, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  return folder
}

function titled(title: string): string {
  return text.replace('ACME meter', title)
}

describe('a profile', () => {
  test('says what its file says, with defaults', () => {
    const profile = loadProfile('acme/meter', { folders: [sample] })
    assert.equal(profile.title, 'ACME meter')
    assert.equal(profile.unitId, 5)
    assert.deepEqual(profile.lines[0], { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 })
    assert.deepEqual(profile.defaults, {
      intervalMs: 30_000,
      byteOrder: 'CDAB',
      registersMax: 40,
      holeMax: 4,
      onePointPerRequest: true,
    })
    const [voltage] = profile.points
    assert.deepEqual(voltage?.plausible, { min: 80, max: 300 })
    assert.deepEqual([voltage?.essential, voltage?.register, voltage?.byteOrder], [true, 'input', 'CDAB'])
    assert.equal(profile.points[1]?.essential, undefined)
    assert.deepEqual(
      profile.identify.map(({ point, equals }) => [point.address, point.type, equals]),
      [
        [64_515, 'uint16', [112, 113]],
        [10, 'string', ['ACME']],
      ],
    )
    assert.deepEqual(profile.warnings, [])
  })

  test('warns of what is allowed but odd, with its own line', (t) => {
    const folder = folderWith(t, { 'odd.yaml': text.replace('ref: 30003', 'ref: 30002') })
    const [warning] = loadProfile('odd', { folders: [folder] }).warnings
    assert.match(warning?.message ?? '', /begins inside voltage_l1/)
    assert.equal(warning?.line, text.split('\n').findIndex((line) => line.includes('voltage_l2')) + 1)
  })

  test('that is damaged anywhere is good or refused with a place in it', (t) => {
    const folder = folderWith(t, { 'x.yaml': text })
    const words = text.match(/[\w.+-]+/g) ?? []
    const odd = fc.constantFrom('', '~', '-1', '[]', '{}', '{a: 1}', '"', '*x', '<<', '__proto__', '0x', ': ')
    fc.assert(
      fc.property(fc.nat(), fc.oneof(odd, fc.constantFrom(...words)), (index, other) => {
        const at = [...text.matchAll(/[\w.+-]+/g)][index % words.length]
        const start = at?.index ?? 0
        const changed = text.slice(0, start) + other + text.slice(start + (at?.[0].length ?? 0))
        writeFileSync(join(folder, 'x.yaml'), changed)
        assert.equal(listProfiles({ folders: [folder] }).length, 1)
        try {
          loadProfile('x', { folders: [folder] })
        } catch (error) {
          assert.ok(error instanceof ConfigInvalid, String(error))
          for (const { line, message } of error.problems) {
            assert.ok(line >= 1 && line <= changed.split('\n').length + 1, message)
            assert.doesNotMatch(message, /undefined|\[object|Error:/)
          }
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('where a profile is found', () => {
  test('beside the configuration first, then on the machine, then in the program', () => {
    const [beside, machine, bundled, ...more] = profileFolders('/etc/plant')
    assert.deepEqual([beside, machine, more], ['/etc/plant/profiles', '/etc/tidegate/profiles', []])
    assert.ok(bundled?.endsWith('/profiles'))
    assert.deepEqual(profileFolders(), [machine, bundled])
    assert.equal(loadProfile('eastron/sdm630').file, join(bundled ?? '', 'eastron', 'sdm630.yaml'))
  })

  test('a configuration takes the one beside it before one of the same name', (t) => {
    const folder = folderWith(t, { 'profiles/eastron/sdm630.yaml': text })
    const config = `
version: 1
gateway: { id: gw }
connections: { lan: { type: modbus-tcp, host: 127.0.0.1 } }
devices: { meter: { connection: lan, profile: eastron/sdm630 } }
uplinks: { cloud: { type: mqtt, url: mqtt://127.0.0.1 } }
`
    const { settings } = parseSettings(config, join(folder, 'config.yaml'))
    assert.equal(
      settings.connections[0]?.devices[0]?.points.length,
      loadProfile('acme/meter', { folders: [sample] }).points.length,
    )
  })

  test('the first folder with the name counts, and the list says so', (t) => {
    const one = folderWith(t, { 'acme/meter.yaml': titled('first'), 'own.yaml': titled('own') })
    const two = folderWith(t, { 'acme/meter.yaml': titled('second'), 'acme/other.yaml': titled('other') })
    const folders = ['/nonexistent', one, two]
    assert.deepEqual(
      listProfiles({ folders }).map(({ name, title }) => [name, title]),
      [
        ['acme/meter', 'first'],
        ['acme/other', 'other'],
        ['own', 'own'],
      ],
    )
    assert.equal(loadProfile('acme/meter', { folders }).title, 'first')
    assert.equal(loadProfile('own', { folders }).file, join(one, 'own.yaml'))
  })

  test('what is no profile is not listed, and a broken one is, without a title', (t) => {
    const folder = folderWith(t, {
      'acme/broken.yaml': 'title: "never closed',
      'acme/empty.yaml': '',
      'acme/odd.yaml': 'title: { a: 1 }\nsource: 5',
      'acme/notes.txt': 'x',
      '.git/config.yaml': 'x',
      'acme/deep/er.yaml': text,
    })
    assert.deepEqual(
      listProfiles({ folders: [folder] }).map(({ name, title, source }) => [name, title, source]),
      [
        ['acme/broken', '', ''],
        ['acme/empty', '', ''],
        ['acme/odd', '', ''],
      ],
    )
  })

  test('a name that leads nowhere, or out of the folders, is refused with the nearest one', (t) => {
    const folders = [folderWith(t, { 'in/acme/meter.yaml': text }), sample]
    const said = (name: string) => {
      try {
        return loadProfile(name, { folders }).file
      } catch (error) {
        assert.ok(error instanceof GatewayError && error.code === 'unknown_profile', String(error))
        return error.message
      }
    }
    assert.equal(said('acme/metre'), 'there is no profile "acme/metre"; did you mean "acme/meter"?')
    assert.equal(said('METER'), 'there is no profile "METER"; did you mean "acme/meter"?')
    for (const name of ['../acme/meter', 'acme/../acme/meter', '/etc/passwd', 'in/acme/meter', 'acme', '', 'acme/']) {
      assert.match(said(name) ?? '', /^there is no profile "/, name)
    }
  })
})

describe('what a configuration changes about a point', () => {
  const base = { ref: 30013, type: 'float32', unit: 'W', interval: '1m', report: 'on_change', deadband: 2 }
  const cases: readonly [string, object, object, object][] = [
    ['one key of many', base, { unit: 'kW' }, { ...base, unit: 'kW' }],
    ['another ref', base, { ref: 30015 }, { ...base, ref: 30015 }],
    ['ref instead of address', { register: 'input', address: 3 }, { ref: 30015 }, { ref: 30015 }],
    [
      'address in the table of the ref',
      { ref: 30013, unit: 'W' },
      { address: 14 },
      { register: 'input', address: 14, unit: 'W' },
    ],
    [
      'register at the address of the ref',
      { ref: 30013 },
      { register: 'holding' },
      { register: 'holding', address: 12 },
    ],
    ['schedule instead of interval', { interval: '1m' }, { schedule: '0 6 * * *' }, { schedule: '0 6 * * *' }],
    ['interval instead of schedule', { schedule: '0 6 * * *' }, { interval: '1m' }, { interval: '1m' }],
    ['another type', { type: 'bits', bit: 1, width: 2, unit: 'W' }, { type: 'int16' }, { type: 'int16', unit: 'W' }],
    [
      'every reading',
      { report: 'on_change', deadband: 2, at_least_every: '1m' },
      { report: 'always' },
      { report: 'always' },
    ],
    ['nothing', base, {}, base],
  ]
  for (const [what, before, own, after] of cases) {
    test(what, () => assert.deepEqual(overlay({ ...before }, own), after))
  }

  test('what is no block at all stays wrong', () => {
    for (const own of [5, null, 'x', [1]]) assert.equal(overlay(base, own), own)
  })
})

describe('globs', () => {
  test('a star is any text, a question mark one character, everything else itself', () => {
    const names = ['voltage_l1', 'voltage_l2', 'voltage_l1_l2', 'power', 'power.max']
    const chosen = (pattern: string) => names.filter(glob(pattern))
    assert.deepEqual(chosen('voltage_l?'), ['voltage_l1', 'voltage_l2'])
    assert.deepEqual(chosen('voltage*'), ['voltage_l1', 'voltage_l2', 'voltage_l1_l2'])
    assert.deepEqual(chosen('*l2'), ['voltage_l2', 'voltage_l1_l2'])
    assert.deepEqual(chosen('power'), ['power'])
    assert.deepEqual(chosen('power.*'), ['power.max'])
    assert.deepEqual(chosen('*'), names)
    assert.deepEqual(chosen('volt'), [])
    assert.deepEqual(chosen(''), [])
  })

  test('matches what the regular expression of the same meaning matches', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
    fc.assert(
      fc.property(letters, fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), (pattern, name) => {
        const meaning = new RegExp(`^${pattern.replace(/\*+/g, '.*').replaceAll('?', '.')}$`)
        assert.equal(glob(pattern)(name), meaning.test(name))
      }),
    )
  })

  test('many stars take no time', () => {
    assert.equal(glob(`${'*a'.repeat(31)}b`)('a'.repeat(64)), false)
  })
})

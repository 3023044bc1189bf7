/** `tidegate profiles`, `show` and `test`, as people call them. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { profileScreen } from '../../src/cli/profiles/show.ts'
import { parseSettings } from '../../src/config/load.ts'
import { loadProfile } from '../../src/config/profiles.ts'
import { ModbusServer } from '../../src/drivers/simulator/modbus-server.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import { emptyFolder, repository, runTidegate, start } from '../support/program.ts'
import { bundledFolder, bundledNames } from './bundled.ts'

const own = `profile: 1
title: A thing of ours
source: our own drawing 12
unit_id: 17
points:
  level: { address: 0, type: uint16, unit: '%', plausible: 0..100, essential: true }
`

/** A folder with a configuration that is never read, and a profile beside it. */
function folderWith(test: TestContext, name: string, profile: string): string {
  const folder = emptyFolder(test)
  const file = join(folder, 'profiles', `${name}.yaml`)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, profile)
  return folder
}

describe('tidegate profiles', () => {
  it('lists what is bundled and what is beside the configuration', async (t) => {
    const folder = folderWith(t, 'ours/thing', own)
    const config = join(folder, 'config.yaml')
    const { status, stdout } = await runTidegate(t, ['profiles', '--config', config])
    assert.equal(status, 0)
    for (const name of bundledNames()) assert.match(stdout, new RegExp(`^${name} +\\S.*$`, 'm'))
    assert.match(stdout, /^ours\/thing +A thing of ours +\/.*ours\/thing\.yaml$/m)
    const { stdout: json } = await runTidegate(t, ['profiles', '--config', config, '--json'])
    const names = (JSON.parse(json) as { name: string }[]).map(({ name }) => name)
    assert.deepEqual(names, [...bundledNames(), 'ours/thing'].sort())
  })

  it('one that is wrong is marked, with the command that says what is wrong: status 1', async (t) => {
    const folder = folderWith(t, 'ours/bad', own.replace('uint16', 'unit16'))
    const { status, stdout } = await runTidegate(t, ['profiles', '--config', join(folder, 'config.yaml')])
    assert.equal(status, 1)
    assert.match(stdout, /^ours\/bad +! 1 problem: tidegate profiles show ours\/bad/m)
  })

  it('one that is being written is found from the folder it is written in', async (t) => {
    const folder = folderWith(t, 'thing', own)
    const words = [process.execPath, join(repository, 'bin', 'tidegate.mjs'), 'profiles', 'show', 'thing']
    const { status, stdout } = await start(t, words, { cwd: folder }).ended
    assert.equal(status, 0)
    assert.match(stdout, /^thing {3}A thing of ours/)
  })

  it('an option in front of a word is refused', async (t) => {
    const { status, stderr } = await runTidegate(t, ['profiles', '--json', 'show', 'xy/md02'])
    assert.deepEqual([status, stderr], [2, 'Error: --json stands before the word it belongs to\nTry: put it behind\n'])
  })

  it('a profile that is not there is told, with the nearest name', async (t) => {
    for (const words of [['show'], ['test', '--tcp', '127.0.0.1:1', '-a', '1']]) {
      const [command = '', ...more] = words
      const { status, stderr } = await runTidegate(t, ['profiles', command, 'eastron/sdm360', ...more])
      assert.equal(status, 2)
      assert.match(stderr, /there is no profile "eastron\/sdm360"; did you mean "eastron\/sdm[36][36]0"\?/)
    }
  })

  it('a mistake in a profile has its line and column', async (t) => {
    const folder = folderWith(t, 'ours/thing', own.replace('uint16', 'unit16'))
    const { status, stderr } = await runTidegate(t, [
      'profiles',
      'show',
      'ours/thing',
      '--config',
      `${folder}/config.yaml`,
    ])
    assert.equal(status, 78)
    assert.match(stderr, /ours\/thing\.yaml:6:30/)
  })

  for (const name of bundledNames()) {
    it(`show ${name}: what it says to paste is a configuration`, () => {
      const screen = profileScreen(loadProfile(name, { folders: [bundledFolder] }))
      const pasted = screen.slice(screen.indexOf('connections:')).join('\n').replace('unit_id: N', 'unit_id: 5')
      const text = `version: 1\n${pasted}\nuplinks:\n  cloud: { type: mqtt, url: mqtt://127.0.0.1 }\n`
      const { settings } = parseSettings(text, 'pasted.yaml', {
        profileFolders: [bundledFolder],
        serialFolder: '/nonexistent',
      })
      assert.equal(settings.connections[0]?.devices[0]?.profile, name)
      assert.ok(Object.keys((parse(text) as { devices: object }).devices)[0])
      for (const { name: point } of settings.connections[0]?.devices[0]?.points ?? []) {
        assert.ok(
          screen.some((line) => new RegExp(`^[* ] ${point} `).test(line)),
          point,
        )
      }
    })
  }

  it('show --json has everything for programs', async (t) => {
    const { status, stdout } = await runTidegate(t, ['profiles', 'show', 'abb/b23', '--json'])
    assert.equal(status, 0)
    const { name, unitId, points } = JSON.parse(stdout) as { name: string; unitId: number; points: { name: string }[] }
    assert.deepEqual([name, unitId, points[0]?.name], ['abb/b23', 1, 'energy_import'])
  })
})

/** A meter such as the profile eastron/sdm120 describes, with another model code when one is given. */
async function meter(test: TestContext, given: { volts?: number; code?: number } = {}): Promise<string> {
  const { volts = 230.5, code = 32 } = given
  const { points } = loadProfile('eastron/sdm120', { folders: [bundledFolder] })
  const unit = new SimulatedUnit(
    1,
    points.map(({ name, register, address, type }) => ({
      register,
      address,
      type,
      value: name === 'voltage' ? volts : name === 'frequency' ? 50 : 1,
    })),
  )
  unit.setWord('holding', 0xfc02, code)
  const server = await ModbusServer.start([unit])
  test.after(() => server.close())
  return `127.0.0.1:${server.port}`
}

function tried(test: TestContext, place: string, ...more: readonly string[]) {
  const words = ['profiles', 'test', 'eastron/sdm120', '--tcp', place, '--state-dir', emptyFolder(test), ...more]
  return runTidegate(test, words)
}

describe('tidegate profiles test', () => {
  it('a device that fits: every point, and status 0', async (t) => {
    const { status, stdout } = await tried(t, await meter(t))
    assert.match(stdout, /^\* voltage +230\.5 V +80\.\.300$/m)
    assert.match(stdout, /^the device says that it is this model$/m)
    assert.match(stdout, /^13 of 13 points plausible$/m)
    assert.equal(status, 0)
  })

  it('an essential value that no sound device shows: status 1', async (t) => {
    const { status, stdout } = await tried(t, await meter(t, { volts: 23.05 }), '--json')
    const { fits, plausible, of, model } = JSON.parse(stdout) as Record<string, unknown>
    assert.deepEqual([status, fits, plausible, of, model], [1, false, 12, 13, 'same'])
  })

  it('another model with the same registers: status 1', async (t) => {
    const { status, stdout } = await tried(t, await meter(t, { code: 43 }))
    assert.match(stdout, /^! the device says that it is another model$/m)
    assert.match(stdout, /^13 of 13 points plausible; it does not fit$/m)
    assert.equal(status, 1)
  })

  it('nobody there: the code once, and where to go on', async (t) => {
    const place = await meter(t)
    const { status, stdout } = await tried(t, place, '--unit', '9', '--timeout', '50ms')
    assert.equal(status, 1)
    assert.match(stdout, /^! timeout: no reply$/m)
    assert.match(stdout, new RegExp(`^next: {2}tidegate scan --tcp ${place}$`, 'm'))
  })

  it('a profile without a unit needs one', async (t) => {
    const words = ['profiles', 'test', 'victron/gx-battery', '--tcp', '127.0.0.1:1']
    const { status, stderr } = await runTidegate(t, words)
    assert.deepEqual([status, stderr], [2, 'Error: the profile victron/gx-battery names no unit\nTry: add --unit N\n'])
  })
})

/** The package for the machine the tests run on: built, unpacked, installed into a folder, started without any Node around. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { emptyFolder, type Running, start } from '../support/program.ts'
import { siteYaml } from '../support/site.ts'
import { until } from '../support/until.ts'
import { type BuiltPackage, buildPackage } from './build-package.ts'

const target = process.arch === 'arm64' ? 'arm64' : 'amd64'

describe(`the package for ${target}`, { skip: process.platform !== 'linux' && 'packages are for Linux' }, () => {
  let built: BuiltPackage
  before(() => {
    built = buildPackage(target, { SOURCE_DATE_EPOCH: '1767225600' })
  })
  after(() => built.remove())

  /** Starts the unpacked program with a PATH that holds nothing but what the launcher itself needs. */
  function startPackaged(test: TestContext, words: readonly string[], folder = built.folder): Running {
    const path = emptyFolder(test)
    symlinkSync('/bin/readlink', join(path, 'readlink'))
    return start(test, ['/bin/sh', join(folder, 'bin', 'tidegate'), ...words], { env: { PATH: path }, cwd: path })
  }

  test('it answers version on a machine without Node and npm', async (t) => {
    const { status, stdout, stderr } = await startPackaged(t, ['version', '--json']).ended
    assert.deepEqual([status, stderr], [0, ''])
    const facts = JSON.parse(stdout) as Record<string, string>
    assert.equal(basename(built.folder), `tidegate-${facts['version']}-linux-${target}`)
    assert.match(facts['sqlite'] ?? '', /^3\./)
  })

  test('it finds the example that it brings good, with the profile in it, and the same errors as the checkout', async (t) => {
    const good = await startPackaged(t, ['check', join(built.folder, 'examples', 'site.yaml')]).ended
    assert.equal(good.status, 0, good.stdout + good.stderr)
    assert.match(readFileSync(join(built.folder, 'examples', 'site.yaml'), 'utf8'), /^ +profile: /m)
    const bad = join(emptyFolder(t), 'bad.yaml')
    writeFileSync(bad, siteYaml().replace('uint16', 'uint61'))
    const refused = await startPackaged(t, ['check', bad]).ended
    assert.equal(refused.status, 78)
    assert.match(refused.stdout + refused.stderr, /uint16/)
  })

  test('it runs: storage thread, socket and clean stop', async (t) => {
    const folder = emptyFolder(t)
    const config = join(folder, 'site.yaml')
    const stateDir = join(folder, 'state')
    writeFileSync(config, siteYaml())
    const running = startPackaged(t, ['run', '--config', config, '--state-dir', stateDir])
    await until(() => running.stderr().includes('ready') || running.child.exitCode !== null, {
      what: 'the gateway to be ready',
    })
    const short = await startPackaged(t, ['status', '--short', '--state-dir', stateDir]).ended
    assert.match(short.stdout, /^test-gw: /, short.stderr + running.stderr())
    running.child.kill('SIGTERM')
    assert.equal((await running.ended).status, 0)
  })

  test('it plays one cycle of the demo without a loss', async (t) => {
    const { status, stdout, stderr } = await startPackaged(t, ['demo', '--once']).ended
    assert.equal(status, 0, stdout + stderr)
  })

  test('it can be started through links from anywhere', async (t) => {
    const folder = emptyFolder(t)
    mkdirSync(join(folder, 'one'))
    symlinkSync(join(built.folder, 'bin', 'tidegate'), join(folder, 'one', 'absolute'))
    symlinkSync('one/absolute', join(folder, 'relative'))
    const { status, stdout } = await start(t, [join(folder, 'relative'), 'version'], { cwd: '/' }).ended
    assert.equal(status, 0)
    assert.match(stdout, /^tidegate /)
  })

  test('native parts are those of the target alone, and nothing of development is inside', () => {
    const binaries = globSync('node_modules/**/*.node', { cwd: built.folder })
    assert.equal(binaries.length, 2)
    for (const file of binaries) assert.match(file, new RegExp(`linux-${process.arch}`))
    for (const name of ['typescript', '@types', 'esbuild', 'pino'])
      assert.ok(!existsSync(join(built.folder, 'node_modules', name)), name)
    assert.deepEqual(globSync('**/*.ts', { cwd: built.folder }), [])
  })

  test('the licences of everything inside are inside', () => {
    const text = readFileSync(join(built.folder, 'THIRD-PARTY-LICENCES.txt'), 'utf8')
    for (const name of [
      'better-sqlite3',
      '@serialport/bindings-cpp',
      'mqtt',
      'modbus-serial',
      'hono',
      'zod',
      'Node.js',
      'SQLite',
    ]) {
      assert.match(text, new RegExp(`^${name}[ ,]`, 'm'))
    }
    assert.match(readFileSync(join(built.folder, 'LICENSE'), 'utf8'), /The Tidegate authors/)
    assert.ok(statSync(join(built.folder, 'node', 'LICENSE')).size > 10_000)
  })

  test('building again gives the same bytes, and the checksum beside it is theirs', (t) => {
    const again = buildPackage(target, { SOURCE_DATE_EPOCH: '1767225600' })
    t.after(() => again.remove())
    const sum = (file: string) => readFileSync(`${file}.sha256`, 'utf8')
    assert.equal(sum(again.archive), sum(built.archive))
    execFileSync('sha256sum', ['--check', '--status', `${built.archive}.sha256`], { cwd: join(built.archive, '..') })
  })

  test('install puts everything in place and leaves an existing configuration alone', async (t) => {
    const prefix = emptyFolder(t)
    const config = join(prefix, 'etc', 'tidegate', 'config.yaml')
    mkdirSync(join(config, '..'), { recursive: true })
    writeFileSync(config, '# mine\n')
    for (const round of ['first', 'over the first']) {
      const installed = await start(t, [join(built.folder, 'install.sh'), '--prefix', prefix]).ended
      assert.equal(installed.status, 0, `${round}: ${installed.stderr}`)
      assert.match(installed.stdout, /^installed .*\/opt\/tidegate \(tidegate \d/)
    }
    assert.equal(readFileSync(config, 'utf8'), '# mine\n')
    assert.equal(readlinkSync(join(prefix, 'usr/local/bin/tidegate')), '/opt/tidegate/bin/tidegate')
    const unit = readFileSync(join(prefix, 'etc/systemd/system/tidegate.service'), 'utf8')
    assert.match(unit, /^ExecStart=\/opt\/tidegate\/bin\/tidegate run /m)
    const version = await startPackaged(t, ['version'], join(prefix, 'opt/tidegate')).ended
    assert.equal(version.status, 0)
    assert.deepEqual(globSync('opt/*', { cwd: prefix }), ['opt/tidegate'])
  })

  test('remove takes the program and the unit, and leaves configuration and data', async (t) => {
    const prefix = emptyFolder(t)
    const data = join(prefix, 'var/lib/tidegate/tidegate.db')
    mkdirSync(join(data, '..'), { recursive: true })
    writeFileSync(data, 'readings')
    const install = join(built.folder, 'install.sh')
    assert.equal((await start(t, [install, '--prefix', prefix]).ended).status, 0)
    cpSync(join(built.folder, 'examples/site.yaml'), join(prefix, 'etc/tidegate/config.yaml'))
    assert.equal((await start(t, [install, '--remove', '--prefix', prefix]).ended).status, 0)
    for (const gone of ['opt/tidegate', 'usr/local/bin/tidegate', 'etc/systemd/system/tidegate.service']) {
      assert.ok(!existsSync(join(prefix, gone)), gone)
    }
    assert.ok(existsSync(data) && existsSync(join(prefix, 'etc/tidegate/config.yaml')))
  })
})

/** The package for arm64, run under emulation with the libraries of Debian's arm64. */
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { needs } from '../support/needs.ts'
import { emptyFolder, start } from '../support/program.ts'
import { siteYaml } from '../support/site.ts'
import { buildPackage } from './build-package.ts'
import { sysroot } from './sysroot.ts'

/** ELF header: bytes 18 and 19 name the machine; 183 is AArch64 (ELF for the Arm 64-bit Architecture). */
const MACHINE_AARCH64 = 183

test('the arm64 package answers version and check under emulation', { timeout: 300_000 }, async (t) => {
  if (!needs(t, 'qemu-aarch64-static', 'apt-get')) return
  const libraries = sysroot(t, 'arm64')
  if (libraries === undefined) return
  const built = buildPackage('arm64')
  t.after(() => built.remove())
  for (const file of ['node/bin/node', ...globSync('node_modules/**/*.node', { cwd: built.folder })]) {
    assert.equal(readFileSync(join(built.folder, file)).readUInt16LE(18), MACHINE_AARCH64, file)
  }
  const emulated = (words: readonly string[]) =>
    start(t, [
      'qemu-aarch64-static',
      '-L',
      libraries,
      join(built.folder, 'node/bin/node'),
      join(built.folder, 'bin/tidegate.mjs'),
      ...words,
    ]).ended

  const version = await emulated(['version', '--json'])
  assert.equal(version.status, 0, version.stderr)
  const facts = JSON.parse(version.stdout) as Record<string, string>
  assert.equal(facts['platform'], 'linux-arm64')
  assert.match(facts['sqlite'] ?? '', /^3\./)

  const good = await emulated(['check', join(built.folder, 'examples/site.yaml')])
  assert.equal(good.status, 0, good.stdout + good.stderr)
  const bad = join(emptyFolder(t), 'bad.yaml')
  writeFileSync(bad, siteYaml().replace('uint16', 'uint61'))
  assert.equal((await emulated(['check', bad])).status, 78)
})

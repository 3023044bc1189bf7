/**
 * `npm run build`: one package each for amd64 and arm64 in dist/, with Node and all native parts inside; nothing of the
 * machine it is built on goes in. `npm run build -- --target arm64 --out DIR --level 1`
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { archive, sourceEpoch } from './archive.ts'
import { bundle, bundledPackages } from './bundle.ts'
import { licenceList } from './licences.ts'
import { copyNative } from './native.ts'
import { copyNode } from './node-runtime.ts'
import { type Target, targets } from './targets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    out: { type: 'string', default: join(root, 'dist') },
    /** gzip: 9 is small, 1 is quick. */
    level: { type: 'string', default: '9' },
  },
})
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const out = resolve(values.out)
mkdirSync(out, { recursive: true })
for (const target of chosenTargets(values.target)) await buildPackage(target)

function chosenTargets(names: readonly string[] | undefined): readonly Target[] {
  const chosen = targets.filter((target) => names === undefined || names.includes(target.name))
  const unknown = names?.find((name) => !targets.some((target) => target.name === name))
  if (unknown === undefined) return chosen
  console.error(`Error: there is no target ${unknown}; there are ${targets.map((target) => target.name).join(' and ')}`)
  process.exit(2)
}

async function buildPackage(target: Target): Promise<void> {
  const name = `tidegate-${version}-linux-${target.name}`
  const work = mkdtempSync(join(tmpdir(), 'tidegate-build-'))
  try {
    const folder = join(work, name)
    console.log(`${name}: bundling`)
    const metafile = await bundle(root, join(folder, 'lib'))
    const native = copyNative(root, folder, target)
    console.log(`${name}: adding Node and ${native.length} packages with or for native parts`)
    const nodeVersion = copyNode(root, join(folder, 'node'), target)
    copyFiles(folder)
    const licences = licenceList(root, [...bundledPackages(metafile), ...native], nodeVersion)
    writeFileSync(join(folder, 'THIRD-PARTY-LICENCES.txt'), licences)
    const file = join(out, `${name}.tar.gz`)
    console.log(`${name}: packing`)
    const digest = await archive(folder, file, { epoch: sourceEpoch(root), level: Number(values.level) })
    const megabytes = (statSync(file).size / 1e6).toFixed(1)
    console.log(`${relative(process.cwd(), file)}  ${megabytes} MB  Node ${nodeVersion}  sha256 ${digest}`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** What is the same on every target: launcher, installer, unit, examples and what people read. */
function copyFiles(folder: string): void {
  mkdirSync(join(folder, 'bin'), { recursive: true })
  cpSync(join(root, 'bin', 'tidegate.mjs'), join(folder, 'bin', 'tidegate.mjs'))
  cpSync(join(root, 'scripts', 'cross-build', 'launcher.sh'), join(folder, 'bin', 'tidegate'))
  cpSync(join(root, 'scripts', 'cross-build', 'install.sh'), join(folder, 'install.sh'))
  for (const file of ['bin/tidegate', 'install.sh']) chmodSync(join(folder, file), 0o755)
  for (const name of [
    'systemd',
    'examples',
    'profiles',
    'docs',
    'LICENSE',
    'README.md',
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
  ]) {
    // The example of a driver is for the checkout, where its source can be used.
    const filter = (path: string) => !path.endsWith('.ts')
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true, filter })
  }
  // Without it the bundle would not be read as ES modules, and `tidegate version` takes the version from here.
  const facts = { name: 'tidegate', version, license: 'MIT', private: true, type: 'module' }
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(facts, null, 2)}\n`)
}

#!/usr/bin/env node
// Plain JavaScript that Node 14.14 can read: it looks at the runtime before anything else is loaded. Under a Node that is too
// old, better-sqlite3 does not refuse but crashes with a segmentation fault, and TypeScript cannot even be parsed.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NODE_MAJOR_MIN = 24
const here = dirname(fileURLToPath(import.meta.url))

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  const checkout = join(here, '..', 'src', 'main.ts')
  const installed = join(here, '..', 'lib', 'main.js')
  import(pathToFileURL(existsSync(checkout) ? checkout : installed).href).then(
    (program) => program.main(process.argv.slice(2)),
    (error) => {
      if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
      console.error(`Error: a part of Tidegate is not there: ${error.message}`)
      console.error('Try: run "npm ci" here, or install the package again')
      process.exit(1)
    },
  )
} else {
  const node = packagedNode()
  if (node === undefined) refuse('there is no packaged Node beside this program')
  else restartUnder(node)
}

/** The Node that came with the package (node/bin/node) or as an optional dependency, here or hoisted above. */
function packagedNode() {
  let folder = join(here, '..')
  const inPackage = join(folder, 'node', 'bin', 'node')
  if (existsSync(inPackage)) return inPackage
  if (process.platform !== 'linux') return undefined
  for (;;) {
    const candidate = join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
    if (existsSync(candidate)) return candidate
    if (dirname(folder) === folder) return undefined
    folder = dirname(folder)
  }
}

/**
 * Runs the same command line under another Node and ends as it ends.
 * @param {string} node
 */
function restartUnder(node) {
  let command = [node, fileURLToPath(import.meta.url), ...process.argv.slice(2)]
  // Node cannot replace its own process, so this one stays as a parent. When it is killed with SIGKILL, which cannot be
  // passed on, the kernel shall kill the child too: else an agent nobody knows of keeps the state directory.
  if (canDieWithParent()) command = ['setpriv', '--pdeathsig', 'KILL', ...command]
  const child = spawn(command[0] || node, command.slice(1), { stdio: 'inherit' })
  /** @type {NodeJS.Signals[]} */
  const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']
  for (const signal of passedOn) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => refuse(`the packaged Node ${node} does not start: ${error.message}`))
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status === null ? 1 : status)
    for (const name of passedOn) process.removeAllListeners(name)
    process.kill(process.pid, signal)
    // Signals that Node ignores do not end this process; then the shell's convention stands in.
    setTimeout(() => process.exit(128 + (constants.signals[signal] || 0)), 100)
  })
}

function canDieWithParent() {
  if (process.platform !== 'linux') return false
  const help = spawnSync('setpriv', ['--help'], { encoding: 'utf8' })
  return typeof help.stdout === 'string' && help.stdout.includes('--pdeathsig')
}

/** @param {string} reason */
function refuse(reason) {
  const found = process.versions.node
  console.error(`Error: Tidegate needs Node ${NODE_MAJOR_MIN} or newer, this is Node ${found}, and ${reason}`)
  console.error(
    `Try: run "npm ci" here, which brings Node ${NODE_MAJOR_MIN} for Linux on x64 and arm64, or install it from https://nodejs.org`,
  )
  process.exit(1)
}

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { lack } from '../support/needs.ts'
import { emptyFolder, repository, start, tidegate } from '../support/program.ts'
import { until } from '../support/until.ts'

/** A Node of the machine that is too old for us, or undefined after the test was skipped. */
function oldNode(test: TestContext): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']) {
    const node = join(folder, 'node')
    if (existsSync(node) && majorOf(node) < 24) return node
  }
  lack(test, 'nodejs')
  return undefined
}

function majorOf(node: string): number {
  return Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]']).toString())
}

/** The launcher beside a program of ours that tells its pid and how it was asked to stop. */
function launcherWithProgram(test: TestContext, options: { packagedNode: boolean }): string {
  const folder = emptyFolder(test)
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'src'))
  copyFileSync(tidegate, join(folder, 'bin', 'tidegate.mjs'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const program = `
    export function main(words: string[]) {
      if (words[0] === 'exit') process.exit(Number(words[1]))
      for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => console.log(signal))
      process.on('SIGTERM', () => process.exit(7))
      setInterval(() => {}, 1000)
      console.log('pid', process.pid, words.join(' '))
    }`
  writeFileSync(join(folder, 'src', 'main.ts'), program)
  if (options.packagedNode) symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  return join(folder, 'bin', 'tidegate.mjs')
}

test('under an old Node the packaged one answers, with the same words and exit status', async (t) => {
  const node = oldNode(t)
  if (node === undefined) return
  const { status, stdout, stderr } = await start(t, [node, tidegate, 'version', '--json']).ended
  assert.deepEqual([status, stderr], [0, ''])
  assert.equal((JSON.parse(stdout) as { node: string }).node, process.versions.node)
  const launcher = launcherWithProgram(t, { packagedNode: true })
  assert.equal((await start(t, [node, launcher, 'exit', '78']).ended).status, 78)
})

test('an old Node without a packaged one gives one clear message, not a crash', async (t) => {
  const node = oldNode(t)
  if (node === undefined) return
  const launcher = launcherWithProgram(t, { packagedNode: false })
  const { status, stdout, stderr } = await start(t, [node, launcher, 'version']).ended
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(
    stderr,
    /^Error: Tidegate needs Node 24 or newer, this is Node \d+\.\d+\.\d+, and there is no packaged Node [^\n]+\nTry: [^\n]+\n$/,
  )
})

test('a checkout without its packages gives one clear message, not a stack', async (t) => {
  const launcher = launcherWithProgram(t, { packagedNode: false })
  writeFileSync(join(launcher, '..', '..', 'src', 'main.ts'), "import 'commander'")
  const { status, stderr } = await start(t, [process.execPath, launcher, 'version']).ended
  assert.equal(status, 1)
  assert.match(
    stderr,
    /^Error: a part of Tidegate is not there: [^\n]*'commander'[^\n]*\nTry: run "npm ci" here, [^\n]+\n$/,
  )
})

test('signals reach the program behind an old Node, and its exit status comes back', async (t) => {
  const node = oldNode(t)
  if (node === undefined) return
  const { child, stdout, ended } = start(t, [node, launcherWithProgram(t, { packagedNode: true }), 'a', 'b'])
  await until(() => stdout().includes('pid'), { what: 'the program to start' })
  assert.match(stdout(), /^pid \d+ a b\n/)
  for (const signal of ['SIGINT', 'SIGHUP'] as const) {
    child.kill(signal)
    await until(() => stdout().includes(signal), { what: `the program to hear ${signal}` })
  }
  child.kill('SIGTERM')
  const { status, signal } = await ended
  assert.deepEqual([status, signal], [7, null])
})

test('kill -9 of an old Node leaves no program behind that holds the state directory', async (t) => {
  const node = oldNode(t)
  if (node === undefined) return
  const { child, stdout } = start(t, [node, launcherWithProgram(t, { packagedNode: true })])
  await until(() => stdout().includes('pid'), { what: 'the program to start' })
  const pid = Number(/pid (\d+)/.exec(stdout())?.[1])
  assert.notEqual(pid, child.pid)
  child.kill('SIGKILL')
  await until(() => !isAlive(pid), { what: 'the program to end' })
})

test('a program that a signal ended looks as if that signal had ended the launcher', async (t) => {
  const node = oldNode(t)
  if (node === undefined) return
  const { stdout, ended } = start(t, [node, launcherWithProgram(t, { packagedNode: true })])
  await until(() => stdout().includes('pid'), { what: 'the program to start' })
  process.kill(Number(/pid (\d+)/.exec(stdout())?.[1]), 'SIGKILL')
  const { status, signal } = await ended
  assert.deepEqual([status, signal], [null, 'SIGKILL'])
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

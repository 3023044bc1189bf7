/** Programs that commands run: no shell, nothing twice, an end in any case. Real processes. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { CommandSettings, ExecTarget } from '../../src/command-settings.ts'
import { execTarget } from '../../src/inbox/targets/exec.ts'
import { runProgram } from '../../src/inbox/targets/program.ts'
import { until } from '../support/until.ts'
import { commandSettings, Site } from './site.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-exec-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A program that does what the lines of this shell script say. */
function script(folder: string, lines: string): string {
  const file = join(folder, 'program')
  writeFileSync(file, `#!/bin/sh\n${lines}\n`)
  chmodSync(file, 0o755)
  return file
}

function valve(
  program: string,
  changes: Partial<ExecTarget> = {},
  more: Partial<CommandSettings> = {},
): CommandSettings {
  const target = { type: 'exec', program, args: ['{value}'], value: { pattern: '.*' }, timeoutMs: 30_000 } as const
  const common = { key: 'valve', repeatable: false, mode: 'queue' } as const
  return commandSettings({ ...common, target: { ...target, ...changes }, ...more })
}

const told = (site: Site) =>
  site.outcomes().map(({ id, state, reason }) => (reason ? `${id} ${state}: ${reason}` : `${id} ${state}`))

async function outcomesOf(site: Site, count: number): Promise<readonly string[]> {
  await until(() => site.outcomes().length >= count, { what: `${count} outcomes` })
  return told(site)
}

test('arguments are filled and stay what they are, whatever stands in them', async (t) => {
  const folder = folderOf(t)
  const seen = join(folder, 'seen')
  const program = script(
    folder,
    `for one in "$@"; do printf '<%s>' "$one"; done >> ${seen}; env > ${seen}.env; pwd >> ${seen}.env`,
  )
  const site = await Site.open({ commands: [valve(program, { args: ['--to={value}', 'a b', '{value}'] })] })
  process.env['TIDEGATE_TEST_SECRET'] = 'hush'
  t.after(() => delete process.env['TIDEGATE_TEST_SECRET'])
  await site.deliver(JSON.stringify({ id: 'a', value: '$(touch x); "; rm * `id` $&' }), { key: 'valve' })
  assert.deepEqual(await outcomesOf(site, 1), ['a applied'])
  const value = '$(touch x); "; rm * `id` $&'
  assert.equal(readFileSync(seen, 'utf8'), `<--to=${value}><a b><${value}>`)
  const environment = readFileSync(`${seen}.env`, 'utf8')
  assert.doesNotMatch(environment, /hush|HOME=|NODE/)
  assert.match(environment, /^PATH=/m)
  assert.match(environment, /^\/$/m)
})

test('the exit status is the outcome, with the last line of standard error', async (t) => {
  const program = script(folderOf(t), `echo first >&2; printf 'valve \\033[1mis stuck\\n\\n' >&2; echo talk; exit "$1"`)
  const site = await Site.open({ commands: [valve(program, { value: { min: 0, max: 9 } })] })
  for (const value of [3, 0]) await site.deliver(JSON.stringify({ id: `s${value}`, value }), { key: 'valve' })
  assert.deepEqual(await outcomesOf(site, 2), ['s3 failed: exit status 3: valve  [1mis stuck', 's0 applied'])
})

test('much on standard error is bounded, and what goes on in the background holds nobody up', async (t) => {
  const folder = folderOf(t)
  const alive = join(folder, 'alive')
  writeFileSync(alive, '')
  const program = script(
    folder,
    `i=0; while [ $i -lt 3000 ]; do echo "line $i of many" >&2; i=$((i+1)); done
     printf '%0999d' 7 >&2
     (while [ -e ${alive} ]; do sleep 0.05; done) &
     exit 1`,
  )
  const ran = await runProgram(program, [], { timeoutMs: 60_000, clock: systemClock })
  assert.ok(ran.end === 'exited' && ran.status === 1)
  assert.match(ran.lastLine, /^0{199}…$/)
})

test('a program that is not there, or must not be run, fails at once', async (t) => {
  const folder = folderOf(t)
  writeFileSync(join(folder, 'plain'), 'text')
  for (const [program, code] of [
    [join(folder, 'nothing'), 'ENOENT'],
    [join(folder, 'plain'), 'EACCES'],
  ] as const) {
    const site = await Site.open({ commands: [valve(program)] })
    await site.deliver('{"id":"a","value":"1"}', { key: 'valve' })
    assert.deepEqual(await outcomesOf(site, 1), [`a failed: ${program} was not started: ${code}`])
  }
})

test('a program that takes too long is ended with all it started; what became of it nobody knows', async (t) => {
  const folder = folderOf(t)
  const pids = join(folder, 'pids')
  // It does not listen to SIGTERM, and neither does its child.
  const program = script(
    folder,
    `trap '' TERM; sleep 600 & echo $! $$ > ${pids}.new; mv ${pids}.new ${pids}; echo working >&2; wait; wait`,
  )
  const target = { type: 'exec', program, args: [], value: {}, timeoutMs: 300 } as const
  const made = execTarget(target, { key: 'valve', clock: systemClock })
  const job = { command: {} as never, repeatable: false, isWanted: () => true, ending: new AbortController().signal }
  const result = await made.apply(job)
  // It had time to begin, or was killed before; in both cases its end is not known.
  assert.ok(result.result === 'end' && result.state === 'unknown', JSON.stringify(result))
  assert.match(result.reason ?? '', /^no end after 0\.3 s, killed/)
  if (!existsSync(pids)) return
  const group = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
  await until(() => group.every((pid) => !isRunning(pid)), { what: 'the end of all processes' })
})

function isRunning(pid: number): boolean {
  try {
    // A zombie that waits for its new parent has ended.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('it is run once for one id: not for a repeat, and not after a crash', async (t) => {
  const folder = folderOf(t)
  const runs = join(folder, 'runs')
  const go = join(folder, 'go')
  const ends = join(folder, 'ends')
  const program = script(folder, `echo "$1" >> ${runs}; while [ ! -e ${go} ]; do sleep 0.02; done; echo end >> ${ends}`)
  const site = await Site.open({ commands: [valve(program)] })
  await site.deliver('{"id":"a","value":"1"}', { key: 'valve' })
  await until(() => existsSync(runs), { what: 'the program to run' })
  await site.restart()
  writeFileSync(go, '')
  await site.deliver('{"id":"a","value":"1"}', { key: 'valve' })
  await site.deliver('{"id":"b","value":"2"}', { key: 'valve' })
  await outcomesOf(site, 3)
  assert.deepEqual(told(site), [
    'a unknown: the agent ended during an attempt',
    'a unknown: the agent ended during an attempt',
    'b applied',
  ])
  assert.equal(readFileSync(runs, 'utf8'), '1\n2\n')
  await until(() => readFileSync(ends, 'utf8') === 'end\nend\n', { what: 'the end of both' })
})

test('two programs run side by side, the jobs of one key one after the other', async (t) => {
  const folder = folderOf(t)
  const [log, go] = [join(folder, 'log'), join(folder, 'go')]
  const program = script(
    folder,
    `echo "begin $1" >> ${log}; while [ ! -e ${go} ]; do sleep 0.02; done; echo "end $1" >> ${log}`,
  )
  const site = await Site.open({ commands: [valve(program), valve(program, {}, { key: 'other' })] })
  await site.deliver('{"id":"a","value":"a"}', { key: 'valve' })
  await site.deliver('{"id":"b","value":"b"}', { key: 'valve' })
  await site.deliver('{"id":"c","value":"c"}', { key: 'other' })
  const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [])
  await until(() => lines().length === 2, { what: 'two programs' })
  assert.deepEqual(lines().toSorted(), ['begin a', 'begin c'])
  writeFileSync(go, '')
  await outcomesOf(site, 3)
  assert.ok(lines().indexOf('end a') < lines().indexOf('begin b'), lines().join())
})

test('a clean stop ends a program that runs, with its group, and says so', async (t) => {
  const folder = folderOf(t)
  const pids = join(folder, 'pids')
  const program = script(folder, `sleep 600 & echo $! $$ > ${pids}.new; mv ${pids}.new ${pids}; wait`)
  const site = await Site.open({ commands: [valve(program)] })
  await site.deliver('{"id":"a","value":"1"}', { key: 'valve' })
  await until(() => existsSync(pids), { what: 'the program to run' })
  await site.inbox.close()
  assert.deepEqual(told(site), ['a unknown: the gateway was stopped, killed'])
  const group = readFileSync(pids, 'utf8').trim().split(' ').map(Number)
  await until(() => group.every((pid) => !isRunning(pid)), { what: 'the end of all processes' })
})

test('a flood on standard error is read slowly, and the program can end all the same', async (t) => {
  const program = script(folderOf(t), `head -c 1000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo done >&2`)
  const waits: number[] = []
  const clock = {
    ...systemClock,
    wait: (ms: number, signal?: AbortSignal) => {
      waits.push(ms)
      return systemClock.wait(ms, signal)
    },
  }
  const ran = await runProgram(program, [], { timeoutMs: 60_000, clock })
  assert.deepEqual(ran, { end: 'exited', status: 0, lastLine: 'done' })
  const pauses = waits.filter((ms) => ms === 50).length
  assert.ok(pauses >= 5 && pauses <= 16, `${pauses} pauses`)
})

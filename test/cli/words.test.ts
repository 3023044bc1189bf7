import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTidegate, start, tidegate } from '../support/program.ts'

test('an unknown verb is wrong usage, and the nearest one is offered', async (t) => {
  const { status, stdout, stderr } = await runTidegate(t, ['chek'])
  assert.equal(status, 2)
  assert.equal(stdout, '')
  assert.equal(stderr, "Error: unknown command 'chek'\nTry: tidegate check\n")
})

test('an unknown flag is wrong usage, and the nearest one is offered', async (t) => {
  const { status, stderr } = await runTidegate(t, ['status', '--shrt'])
  assert.equal(status, 2)
  assert.equal(stderr, "Error: unknown option '--shrt'\nTry: --short\n")
})

test('a wrong choice names the choices', async (t) => {
  const { status, stderr } = await runTidegate(t, ['run', '--log-level', 'loud'])
  assert.equal(status, 2)
  assert.match(
    stderr,
    /argument 'loud' is invalid. Allowed choices are debug, info, warn, error\nTry: tidegate run --help\n$/,
  )
})

test('help lists every verb and the exit statuses on standard output', async (t) => {
  for (const words of [['--help'], []]) {
    const { status, stdout } = await runTidegate(t, words)
    assert.equal(status, 0)
    for (const verb of ['run', 'check', 'status', 'demo', 'schema', 'version'])
      assert.match(stdout, new RegExp(`^  ${verb} `, 'm'))
    assert.match(stdout, /^Exit status: 0 good, 1 .*, 2 .*, 3 .*, 78 /m)
  }
})

test('version names everything that a report of trouble must name', async (t) => {
  const { status, stdout } = await runTidegate(t, ['version', '--json'])
  assert.equal(status, 0)
  const facts = JSON.parse(stdout) as Record<string, string>
  assert.deepEqual(Object.keys(facts), ['version', 'node', 'sqlite', 'platform'])
  assert.equal(facts['node'], process.versions.node)
  assert.match(facts['sqlite'] ?? '', /^3\.\d+/)
  const flag = await runTidegate(t, ['--version'])
  assert.match(flag.stdout, new RegExp(`^tidegate ${facts['version']}\n`))
})

test('the stack of an error is for those who ask with --debug', async (t) => {
  const plain = await runTidegate(t, ['status', '--state-dir', '/nowhere'])
  assert.equal(plain.stderr.split('\n').length, 3)
  const debug = await runTidegate(t, ['status', '--debug', '--state-dir', '/nowhere'])
  assert.equal(debug.status, 3)
  assert.match(debug.stderr, /\n {4}at /)
})

test('a reader that closes the pipe early is no error', async (t) => {
  const shell = `"${process.execPath}" "${tidegate}" --help | true; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = await start(t, ['bash', '-c', shell]).ended
  assert.deepEqual([stdout, stderr], ['0\n', ''])
})

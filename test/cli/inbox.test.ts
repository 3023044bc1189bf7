/** `tidegate inbox ...` as an operator uses it, against a real agent and against the file that it left. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InboxReport, ListedCommand } from '../../src/inbox-api.ts'
import { inboxRig } from '../support/inbox-agent.ts'
import { until } from '../support/until.ts'

test('what came is listed, shown and counted, by the agent and from the file it left', async (t) => {
  const rig = await inboxRig(t)
  const { inbox, send, reached } = rig
  send({ key: 'target', id: 'c-8', value: 30, version: 8 })
  await reached('c-8', 'applied')
  send({ key: 'target', id: 'c-7', value: 20, version: 7 })
  await reached('c-7', 'superseded')
  send({ key: 'target', id: 'c-9', value: 'hot' })
  await reached('c-9', 'refused')

  const check = async (note: RegExp) => {
    const report = JSON.parse((await inbox('--json')).stdout) as InboxReport
    const states = { applied: 1, superseded: 1, refused: 1 }
    assert.deepEqual([report.keys[0]?.key, report.keys[0]?.states], ['target', states])
    assert.deepEqual(report.keys[0]?.highest, { version: 8, id: 'c-8' })
    const screen = await inbox()
    assert.equal(screen.status, 0)
    assert.match(screen.stdout, /^KEY +waiting {2}applied {2}refused {2}superseded {2}version {2}what it does\n/)
    assert.match(screen.stdout, /\ntarget +c-7 +20 +\S+ \S+ +superseded: by c-8; version 7 is not above 8\n/)
    assert.match(screen.stderr, note)
    const lines = (await inbox('ls', '--limit', '2')).stdout.trimEnd().split('\n')
    assert.equal(lines.length, 3)
    assert.match(lines[1] ?? '', /^ 3 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}target {2}c-9 {2}"hot" {2}refused: /)
    const older = await inbox('ls', '--before', '2', '--json')
    assert.deepEqual(
      (JSON.parse(older.stdout) as ListedCommand[]).map(({ id }) => id),
      ['c-8'],
    )
    assert.match((await inbox('ls', '--limit', '1')).stderr, /There are more: --before 3/)
    const shown = await inbox('show', 'c-8')
    assert.match(
      shown.stdout,
      /^id +c-8\nkey +target\nvalue +30\nversion +8\nstate +applied\nfrom +cloud\ncame +.*ago\nended +.*after it came\nattempts +1\n$/,
    )
    return report
  }
  const running = await check(/^$/)
  assert.deepEqual([running.running, running.keys[0]?.does, running.counts?.received], [true, 'controller.target', 3])
  await rig.agent.stop()
  const stored = await check(/^The agent is not running: this is what stands in .*tidegate\.db\.\n/)
  assert.deepEqual([stored.running, stored.counts], [false, undefined])
  for (const words of [
    ['cancel', 'c-8'],
    ['reset', 'target', '--yes'],
  ]) {
    const { status, stderr } = await inbox(...words)
    assert.equal(status, 3, stderr)
  }
})

test('a key whose version is forgotten takes what counts anew; one that nobody has is wrong usage', async (t) => {
  const { inbox, send, reached, agent } = await inboxRig(t)
  send({ key: 'target', id: 'c-8', value: 30, version: 8 })
  await reached('c-8', 'applied')
  const reset = await inbox('reset', 'target', '--yes')
  assert.deepEqual(
    [reset.status, reset.stdout],
    [0, 'Version 8 is forgotten. The next command of target counts, whatever its version.\n'],
  )
  assert.match(agent.log, /highest version forgotten, asked for over the socket/)
  send({ key: 'target', id: 'c-1', value: 31, version: 1 })
  await reached('c-1', 'applied')
  assert.equal((await inbox('reset', 'nobody', '--yes')).status, 2)
  const unasked = await inbox('reset', 'target')
  assert.match(unasked.stderr, /Nobody can be asked here\nTry: the same with --yes/)
})

test('what waits is cancelled by its id or by its key, and its sender is told', async (t) => {
  const rig = await inboxRig(t)
  rig.send({ key: 'boiler-setpoint', id: 'c-1', value: 30 })
  const waiting = await until(
    async () => (await rig.list('--key', 'boiler-setpoint')).find((one) => one.waitsFor === 'device offline'),
    { what: 'the command to wait for the device', timeoutMs: 60_000 },
  )
  assert.ok((waiting.expiresInMs ?? 0) > 0)
  assert.match((await rig.inbox()).stdout, /\nboiler-setpoint {2}c-1 .* device offline\n/)
  const done = await rig.inbox('cancel', 'c-1')
  assert.deepEqual([done.status, done.stderr], [0, ''])
  assert.match(done.stdout, /^boiler-setpoint c-1 cancelled; its sender is told\n$/)
  const results = () => rig.broker.stored.filter(({ topic }) => topic.endsWith('/boiler-setpoint/result'))
  await until(() => results().length > 0, { what: 'the outcome' })
  assert.match(results()[0]?.payload ?? '', /"id":"c-1",.*"state":"cancelled","value":30,"reason":"by hand"/)

  const late = await rig.inbox('cancel', 'c-1', 'c-99')
  assert.equal(late.status, 1)
  assert.match(late.stdout, /c-1 cancelled/)
  assert.match(late.stderr, /^Error: no command with the id "c-99" is known/)

  rig.send({ key: 'boiler-setpoint', id: 'c-2', value: 31 })
  await until(async () => (await rig.list('--state', 'waiting'))[0]?.id === 'c-2', { what: 'the next one to wait' })
  const all = await rig.inbox('cancel', '--key', 'boiler-setpoint', '--all', '--yes', '--json')
  assert.equal((JSON.parse(all.stdout) as { commands: ListedCommand[] }).commands[0]?.state, 'cancelled')
  const none = await rig.inbox('cancel', '--key', 'boiler-setpoint', '--all', '--yes')
  assert.deepEqual([none.status, none.stdout], [0, 'Nothing of boiler-setpoint waits.\n'])
})

test('what is asked for must be understood, and exist', async (t) => {
  const { inbox } = await inboxRig(t)
  const wrong = [
    ['ls', '--state', 'gone'],
    ['ls', '--since', 'yesterday'],
    ['ls', '--limit', '0'],
    ['cancel'],
    ['cancel', '--all'],
    ['cancel', 'c-1', '--all', '--key', 'k'],
    ['show'],
    ['--json', 'ls'],
  ]
  const check = async (words: readonly string[]) => {
    const { status, stdout, stderr } = await inbox(...words)
    assert.equal(status, 2, `${words.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
    assert.match(stderr, /^Error: .+\nTry: .+\n$/, words.join(' '))
  }
  await Promise.all(wrong.map(check))
  assert.equal((await inbox('show', 'c-99')).status, 1)
})

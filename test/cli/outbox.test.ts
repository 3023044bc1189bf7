/** `tidegate outbox ...` as an operator uses it, against a real agent and against the file that it left. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { OutboxReport, RecordPage, Verification } from '../../src/outbox-api.ts'
import { type OutboxRig, outboxRig } from '../support/outbox-agent.ts'
import { emptyFolder, runTidegate } from '../support/program.ts'
import { until } from '../support/until.ts'

async function report({ outbox }: OutboxRig): Promise<OutboxReport> {
  const { status, stdout, stderr } = await outbox('--json')
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as OutboxReport
}

async function booksOf(rig: OutboxRig, name: string) {
  const found = (await report(rig)).uplinks.find((uplink) => uplink.name === name)
  assert.ok(found, `there is no uplink ${name}`)
  return found
}

/** Waits until so many records wait for an uplink. */
async function waiting(rig: OutboxRig, name: string, records: number): Promise<void> {
  await rig.agent.reaches(({ uplinks }) => (uplinks.find((one) => one.name === name)?.pending ?? 0) >= records, {
    what: `${records} records to wait for ${name}`,
  })
}

describe('looking', () => {
  test('the overview, the list, one record and the export show what waits; the books are right', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 'billing', 20)
    const screen = await rig.outbox()
    assert.equal(screen.status, 0)
    assert.match(screen.stdout, /^gw {3}epoch 1-[0-9a-f]{8} {3}newest record \d+\n\nUPLINK +state +waiting/)
    assert.match(screen.stdout, /\nbilling {2}OFFLINE .+\n {2}! .*ECONNREFUSED/)
    assert.ok(Math.max(...screen.stdout.split('\n').map((line) => line.length)) <= 80, screen.stdout)

    const one = await rig.outbox('--uplink', 'cloud', '--json')
    assert.deepEqual(
      (JSON.parse(one.stdout) as OutboxReport).uplinks.map(({ name }) => name),
      ['cloud'],
    )

    const list = await rig.outbox('ls', '--uplink', 'billing', '--limit', '4')
    const lines = list.stdout.trimEnd().split('\n')
    assert.equal(lines.length, 5)
    assert.match(lines[1] ?? '', /^ +1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}event +billing +"event":"started"/)
    assert.match(list.stderr, /There are more: --after 4/)
    const listed = JSON.parse((await rig.outbox('ls', '--kind', 'data', '--limit', '2', '--json')).stdout)
    assert.deepEqual(
      (listed as RecordPage['records']).map(({ kind, source, waitsFor }) => [kind, source, waitsFor.at(-1)]),
      [
        ['data', 'meter', 'billing'],
        ['data', 'meter', 'billing'],
      ],
    )
    for (const { id, text } of listed) assert.equal(JSON.parse(text).id, id)

    const peeked = await rig.outbox('peek')
    assert.match(peeked.stderr, /^record 1, read .* waits for billing$/m)
    const record = JSON.parse(peeked.stdout) as Record<string, unknown>
    assert.match(String(record['id']), /^gw\/1-[0-9a-f]{8}\/1$/)
    assert.equal(record['event'], 'started')
    assert.equal((await rig.outbox('peek', '999999')).status, 1)

    const verified = await rig.outbox('verify', '--json')
    assert.equal(verified.status, 0, verified.stderr)
    const { ok, epochs } = JSON.parse(verified.stdout) as Verification
    assert.equal(ok, true)
    assert.ok(epochs.some(({ uplink, waiting: count }) => uplink === 'billing' && count >= 20))
    assert.match((await rig.outbox('verify')).stdout, /Everything adds up: \d+ rows counted/)
  })

  test('the export is what the uplink sends, line by line, in any number of pages', async (t) => {
    const rig = await outboxRig(t, { keepDelivered: '1h' })
    await rig.agent.reaches(({ uplinks }) => (uplinks[0]?.delivered ?? 0) > 40, { what: 'records to be delivered' })
    await rig.agent.stop()
    const { status, stdout, stderr } = await rig.outbox('export', '--all', '--since', '1', '--until', '30')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /The agent is not running: .*tidegate\.db\.\n30 records, /)
    const sent = new Map(rig.broker.stored.map(({ payload }) => [(JSON.parse(payload) as { id: string }).id, payload]))
    const lines = stdout.trimEnd().split('\n')
    assert.equal(lines.length, 30)
    for (const line of lines) assert.equal(line, sent.get((JSON.parse(line) as { id: string }).id))
  })

  test('what is asked for must exist, and be understood', async (t) => {
    const rig = await outboxRig(t)
    const { outbox } = rig
    await waiting(rig, 'billing', 1)
    const wrong = [
      ['ls', '--uplink', 'nobody'],
      ['ls', '--since', 'yesterday'],
      ['ls', '--limit', 'ten'],
      ['ls', '--limit', '0'],
      ['ls', '--kind', 'things'],
      ['--uplink', 'cloud', 'ls'],
      ['replay', '--uplink', 'cloud'],
      ['pause'],
      ['drop', '--before', '999999'],
      ['retry', 'cloud'],
      ['retry', 'cloud', '5', '--all'],
    ]
    const check = async (words: readonly string[]) => {
      const { status, stdout, stderr } = await outbox(...words)
      assert.equal(status, 2, `${words.join(' ')}: ${stderr}`)
      assert.equal(stdout, '')
      assert.match(stderr, /^Error: .+\nTry: .+\n$/, words.join(' '))
    }
    await Promise.all(wrong.map(check))
  })
})

describe('changing', () => {
  test('a paused uplink gets nothing, also after a restart, until it is resumed', async (t) => {
    const rig = await outboxRig(t, { uplinks: ['cloud'] })
    assert.equal((await rig.outbox('pause', 'cloud')).status, 0)
    await waiting(rig, 'cloud', 10)
    await rig.agent.stop()
    rig.agent.start()
    await rig.agent.ready()
    await waiting(rig, 'cloud', 20)
    assert.equal((await booksOf(rig, 'cloud')).paused, true)
    assert.match((await rig.agent.status()).attention.join(), /uplink cloud is paused by an operator/)
    assert.match((await rig.outbox()).stdout, /cloud +PAUSED.+\n {2}! paused by an operator/)
    assert.match(rig.agent.log, /outbox pause, asked for over the socket/)
    assert.equal((await rig.outbox('resume', 'cloud')).status, 0)
    await rig.agent.reaches(({ uplinks }) => (uplinks[0]?.pending ?? 99) < 10, { what: 'the backlog to be sent' })
  })

  test('what is dropped is counted, told to the cloud with its reason, and gone', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 'billing', 30)
    const dropped = await rig.outbox('drop', '--before', '21', '--uplink', 'billing', '--yes', '--json')
    assert.deepEqual([dropped.status, dropped.stdout], [0, '{"records":20}\n'])
    const books = await booksOf(rig, 'billing')
    assert.equal(books.dropped, 20)
    assert.match((await rig.outbox('peek')).stderr, /^record 21, /)
    assert.match((await rig.outbox()).stdout, /! 20 records given up/)
    assert.equal((await rig.outbox('verify')).status, 0)
  })

  test('kept records are sent once more, with their ids and marked late', async (t) => {
    const rig = await outboxRig(t, { keepDelivered: '1h', uplinks: ['cloud'] })
    await rig.agent.reaches(({ uplinks, outbox }) => (uplinks[0]?.delivered ?? 0) > 20 && outbox.writtenRecords > 20, {
      what: 'records to be delivered and kept',
    })
    const before = rig.broker.stored.length
    const { status, stdout } = await rig.outbox('replay', '--uplink', 'cloud', '--since', '3', '--until', '7')
    assert.deepEqual([status, stdout], [0, '5 records will be sent to cloud once more, behind what was never sent.\n'])
    const again = await until(
      () => {
        const late = rig.broker.stored.slice(before).filter(({ payload }) => payload.includes('"late":true'))
        return late.length >= 5 && late
      },
      { what: 'the replay', timeoutMs: 30_000 },
    )
    const first = new Set(
      rig.broker.stored.slice(0, before).map(({ payload }) => (JSON.parse(payload) as { id: string }).id),
    )
    for (const { payload } of again) assert.ok(first.has((JSON.parse(payload) as { id: string }).id), payload)
    await until(async () => (await booksOf(rig, 'cloud')).replayed === 5, {
      what: 'the replay in the books',
      timeoutMs: 30_000,
    })
    assert.equal((await rig.outbox('verify')).status, 0)
  })

  test('rejected records are listed, sent again and removed by hand', async (t) => {
    const rig = await outboxRig(t, { uplinks: ['cloud'] })
    // 0x99: payload format invalid. Nothing of the first second is taken.
    rig.broker.react = () => ({ code: 0x99 })
    await until(async () => (await booksOf(rig, 'cloud')).rejected >= 6, {
      what: 'rejected records',
      timeoutMs: 30_000,
    })
    rig.broker.react = () => 'ack'
    await until(
      async () => {
        const { stdout } = await rig.outbox('rejected', '--json')
        return (JSON.parse(stdout || '[]') as unknown[]).length >= 6
      },
      { what: 'the rejected records to be stored', timeoutMs: 30_000 },
    )
    const list = await rig.outbox('rejected', '--uplink', 'cloud')
    assert.match(list.stdout, /^SEQ +uplink +read +source +reason\n|SEQ/)
    assert.match(list.stdout, /cloud .* (meter|event) .*payload format/i)
    const seqs = (JSON.parse((await rig.outbox('rejected', '--json')).stdout) as { seq: number }[]).map(
      ({ seq }) => seq,
    )
    const [first = 0, second = 0, third = 0] = seqs
    assert.match((await rig.outbox('discard', 'cloud', String(first), '--yes')).stdout, /^1 rejected record removed/)
    assert.match((await rig.outbox('retry', 'cloud', String(second), String(third))).stdout, /^2 rejected records will/)
    await until(() => rig.broker.stored.some(({ payload }) => payload.includes(`/${third}"`)), {
      what: 'the retry',
      timeoutMs: 30_000,
    })
    await until(
      async () => {
        const left = (JSON.parse((await rig.outbox('rejected', '--json')).stdout) as { seq: number }[]).map(
          (one) => one.seq,
        )
        return !left.includes(first) && !left.includes(second) && !left.includes(third)
      },
      { what: 'the rejected records to be fewer', timeoutMs: 30_000 },
    )
    assert.equal((await rig.outbox('verify')).status, 0)
  })

  test('an uplink that was taken out keeps its records until it is forgotten', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 'billing', 10)
    assert.equal((await rig.outbox('forget', 'billing', '--yes')).status, 1, 'it is configured')
    await rig.agent.stop()
    const config = join(rig.folder, 'config.yaml')
    writeFileSync(config, readFileSync(config, 'utf8').replace(/ {2}billing: .*\n/, ''))
    rig.agent.start()
    await rig.agent.ready()
    const { absent } = await report(rig)
    assert.deepEqual(
      absent.map(({ name }) => name),
      ['billing'],
    )
    assert.ok((absent[0]?.pending ?? 0) >= 10)
    assert.match(
      (await rig.agent.status()).attention.join(),
      /\d+ records are kept for uplink billing, which is not conf/,
    )
    assert.match((await rig.outbox()).stdout, /billing +not configured +\d+.+\n.*tidegate outbox forget billing/)
    assert.equal((await rig.outbox('verify')).status, 0)
    const refused = await rig.outbox('forget', 'billing')
    assert.deepEqual([refused.status, /Nobody can be asked/.test(refused.stderr)], [2, true])
    assert.match((await rig.outbox('forget', 'billing', '--yes')).stdout, /^billing is forgotten; \d+ records given up/)
    assert.deepEqual((await report(rig)).absent, [])
  })
})

describe('without an agent', () => {
  test('reading goes on from the file, which stays as it is; changing is refused with status 3', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 'billing', 10)
    const running = await booksOf(rig, 'billing')
    await rig.agent.stop()
    const file = join(rig.agent.stateDir, 'tidegate.db')
    const before = readFileSync(file)
    const books = await booksOf(rig, 'billing')
    assert.ok(books.pending >= running.pending)
    assert.equal(books.state, undefined)
    const reads = async (...words: string[]) => {
      const { status, stderr } = await rig.outbox(...words)
      assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
      assert.match(stderr, /^The agent is not running: this is what stands in .*tidegate\.db\.\n/)
    }
    const isRefused = async (...words: string[]) =>
      assert.equal((await rig.outbox(...words)).status, 3, words.join(' '))
    await Promise.all([reads(), reads('ls'), reads('peek'), reads('export'), reads('rejected'), reads('verify')])
    await Promise.all([isRefused('pause', 'cloud'), isRefused('replay', '--uplink', 'cloud', '--since', '1')])
    assert.ok(before.equals(readFileSync(file)), 'the file was changed')
  })

  test('after a kill, the file is read with its log', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 'billing', 10)
    await rig.agent.kill()
    const verified = await rig.outbox('verify', '--json')
    assert.equal(verified.status, 0, verified.stderr)
    assert.ok((JSON.parse(verified.stdout) as Verification).rows > 0)
  })

  test('neither agent nor database is status 3, with both places', async (t) => {
    const folder = emptyFolder(t)
    const { status, stderr } = await runTidegate(t, ['outbox', 'ls', '--state-dir', folder])
    assert.equal(status, 3)
    assert.match(stderr, /neither an agent on .*tidegate\.sock nor a database .*tidegate\.db\nTry: /)
  })
})

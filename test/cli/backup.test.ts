/** `tidegate backup` and `tidegate restore` with a real agent. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import Database from 'better-sqlite3'
import { destroyPage } from '../support/damaged-database.ts'
import { type OutboxRig, outboxRig } from '../support/outbox-agent.ts'
import { start } from '../support/program.ts'
import { until } from '../support/until.ts'

async function waiting({ agent }: OutboxRig, records: number): Promise<void> {
  await agent.reaches(({ uplinks }) => uplinks.some(({ name, pending }) => name === 'billing' && pending >= records), {
    what: `${records} records to wait`,
  })
}

function idsIn(payloads: readonly string[]): string[] {
  return payloads.flatMap((payload) => (JSON.parse(payload) as { id?: string }).id ?? [])
}

describe('backup', () => {
  test('of a running agent: a whole database, for its owner only; nothing is left in the state directory', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 10)
    const file = join(rig.folder, 'copy.db')
    const { status, stdout, stderr } = await rig.tidegate('backup', file)
    assert.equal(status, 0, stderr)
    assert.ok(stdout.startsWith(`${file}: `), stdout)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const database = new Database(file, { readonly: true })
    t.after(() => database.close())
    assert.equal(database.pragma('integrity_check', { simple: true }), 'ok')
    assert.ok((database.prepare('SELECT count(*) FROM record').pluck().get() as number) >= 10)
    assert.deepEqual(
      readdirSync(rig.agent.stateDir).filter((name) => name.includes('backup')),
      [],
    )
    assert.match(rig.agent.log, /backup made, asked for over the socket/)
    await rig.agent.reaches(({ outbox }) => outbox.head > 20, { what: 'the agent to go on' })

    const other = join(rig.folder, 'other.db')
    writeFileSync(`${other}.partial`, 'not ours')
    const refused = await rig.tidegate('backup', other)
    assert.deepEqual([refused.status, /other\.db\.partial is there already/.test(refused.stderr)], [1, true])
    assert.equal(readFileSync(`${other}.partial`, 'utf8'), 'not ours')
    const again = await rig.tidegate('backup', file)
    assert.deepEqual([again.status, /is there already/.test(again.stderr)], [1, true])
    assert.equal((await rig.tidegate('backup', join(rig.folder, 'nowhere', 'copy.db'))).status, 2)
  })

  test('without an agent: of the file, and it says so', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 10)
    await rig.agent.stop()
    const file = join(rig.folder, 'copy.db')
    const { status, stderr } = await rig.tidegate('backup', file, '--json')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /The agent is not running/)
    assert.ok(statSync(file).size > 0)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  test('of a damaged database is kept under another name, and not taken for a backup', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 60)
    await rig.agent.stop()
    const source = join(rig.agent.stateDir, 'tidegate.db')
    const database = new Database(source, { readonly: true })
    const sql = "SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 1"
    const page = database.prepare(sql).pluck().get() as number
    database.close()
    destroyPage(source, page)
    const file = join(rig.folder, 'copy.db')
    const { status, stderr } = await rig.tidegate('backup', file)
    assert.equal(status, 1, stderr)
    assert.match(stderr, /the copy could not be restored, because the database is damaged/)
    assert.deepEqual([existsSync(file), existsSync(`${file}.damaged`)], [false, true])
  })
})

describe('restore', () => {
  test('refuses while an agent runs, and what is no whole database of ours; then nothing is changed', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 60)
    const good = join(rig.folder, 'good.db')
    assert.equal((await rig.tidegate('backup', good)).status, 0)
    const running = await rig.tidegate('restore', good)
    assert.deepEqual([running.status, /an agent is running/.test(running.stderr)], [1, true])
    await rig.agent.stop()

    const bytes = readFileSync(good)
    const bad: [string, Buffer, RegExp][] = [
      ['text', Buffer.from('no database at all, but longer than a header of SQLite'), /not a database/],
      ['empty', Buffer.alloc(0), /the file is empty/],
      ['short', bytes.subarray(0, bytes.length / 2), /malformed|disk image|Tree|Page/i],
      ['torn', Buffer.concat([bytes.subarray(0, 5_000), Buffer.alloc(6_000, 0xa5), bytes.subarray(11_000)]), /./],
      ['foreign', foreignDatabase(join(rig.folder, 'other.db')), /no database of tidegate/],
      ['newer', newerDatabase(join(rig.folder, 'newer.db'), bytes), /version/],
    ]
    const before = contents(rig.agent.stateDir)
    for (const [name, content, reason] of bad) {
      const file = join(rig.folder, `${name}.db`)
      writeFileSync(file, content)
      const { status, stdout, stderr } = await rig.tidegate('restore', file)
      assert.deepEqual([status, stdout], [1, ''], `${name}: ${stderr}`)
      assert.match(stderr, reason, name)
    }
    assert.equal((await rig.tidegate('restore', join(rig.folder, 'nothing.db'))).status, 2)
    assert.deepEqual(contents(rig.agent.stateDir), before)

    const own = join(rig.agent.stateDir, 'tidegate.db.restoring')
    writeFileSync(own, bytes)
    const refused = await rig.tidegate('restore', own)
    assert.deepEqual([refused.status, /move it to another name/.test(refused.stderr)], [2, true], refused.stderr)
    assert.deepEqual(readFileSync(own), bytes)
  })

  test('brings the records back with their ids, and keeps what was there', async (t) => {
    const rig = await outboxRig(t, { uplinks: ['cloud'] })
    await rig.outbox('pause', 'cloud')
    await rig.agent.reaches(({ uplinks }) => (uplinks[0]?.pending ?? 0) >= 20, { what: 'a backlog' })
    const file = join(rig.folder, 'copy.db')
    assert.equal((await rig.tidegate('backup', file)).status, 0)
    const listed = JSON.parse((await rig.outbox('ls', '--json', '--limit', '20')).stdout) as {
      seq: number
      idPrefix: string
    }[]
    await rig.outbox('resume', 'cloud')
    await until(() => rig.broker.stored.length >= 30, { what: 'the backlog to be delivered', timeoutMs: 30_000 })
    await rig.agent.stop()
    const sentBefore = rig.broker.stored.length

    const restored = await rig.tidegate('restore', file, '--json')
    assert.equal(restored.status, 0, restored.stderr)
    const { before, commands } = JSON.parse(restored.stdout) as { before: string; commands: number }
    assert.match(before, /tidegate\.db\.replaced-\d{4}-/)
    assert.ok(existsSync(before))
    assert.equal(commands, 0)

    rig.agent.start()
    await rig.agent.ready()
    await rig.outbox('resume', 'cloud')
    const ids = listed.map(({ seq, idPrefix }) => `${idPrefix}${seq}`)
    await until(
      () => {
        const again = new Set(idsIn(rig.broker.stored.slice(sentBefore).map(({ payload }) => payload)))
        return ids.every((id) => again.has(id))
      },
      { what: 'the records of the backup to come again', timeoutMs: 30_000 },
    )
    assert.equal((await rig.outbox('verify')).status, 0)
    const { storage, attention } = await rig.agent.status()
    assert.deepEqual([storage.state, attention], ['ok', []])
  })

  test('a command that was waiting ends as unknown, and is not applied', async (t) => {
    const rig = await outboxRig(t, { uplinks: ['cloud'], boiler: true })
    await rig.agent.reaches(({ uplinks }) => uplinks[0]?.state === 'online', { what: 'the uplink' })
    await until(() => rig.broker.connections.length > 0, { what: 'the connection', timeoutMs: 30_000 })
    rig.broker.deliver({ topic: 'tidegate/gw/command/boiler-setpoint', payload: '{"id":"c-1","value":55}', qos: 1 })
    await rig.agent.reaches(({ inbox }) => inbox.waiting.length === 1, { what: 'the command to wait' })
    const file = join(rig.folder, 'copy.db')
    assert.equal((await rig.tidegate('backup', file)).status, 0)
    await rig.agent.stop()
    const { status, stdout } = await rig.tidegate('restore', file)
    assert.equal(status, 0)
    assert.match(stdout, /1 command of that time will end as unknown/)

    rig.agent.start()
    await rig.agent.ready()
    const result = await until(
      () => rig.broker.stored.find(({ topic }) => topic === 'tidegate/gw/command/boiler-setpoint/result'),
      { what: 'the answer', timeoutMs: 30_000 },
    )
    const { id, state, reason } = JSON.parse(result.payload) as Record<string, unknown>
    assert.deepEqual([id, state, reason], ['c-1', 'unknown', 'restored from a backup'])
    assert.deepEqual((await rig.agent.status()).inbox.waiting, [])
  })

  test('one that fails at its last step says that it will be completed, and the next start completes it', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 10)
    const copy = join(rig.folder, 'copy.db')
    assert.equal((await rig.tidegate('backup', copy)).status, 0)
    await rig.agent.stop()
    const file = join(rig.agent.stateDir, 'tidegate.db')
    rmSync(file)
    rmSync(`${file}-wal`, { force: true })
    // Where the empty log is to be made.
    mkdirSync(`${file}-wal`)
    const { status, stderr } = await rig.tidegate('restore', copy)
    assert.deepEqual([status, /the next start of the agent/.test(stderr)], [1, true], stderr)
    assert.ok(!existsSync(file))
    rmdirSync(`${file}-wal`)
    rig.agent.start()
    await rig.agent.ready()
    assert.ok((await rig.agent.status()).uplinks.some(({ pending }) => pending >= 10))
    assert.deepEqual(
      readdirSync(rig.agent.stateDir).filter((name) => /successor|restoring/.test(name)),
      [],
    )
  })

  test('files of a gateway that lost its power are taken with their log', async (t) => {
    const rig = await outboxRig(t)
    await waiting(rig, 20)
    await rig.agent.kill()
    const old = join(rig.folder, 'old')
    const copied = await start(t, ['cp', '-a', rig.agent.stateDir, old]).ended
    assert.equal(copied.status, 0)
    const rows = (JSON.parse((await rig.outbox('verify', '--json')).stdout) as { rows: number }).rows
    const { status, stderr } = await rig.tidegate('restore', join(old, 'tidegate.db'))
    assert.equal(status, 0, stderr)
    assert.equal((JSON.parse((await rig.outbox('verify', '--json')).stdout) as { rows: number }).rows, rows)
  })
})

/** Names and contents of a folder; the socket and the ballast are left out. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder).filter((name) => name.startsWith('tidegate.db'))
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'base64')]))
}

function foreignDatabase(file: string): Buffer {
  const database = new Database(file)
  database.exec('CREATE TABLE record (seq INTEGER PRIMARY KEY, body TEXT)')
  database.close()
  return readFileSync(file)
}

function newerDatabase(file: string, bytes: Buffer): Buffer {
  writeFileSync(file, bytes)
  const database = new Database(file)
  database.pragma('user_version = 99')
  database.close()
  return readFileSync(file)
}

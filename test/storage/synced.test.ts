/** P1: nothing is confirmed before a sync that succeeded, whatever became of the syncs before. */
import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FaultShim, faultShim } from '../support/fault-shim.ts'
import { atEnd } from '../support/field-ending.ts'
import { temporaryFolder } from '../support/outbox-site.ts'
import { openThread, storedIds } from '../support/storage-thread.ts'
import { until } from '../support/until.ts'

const CHILD = fileURLToPath(new URL('../support/storage-child.ts', import.meta.url))
const LOG = 'tidegate.db-wal'

class Child {
  readonly #process: ChildProcessWithoutNullStreams
  readonly shim: FaultShim
  #output = ''
  #errors = ''

  constructor(file: string, shim: FaultShim) {
    this.shim = shim
    this.#process = spawn(process.execPath, [CHILD, file], { env: { ...process.env, ...shim.env } })
    this.#process.stdout.on('data', (data) => {
      this.#output += data
    })
    this.#process.stderr.on('data', (data) => {
      this.#errors += data
    })
  }

  async opened(): Promise<string> {
    await until(() => this.#output.includes('\n') || this.#process.exitCode !== null, {
      what: 'the child to open the database',
      timeoutMs: 30_000,
    })
    assert.match(this.#output, /^opened/, this.#errors)
    return (/^opened (.*)\n/.exec(this.#output)?.[1] ?? '').trim()
  }

  put(id: string): void {
    this.#process.stdin.write(`put ${id}\n`)
  }

  isConfirmed(id: string): boolean {
    return this.#output.includes(`confirmed ${id}\n`)
  }

  async confirmed(id: string): Promise<void> {
    await until(() => this.isConfirmed(id), { what: `the confirmation of ${id}`, timeoutMs: 30_000 })
  }

  /** Syncs of database and log that were made and succeeded. */
  goodSyncs(): number {
    return this.shim.count('sync', 'tidegate.db').good + this.shim.count('sync', LOG).good
  }

  failedSyncs(name = LOG): number {
    return this.shim.count('sync', name).failed
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    this.#process.stdin.end()
    await once(this.#process, 'exit')
  }
}

function start(t: TestContext): { readonly file: string; readonly shim: FaultShim; begin(): Child } | undefined {
  const shim = faultShim(t)
  if (!shim) return undefined
  const file = join(temporaryFolder(t), 'tidegate.db')
  const begin = () => {
    const child = new Child(file, shim)
    atEnd(t, () => child.end())
    return child
  }
  return { file, shim, begin }
}

test('every commit is synced before it is confirmed', async (t) => {
  const rig = start(t)
  if (!rig) return
  const child = rig.begin()
  await child.opened()
  for (let index = 0; index < 50; index += 1) {
    const before = child.shim.count('sync', LOG).good
    child.put(`a${index}`)
    await child.confirmed(`a${index}`)
    assert.ok(child.shim.count('sync', LOG).good > before, `commit ${index} was confirmed without a sync`)
  }
})

test('after failed syncs nothing is confirmed until one succeeds, and then everything', async (t) => {
  const rig = start(t)
  if (!rig) return
  const child = rig.begin()
  await child.opened()
  child.put('before')
  await child.confirmed('before')
  rig.shim.set('sync tidegate.db fail=EIO')
  child.put('during')
  await until(() => child.failedSyncs() + child.failedSyncs('tidegate.db') >= 3, {
    what: 'three failed syncs',
    timeoutMs: 60_000,
  })
  const good = child.goodSyncs()
  assert.equal(child.isConfirmed('during'), false)
  rig.shim.clear()
  await child.confirmed('during')
  assert.ok(child.goodSyncs() > good, 'confirmed without a sync that succeeded')
  await child.end()
  const storage = await openThread(t, rig.file)
  assert.deepEqual(await storedIds(storage), ['before', 'during'])
})

test('a single failed sync of the log: the job that finds its rows already there is synced all the same', async (t) => {
  const rig = start(t)
  if (!rig) return
  const child = rig.begin()
  await child.opened()
  child.put('before')
  await child.confirmed('before')
  const good = child.goodSyncs()
  rig.shim.set(`sync ${LOG} fail=EIO times=1`)
  child.put('after')
  await child.confirmed('after')
  assert.ok(child.failedSyncs() >= 1)
  // The log that was left is written into the database, and both are synced, before the job is run again.
  assert.ok(child.shim.count('sync', 'tidegate.db').good >= 1)
  assert.ok(child.goodSyncs() >= good + 2)
})

test('a disk that cannot sync at the start: what is there is read, and confirmed only when it can', async (t) => {
  const rig = start(t)
  if (!rig) return
  const first = rig.begin()
  await first.opened()
  first.put('old')
  await first.confirmed('old')
  await first.end()
  rig.shim.set('sync tidegate.db fail=EIO')
  const child = rig.begin()
  assert.match(await child.opened(), /^SQLITE_IOERR/)
  child.put('new')
  const failed = child.failedSyncs()
  await until(() => child.failedSyncs() > failed, { what: 'another try', timeoutMs: 60_000 })
  assert.equal(child.isConfirmed('new'), false)
  rig.shim.clear()
  await child.confirmed('new')
})

import { existsSync, lstatSync } from 'node:fs'
import { open as openFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { GatewayError, messageOf } from '../errors.ts'
import { syncDirectory } from '../storage/copy.ts'
import { askLong, isRunning, open } from './client.ts'
import { faultsOf } from './examined.ts'
import { formatSize } from './format.ts'
import { openDatabase } from './outbox/offline.ts'
import { progressLine } from './progress.ts'

export interface BackupFlags {
  readonly stateDir: string
  readonly json: boolean
}

const API = '/api/v1/backup'

/** `tidegate backup FILE`: a copy of the database that `tidegate restore` takes, made while the agent goes on, or without it. */
export async function backup(file: string, { stateDir, json }: BackupFlags): Promise<number> {
  const target = resolve(file)
  if (existsSync(target)) {
    throw new GatewayError('conflict', `${target} is there already`, { hint: 'choose another name, or remove it' })
  }
  if (!existsSync(dirname(target))) throw new GatewayError('usage', `there is no directory ${dirname(target)}`)
  const partial = `${target}.partial`
  if (lstatSync(partial, { throwIfNoEntry: false })) {
    throw new GatewayError('conflict', `${partial} is there already`, {
      hint: 'a backup that was killed leaves it: remove it, or choose another name',
    })
  }
  const running = await isRunning(stateDir)
  if (running) await fetchCopy(stateDir, target)
  else await copyOffline(stateDir, target)
  const faults = await faultsOf(target)
  if (faults !== undefined) {
    await rename(target, `${target}.damaged`)
    throw new GatewayError('bad_answer', `the copy could not be restored, because the database is damaged: ${faults}`, {
      hint: `it is kept as ${target}.damaged; restart the agent, which salvages what is readable, and take another`,
    })
  }
  const { size } = await stat(target)
  if (json) console.log(JSON.stringify({ file: target, bytes: size, running }))
  else console.log(`${target}: ${formatSize(size)}`)
  return 0
}

/** The agent makes a copy in its own directory, and we bring it to its place: it may not write there. */
async function fetchCopy(stateDir: string, target: string): Promise<void> {
  const stop = new AbortController()
  const onInterrupt = () => stop.abort(new Error('interrupted'))
  process.once('SIGINT', onInterrupt)
  const partial = `${target}.partial`
  const progress = progressLine('copying')
  try {
    const { bytes } = (await askLong(stateDir, { method: 'POST', path: API }, (done, of) =>
      progress.show(done / 2, of),
    )) as { bytes: number }
    const body = await open(stateDir, { path: API })
    // Nobody else may read what the gateway measured.
    await using handle = await openFile(partial, 'wx', 0o600)
    let received = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      stop.signal.throwIfAborted()
      await handle.writeFile(chunk)
      received += chunk.length
      progress.show(bytes + received, 2 * bytes)
    }
    if (received !== bytes) throw new Error(`only ${received} of ${bytes} bytes arrived`)
    await handle.sync()
    await rename(partial, target)
    await syncDirectory(dirname(target))
  } catch (error) {
    // Whatever appeared in its place meanwhile is not ours.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') await rm(partial, { force: true })
    if (error instanceof GatewayError) throw error
    throw new GatewayError('bad_answer', `cannot write the backup ${target}: ${messageOf(error)}`, { cause: error })
  } finally {
    process.removeListener('SIGINT', onInterrupt)
    progress.clear()
    await open(stateDir, { method: 'DELETE', path: API }).then(
      (answer) => answer.resume(),
      () => {},
    )
  }
}

async function copyOffline(stateDir: string, target: string): Promise<void> {
  const file = join(stateDir, 'tidegate.db')
  const storage = await openDatabase(stateDir, file)
  console.error(`The agent is not running: this is a copy of ${file}.`)
  const progress = progressLine('copying')
  try {
    await storage.backup(target, ({ doneBytes, totalBytes }) => progress.show(doneBytes, totalBytes))
  } finally {
    progress.clear()
    await storage.close()
  }
}

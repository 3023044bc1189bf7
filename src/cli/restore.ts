import { existsSync, realpathSync, statSync } from 'node:fs'
import { chmod, chown, copyFile, open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { systemClock } from '../clock.ts'
import { GatewayError, messageOf } from '../errors.ts'
import { markOperation, RESTORED } from '../inbox/operations.ts'
import { silentLogger } from '../log.ts'
import { examineDatabase } from '../storage/examine.ts'
import { finishSetAside, RESTORING, replaceDatabase } from '../storage/recovery.ts'
import { StorageThread } from '../storage/storage.ts'
import { isRunning } from './client.ts'
import { faultsOf } from './examined.ts'
import { formatNumberOf } from './format.ts'

export interface RestoreFlags {
  readonly stateDir: string
  readonly json: boolean
  /** Only say what is wrong with the file: what the child process does. */
  readonly examine: boolean
}

interface Restored {
  readonly file: string
  /** Where the database is that was there before; absent when there was none. */
  readonly before?: string
  /** Commands that were under way when the backup was made; they end `unknown`. */
  readonly commands: number
}

/**
 * `tidegate restore FILE`: puts a backup in the place of the database. The agent must be stopped. The file is copied, the
 * copy is examined, and only then takes the place of what is there, which is moved aside.
 */
export async function restore(file: string, flags: RestoreFlags): Promise<number> {
  if (flags.examine) {
    const examined = examineDatabase(file)
    console.log(JSON.stringify(examined))
    return examined.problems.length === 0 ? 0 : 1
  }
  const source = resolve(file)
  if (!existsSync(source)) throw new GatewayError('usage', `there is no file ${source}`)
  await refuseWhileRunning(flags.stateDir)
  const result = await putInPlace(source, flags.stateDir)
  if (flags.json) console.log(JSON.stringify(result))
  else console.log(text(result).join('\n'))
  return 0
}

async function putInPlace(source: string, stateDir: string): Promise<Restored> {
  const file = join(stateDir, 'tidegate.db')
  const copy = file + RESTORING
  if (existsSync(copy) && realpathSync(copy) === realpathSync(source)) {
    throw new GatewayError('usage', `${source} is the name of the copy that is made of a backup`, {
      hint: 'move it to another name first',
    })
  }
  let isCertain = false
  try {
    // A restore that was interrupted is completed first: two that wait for one place would depend on their names.
    finishSetAside(file)
    await removeAll(copy)
    await copyFile(source, copy)
    // The files of a gateway that lost its power: what the log has is part of them.
    if (existsSync(`${source}-wal`)) await copyFile(`${source}-wal`, `${copy}-wal`)
    const faults = await faultsOf(copy)
    if (faults !== undefined) {
      throw new GatewayError('bad_answer', `${source} cannot be restored: ${faults}`, {
        hint: 'nothing was changed; take another backup',
      })
    }
    const commands = await markCommands(copy)
    await makeDurable(copy, stateDir)
    await refuseWhileRunning(stateDir)
    const { before } = replaceDatabase(file, copy, () => {
      isCertain = true
    })
    return { file, commands, ...(before === undefined ? {} : { before }) }
  } catch (error) {
    await removeAll(copy)
    if (error instanceof GatewayError) throw error
    throw new GatewayError('state_unusable', `cannot restore ${source}: ${messageOf(error)}`, {
      cause: error,
      hint: isCertain
        ? 'the copy is complete: the next start of the agent, or of this command, puts it in its place'
        : 'run this as root; nothing was changed',
    })
  }
}

async function refuseWhileRunning(stateDir: string): Promise<void> {
  if (!existsSync(stateDir)) throw new GatewayError('usage', `there is no state directory ${stateDir}`)
  const refusal = () =>
    new GatewayError('conflict', `an agent is running on ${stateDir}`, {
      hint: 'stop it first: systemctl stop tidegate',
    })
  if (await isRunning(stateDir)) throw refusal()
  // An agent that is just starting or ending has no socket, but the lock.
  const file = join(stateDir, 'tidegate.db')
  if (!existsSync(file)) return
  try {
    const storage = await StorageThread.open(file, { clock: systemClock, log: silentLogger, readOnly: true })
    await storage.close()
  } catch (error) {
    // A damaged one may well be the reason why a backup is restored.
    if (error instanceof GatewayError && error.code === 'state_locked') throw refusal()
  }
}

/** Brings the copy up to this version, and marks the commands that may have been applied since the backup was made. */
async function markCommands(copy: string): Promise<number> {
  const storage = await StorageThread.open(copy, { clock: systemClock, log: silentLogger })
  try {
    const [commands] = await storage.transact([markOperation(RESTORED)])
    return commands
  } finally {
    await storage.close()
  }
}

async function makeDurable(copy: string, stateDir: string): Promise<void> {
  if (existsSync(`${copy}-wal`)) throw new Error('the log of the copy could not be written back')
  await giveToAgent(copy, stateDir)
  await using handle = await open(copy, 'r+')
  await handle.sync()
}

/** Root restores, and another user runs the agent: what is in its directory is its own. */
async function giveToAgent(file: string, stateDir: string): Promise<void> {
  await chmod(file, 0o640)
  const { uid, gid } = statSync(stateDir)
  if (process.getuid?.() === 0) await chown(file, uid, gid)
}

async function removeAll(file: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal', '.ballast']) await rm(file + suffix, { force: true })
}

function text({ file, before, commands }: Restored): string[] {
  return [
    `${file} is restored.`,
    ...(before === undefined ? [] : [`What was there before: ${before}`]),
    ...(commands === 0
      ? []
      : [`${formatNumberOf(commands, 'command')} of that time will end as unknown: they may have been applied since.`]),
    'What the cloud has already will be sent again, with the same ids. Start the agent: systemctl start tidegate',
  ]
}

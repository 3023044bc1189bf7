import { fstatSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Connection, OpenFiles } from './connection.ts'
import { copyOpenFile, syncDirectory } from './copy.ts'
import { moveAside } from './database.ts'
import type { FileLoss } from './protocol.ts'

/** Of the new files. */
const MODE = 0o640

/** What happened to the name of an open file; undefined when it is where it was, or cannot be told. */
function lossOf(path: string, descriptor: number | undefined): FileLoss['what'] | undefined {
  if (descriptor === undefined) return undefined
  const there = statSync(path, { throwIfNoEntry: false })
  if (!there) return 'deleted'
  const open = fstatSync(descriptor)
  return there.dev === open.dev && there.ino === open.ino ? undefined : 'replaced'
}

export function databaseLoss(file: string, files: OpenFiles): FileLoss['what'] | undefined {
  return lossOf(file, files.database)
}

export function logLoss(file: string, files: OpenFiles): FileLoss['what'] | undefined {
  return lossOf(`${file}-wal`, files.log)
}

/**
 * Gives a database whose file was deleted or replaced a file again. The open descriptors still have everything: the
 * database file, which stands still as long as the log is not written back, and the log. `hold` is called when the log is
 * copied: nothing may be committed from then on. Closes the connection at the end, for the caller to open again.
 */
export async function rewriteDatabase(
  file: string,
  options: { readonly connection: Connection; readonly hold: () => void },
): Promise<FileLoss> {
  const { connection } = options
  const { generation, files } = connection
  if (files.database === undefined || files.log === undefined) throw new Error('the agent has too many files open')
  const what = databaseLoss(file, files) ?? 'deleted'
  const isSame = () => connection.generation === generation
  const partial = `${file}.partial`
  const partialLog = `${file}.partial-wal`
  const removePartial = () => {
    for (const path of [partial, partialLog]) rmSync(path, { force: true })
  }
  try {
    // An agent that was killed here left them.
    removePartial()
    await copyOpenFile(files.database, partial, { isSame, mode: MODE })
    options.hold()
    await copyOpenFile(files.log, partialLog, { isSame, mode: MODE })
  } catch (error) {
    removePartial()
    throw error
  }
  const isLogThere = logLoss(file, files) === undefined
  // Its file has no name, so that SQLite neither writes the log back nor deletes it.
  connection.close()
  const aside = what === 'replaced' ? moveReplaced(file, { isLogOurs: isLogThere }) : undefined
  renameSync(partialLog, `${file}-wal`)
  renameSync(partial, file)
  await syncDirectory(dirname(file))
  return { what, ...(aside ? { aside } : {}) }
}

/** The other file goes aside with its own log, but not with ours. */
function moveReplaced(file: string, { isLogOurs }: { readonly isLogOurs: boolean }): string {
  if (isLogOurs) rmSync(`${file}-wal`, { force: true })
  return moveAside(file, 'replaced')
}

/** Moves a file away that stands in the place of our log. */
export function moveStrangeLog(file: string, files: OpenFiles): void {
  if (logLoss(file, files) === 'replaced') renameSync(`${file}-wal`, `${file}-wal.replaced-${Date.now()}`)
}

import type { StorageStatus } from '../status.ts'
import type { Problem } from './health.ts'
import type { DiskFacts, FileLoss, Opened } from './protocol.ts'

interface Facts {
  readonly problem: Problem | undefined
  readonly facts: DiskFacts
  readonly opened: Opened
  readonly loss: FileLoss | undefined
  readonly isLogLost: boolean
}

const LOG_LOST =
  'the write-ahead log was gone or cut short after an unclean stop, what was committed last is missing; the cloud was told up to where'

/** What `tidegate status` shows of the storage. */
export function storageStatus(file: string, { problem, facts, opened, loss, isLogLost }: Facts): StorageStatus {
  const { fileBytes, freeBytes, writtenBytes, ballastBytes } = facts
  const recovered = recoveredBy(opened, loss) ?? (isLogLost ? LOG_LOST : undefined)
  return {
    state: problem ? 'failing' : 'ok',
    ...(problem ? { problem } : {}),
    file,
    fileBytes,
    ballastBytes,
    ...(freeBytes === undefined ? {} : { freeBytes }),
    ...(writtenBytes === undefined ? {} : { writtenBytes }),
    ...(recovered ? { recovered } : {}),
  }
}

function recoveredBy({ setAside, damage }: Opened, loss: FileLoss | undefined): string | undefined {
  if (loss) {
    const where = loss.aside ? `; the other file was moved to ${loss.aside}` : ''
    return `the database file was ${loss.what} while in use, and written again with everything in it${where}`
  }
  return setAside ? `damaged database (${damage}) moved to ${setAside}, a new one begun` : undefined
}

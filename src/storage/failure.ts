import { GatewayError, messageOf } from '../errors.ts'
import type { Failure } from './protocol.ts'

/** SQLite's or the system's code; `bug` for everything else. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'bug'
}

const SYSTEM_TROUBLE = /^E(ROFS|ACCES|PERM|NOSPC|DQUOT|FBIG|IO|NOENT|NODEV|NXIO|MFILE|NFILE|STALE|TIMEDOUT)$/
const SQLITE_TROUBLE = /^SQLITE_(FULL|IOERR|READONLY|BUSY|LOCKED|CANTOPEN|NOMEM|CORRUPT|NOTADB|PROTOCOL|PERM)/

/** Trouble of the disk or of a lock, which may pass; everything else is a programming error. */
export function isDiskTrouble(error: unknown): boolean {
  const code = codeOf(error)
  return SQLITE_TROUBLE.test(code) || SYSTEM_TROUBLE.test(code)
}

export function isDamage(error: unknown): boolean {
  return isDamageCode(codeOf(error))
}

export function isFull(error: unknown): boolean {
  return /^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(codeOf(error))
}

/** Another process has the file. */
export function isLocked(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY')
}

export function failureOf(error: unknown): Failure {
  return { code: codeOf(error), message: messageOf(error), retriable: isDiskTrouble(error) }
}

/** What the user can do about a code, if we know. */
export function hintFor(code: string): string | undefined {
  if (/^(SQLITE_FULL|ENOSPC|EDQUOT)/.test(code)) return 'the disk is full: free some space'
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS')
    return 'the file system is read-only: look at `dmesg` for a failing card'
  if (/^(EACCES|EPERM|SQLITE_PERM)$/.test(code))
    return 'the agent may not write here: look at owner and mode of the files'
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO')
    return 'the disk reports errors: look at `dmesg`, replace the card'
  if (isDamageCode(code)) return 'the database is damaged: the agent sets the file aside and salvages what is readable'
  if (code === 'database_gone') return 'the database file was deleted: restart the agent, it begins a new one'
  if (code === 'newer_database') return 'install the newer program again, or give this one its own --state-dir'
  if (code === 'foreign_database') return 'give the agent its own --state-dir'
  return undefined
}

/** Why a database could not be opened at all, for the user. */
export function openError(file: string, failure: Failure): GatewayError {
  if (failure.code.startsWith('SQLITE_BUSY')) {
    return new GatewayError('state_locked', `cannot open ${file}: another agent is running on it`, {
      hint: 'stop the other agent, or give this one its own --state-dir',
    })
  }
  const hint = hintFor(failure.code) ?? 'check that the state directory exists and can be written'
  return new GatewayError('state_unusable', `cannot open ${file}: ${failure.message} (${failure.code})`, { hint })
}

export class StorageReadError extends Error {
  readonly code: string
  constructor(failure: Failure) {
    super(`storage could not be read: ${failure.message}`)
    this.name = 'StorageReadError'
    this.code = failure.code
  }
}

function isDamageCode(code: string): boolean {
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB'
}

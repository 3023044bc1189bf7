import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, unlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { GatewayError } from '../errors.ts'

/** sockaddr_un of Linux has 108 bytes for the path with its closing zero (unix(7)); Node cuts a longer one silently. */
const SOCKET_PATH_BYTES_MAX = 107

/** Somebody who accepts connections does so at once; this is for a machine under load. */
const ANSWER_WAIT_MAX_MS = 2000

/** Where the agent with this state directory listens. */
export function socketPath(stateDir: string): string {
  const path = join(stateDir, 'tidegate.sock')
  const bytes = Buffer.byteLength(path)
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new GatewayError(
      'socket_path',
      `cannot use the socket ${path}: its path has ${bytes} bytes, the system allows ${SOCKET_PATH_BYTES_MAX}`,
      { hint: 'choose a shorter --state-dir' },
    )
  }
  return path
}

/**
 * Where it listens when its state directory takes no new file, because the file system is read-only or full: below /run,
 * which is memory. The name comes from the state directory, so that whoever asks finds it.
 */
export function spareSocketPath(stateDir: string): string {
  const name = createHash('sha256').update(resolve(stateDir)).digest('hex').slice(0, 16)
  return join(process.env['RUNTIME_DIRECTORY'] ?? '/run/tidegate', `${name}.sock`)
}

/** Listens in the state directory, or else at the spare place; gives the path. */
export async function listenFor(server: Server, stateDir: string): Promise<string> {
  const path = socketPath(stateDir)
  try {
    await listenOnSocket(server, path)
    return path
  } catch (error) {
    if (!takesNoFile(error)) throw error
    const spare = spareSocketPath(stateDir)
    try {
      mkdirSync(dirname(spare), { recursive: true, mode: 0o750 })
      await listenOnSocket(server, spare)
    } catch {
      throw error
    }
    return spare
  }
}

function takesNoFile(error: unknown): boolean {
  const cause = error instanceof GatewayError ? error.cause : error
  return ['EROFS', 'ENOSPC', 'EDQUOT', 'EIO'].some((code) => isCode(cause, code))
}

/**
 * Listens for the owner and group only. A socket file that nobody answers on was left by a process that was killed, and
 * is replaced; one that somebody answers on belongs to another agent.
 */
async function listenOnSocket(server: Server, path: string): Promise<void> {
  try {
    await listen(server, path)
  } catch (error) {
    if (!isCode(error, 'EADDRINUSE')) throw unusable(path, error)
    if (await somebodyAnswers(path)) throw inUse(path)
    try {
      // Not rmSync: of a read-only file system it throws an error without a code.
      unlinkSync(path)
      await listen(server, path)
    } catch (again) {
      throw unusable(path, again)
    }
  }
  chmodSync(path, 0o660)
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const finish = (answers: boolean) => {
      socket.destroy()
      resolve(answers)
    }
    socket.setTimeout(ANSWER_WAIT_MAX_MS, () => finish(true))
    socket.once('connect', () => finish(true))
    socket.once('error', (error) => finish(!isCode(error, 'ECONNREFUSED') && !isCode(error, 'ENOENT')))
  })
}

function inUse(path: string): GatewayError {
  return new GatewayError('state_locked', `cannot listen on ${path}: another agent answers there`, {
    hint: 'stop the other agent, or give this one its own --state-dir',
  })
}

function unusable(path: string, cause: unknown): GatewayError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : cause
  return new GatewayError('state_unusable', `cannot listen on ${path}: ${code}`, {
    cause,
    hint: 'the state directory must exist on a local disk and be writable for the user the agent runs as',
  })
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

import { existsSync } from 'node:fs'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { socketPath, spareSocketPath } from '../console/socket.ts'
import { type ErrorCode, GatewayError } from '../errors.ts'

/** The agent answers from memory; later than this it hangs. */
const ANSWER_WAIT_MAX_MS = 5000
/** Giving up or marking a long backlog goes through the disk, which may be slow. */
const ORDER_WAIT_MAX_MS = 600_000
/** The status of a very large site has a few MB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

export interface Call {
  readonly method?: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Silence of the agent beyond this counts as unreachable. */
  readonly waitMs?: number
  /** Hangs up. */
  readonly signal?: AbortSignal | undefined
}

/**
 * GETs a JSON document from the agent that owns the state directory. Throws GatewayError('agent_unreachable') when
 * nobody answers in time, GatewayError('bad_answer') for another status than 200, or what the agent refused it with.
 */
export async function getJson(stateDir: string, path: string, waitMs = ANSWER_WAIT_MAX_MS): Promise<unknown> {
  return JSON.parse(await textOf(stateDir, { path, waitMs })) as unknown
}

/** Has the agent change something; gives its answer. */
export function postJson(stateDir: string, path: string, body: unknown): Promise<unknown> {
  return callJson(stateDir, { method: 'POST', path, body })
}

/** As `postJson`, for what takes long and may be given up. */
export async function callJson(stateDir: string, call: Call): Promise<unknown> {
  return JSON.parse(await textOf(stateDir, { waitMs: ORDER_WAIT_MAX_MS, ...call })) as unknown
}

/** Asks what takes long; tells how far it is, and gives the result. */
export async function askLong(
  stateDir: string,
  call: Call,
  onProgress: (done: number, of: number) => void,
): Promise<unknown> {
  const answer = await open(stateDir, { waitMs: ORDER_WAIT_MAX_MS, ...call })
  try {
    for await (const text of createInterface({ input: answer })) {
      const line = JSON.parse(text) as LongLine
      if ('result' in line) return line.result
      if ('error' in line) throw refused(line.error)
      onProgress(line.done, line.of)
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error
    throw cutShort(error)
  }
  throw cutShort()
}

function cutShort(cause?: unknown): GatewayError {
  return new GatewayError('agent_unreachable', 'the agent ended before it had answered', {
    cause,
    hint: 'look what it does: journalctl -u tidegate -n 50',
  })
}

type LongLine =
  | { readonly done: number; readonly of: number }
  | { readonly result: unknown }
  | { readonly error: Problem }

/** The lines of an answer, as they come; ends without an error when the agent does, or when the signal hangs up. */
export async function* openLines(stateDir: string, call: Call): AsyncGenerator<string> {
  const answer = await open(stateDir, call)
  try {
    yield* createInterface({ input: answer })
  } catch (error) {
    // A connection that breaks in the middle of an answer has no more to say.
    if (!(error instanceof Error && 'code' in error)) throw error
  }
}

/** The answer as a stream of bytes. */
export async function open(stateDir: string, call: Call): Promise<IncomingMessage> {
  const socket = socketPath(stateDir)
  const answer = await send(socket, call).catch((error: unknown) => sendToSpare(stateDir, call, error))
  const { statusCode = 0 } = answer
  if (statusCode >= 200 && statusCode < 300) return answer
  throw problemOf(socket, call, { status: statusCode, body: await textFrom(socket, answer) })
}

async function textOf(stateDir: string, call: Call): Promise<string> {
  const answer = await open(stateDir, call)
  return textFrom(socketPath(stateDir), answer)
}

/** An agent whose state directory takes no file listens elsewhere. `error`: why nobody is where it should be. */
async function sendToSpare(stateDir: string, call: Call, error: unknown): Promise<IncomingMessage> {
  const spare = spareSocketPath(stateDir)
  if (!isNobodyThere(error) || !existsSync(spare)) throw error
  return await send(spare, call).catch((second: unknown) => {
    throw isNobodyThere(second) ? error : second
  })
}

function send(socket: string, call: Call): Promise<IncomingMessage> {
  const { method = 'GET', path, body, waitMs = ANSWER_WAIT_MAX_MS, signal } = call
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unreachable(socket, error, waitMs))
    const outgoing: ClientRequest = request(
      { socketPath: socket, path, method, agent: false, ...(signal ? { signal } : {}) },
      resolve,
    )
    outgoing.setTimeout(waitMs, () => outgoing.destroy(new SilentError()))
    outgoing.on('error', fail)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

class SilentError extends Error {
  readonly code = 'SILENT'
}

async function textFrom(socket: string, answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw unreachable(socket, error, ANSWER_WAIT_MAX_MS)
  }
  return Buffer.concat(chunks).toString('utf8')
}

interface Problem {
  readonly detail: string
  readonly code?: ErrorCode
  readonly hint?: string
}

function problemOf(socket: string, call: Call, answer: { readonly status: number; readonly body: string }): Error {
  const problem = parseProblem(answer.body)
  if (problem?.code !== undefined) return refused(problem)
  const { status, body } = answer
  const text = `the agent on ${socket} answered ${call.path} with status ${status}: ${problem?.detail ?? body.trim()}`
  return new GatewayError('bad_answer', text, {
    hint: 'the agent and this command should be of the same version: tidegate version',
  })
}

function parseProblem(body: string): Problem | undefined {
  try {
    const given = JSON.parse(body) as Problem | null
    return typeof given?.detail === 'string' ? given : undefined
  } catch {
    return undefined
  }
}

function refused({ detail, code = 'bad_answer', hint }: Problem): GatewayError {
  return new GatewayError(code, detail, hint === undefined ? {} : { hint })
}

const reasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such socket', ''],
  ENOTDIR: ['there is no such directory', ''],
  ECONNREFUSED: ['nobody listens there', ''],
  EACCES: ['permission denied', 'run this as root or as a member of the group tidegate'],
  EPERM: ['permission denied', 'run this as root or as a member of the group tidegate'],
}

const HOW_TO_START =
  'start the agent: systemctl start tidegate, or tidegate run --config FILE --state-dir DIR (and give --state-dir DIR here too)'

function unreachable(socket: string, cause: unknown, waitMs: number): GatewayError {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = 'code' in error ? String(error.code) : ''
  const [reason, hint] =
    code === 'SILENT'
      ? [`no answer within ${waitMs / 1000} s`, 'look what it does: journalctl -u tidegate -n 50']
      : (reasons[code] ?? [error.message, ''])
  return new GatewayError('agent_unreachable', `cannot reach the agent on ${socket}: ${reason}`, {
    cause,
    hint: hint || HOW_TO_START,
  })
}

/** True when an agent answers on the socket, false when nobody is there; throws when somebody is and may not be asked. */
export async function isRunning(stateDir: string): Promise<boolean> {
  try {
    const answer = await open(stateDir, { path: '/livez' })
    answer.resume()
    return true
  } catch (error) {
    if (isNobodyThere(error)) return false
    throw error
  }
}

/** Nobody is there at all, as opposed to somebody who may not be asked or does not answer. */
export function isNobodyThere(error: unknown): boolean {
  if (!(error instanceof GatewayError) || error.code !== 'agent_unreachable') return false
  const { cause } = error
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ECONNREFUSED')
}

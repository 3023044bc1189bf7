import { request } from 'node:http'
import { socketPath } from '../console/socket.ts'
import { GatewayError } from '../errors.ts'

/** The agent answers from memory; later than this it hangs. */
const ANSWER_WAIT_MAX_MS = 5000
/** The status of a very large site has a few MB. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/**
 * GETs a JSON document from the agent that owns the state directory. Throws GatewayError('agent_unreachable') when
 * nobody answers in time, GatewayError('bad_answer') for another status than 200.
 */
export async function getJson(stateDir: string, path: string): Promise<unknown> {
  const socket = socketPath(stateDir)
  const { status, body } = await get(socket, path)
  if (status === 200) return JSON.parse(body) as unknown
  throw new GatewayError(
    'bad_answer',
    `the agent on ${socket} answered ${path} with status ${status}: ${body.trim()}`,
    {
      hint: 'the agent and this command should be of the same version: tidegate version',
    },
  )
}

function get(socket: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_WAIT_MAX_MS)
    const fail = (error: unknown) => reject(unreachable(socket, error))
    const call = request({ socketPath: socket, path, signal }, (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) call.destroy(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`))
        else chunks.push(chunk)
      })
      answer.on('error', fail)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }))
    })
    call.on('error', fail)
    call.end()
  })
}

const reasons: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such socket', ''],
  ENOTDIR: ['there is no such directory', ''],
  ECONNREFUSED: ['nobody listens there', ''],
  EACCES: ['permission denied', 'run this as root or as a member of the group tidegate'],
  EPERM: ['permission denied', 'run this as root or as a member of the group tidegate'],
  ABORT_ERR: [`no answer within ${ANSWER_WAIT_MAX_MS / 1000} s`, 'look what it does: journalctl -u tidegate -n 50'],
}

const HOW_TO_START =
  'start the agent: systemctl start tidegate, or tidegate run --config FILE --state-dir DIR (and give --state-dir DIR here too)'

function unreachable(socket: string, cause: unknown): GatewayError {
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = 'code' in error ? String(error.code) : ''
  const [reason, hint] = reasons[code] ?? [error.message, '']
  return new GatewayError('agent_unreachable', `cannot reach the agent on ${socket}: ${reason}`, {
    cause,
    hint: hint || HOW_TO_START,
  })
}

import { GatewayError } from '../../errors.ts'
import type { OutboxReader, OutboxWriter } from '../../outbox-api.ts'
import { StorageReadError } from '../../storage/failure.ts'
import { isRunning } from '../client.ts'
import { offlineOutbox } from './offline.ts'
import { remoteOutbox } from './remote.ts'

/** Flags that every command on the outbox has. */
export interface OutboxFlags {
  readonly stateDir: string
  readonly json: boolean
}

/**
 * Asks the running agent; when nobody is there, reads its file and says so on standard error. What `work` gives is the exit
 * status.
 */
export async function withOutbox(stateDir: string, work: (reader: OutboxReader) => Promise<number>): Promise<number> {
  if (await isRunning(stateDir)) return work(remoteOutbox(stateDir))
  const offline = await offlineOutbox(stateDir)
  console.error(`The agent is not running: this is what stands in ${offline.file}.`)
  try {
    return await work(offline.reader)
  } catch (error) {
    throw readable(offline.file, error)
  } finally {
    await offline.close()
  }
}

/** A file that cannot be read is no fault of this program. */
export function readable(file: string, error: unknown): unknown {
  if (!(error instanceof StorageReadError)) return error
  return new GatewayError('state_unusable', `cannot read ${file}: ${error.message}`, {
    cause: error,
    hint: 'start the agent: it sets a damaged file aside and saves what can be read',
  })
}

/** Has the running agent change something; without one, GatewayError('agent_unreachable'). */
export function outboxOfAgent(stateDir: string): OutboxReader & OutboxWriter {
  return remoteOutbox(stateDir)
}

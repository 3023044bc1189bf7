import type { InboxReader, InboxWriter } from '../../inbox-api.ts'
import { isRunning } from '../client.ts'
import { readable } from '../outbox/source.ts'
import { offlineInbox } from './offline.ts'
import { remoteInbox } from './remote.ts'

/** Flags that every command on the inbox has. */
export interface InboxFlags {
  readonly stateDir: string
  readonly json: boolean
}

/**
 * Asks the running agent; when nobody is there, reads its file and says so on standard error. What `work` gives is the exit
 * status.
 */
export async function withInbox(stateDir: string, work: (reader: InboxReader) => Promise<number>): Promise<number> {
  if (await isRunning(stateDir)) return work(remoteInbox(stateDir))
  const offline = await offlineInbox(stateDir)
  console.error(`The agent is not running: this is what stands in ${offline.file}.`)
  try {
    return await work(offline.reader)
  } catch (error) {
    throw readable(offline.file, error)
  } finally {
    await offline.close()
  }
}

/** Has the running agent change something; without one, GatewayError('agent_unreachable'). */
export function inboxOfAgent(stateDir: string): InboxReader & InboxWriter {
  return remoteInbox(stateDir)
}

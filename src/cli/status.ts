import type { Status } from '../status.ts'
import { getJson } from './client.ts'
import { statusLine } from './status-line.ts'
import { statusScreen } from './status-screen.ts'

export interface StatusOptions {
  readonly stateDir: string
  /** The whole snapshot as JSON, for scripts. */
  readonly json: boolean
  /** One line, as in `systemctl status`. */
  readonly short: boolean
}

/** Asks the running agent. The exit status is 0 when nothing needs attention, else 1. */
export async function status(options: StatusOptions): Promise<number> {
  // The agent answers with this type; an agent of another version only ever has more fields.
  const snapshot = (await getJson(options.stateDir, '/api/v1/status')) as Status
  if (options.json) console.log(JSON.stringify(snapshot, null, 2))
  else if (options.short) console.log(`${snapshot.gateway}: ${statusLine(snapshot)}`)
  else console.log(statusScreen(snapshot).join('\n'))
  return snapshot.attention.length === 0 ? 0 : 1
}

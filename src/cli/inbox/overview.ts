import { inboxScreen } from './screen.ts'
import { type InboxFlags, withInbox } from './source.ts'
import { finalStates } from './states.ts'

/** Finished commands on the screen. */
const LATEST_SHOWN = 5

/** `tidegate inbox`: what waits and for what, and what became of the latest. */
export function overview({ stateDir, json }: InboxFlags): Promise<number> {
  return withInbox(stateDir, async (reader) => {
    const report = await reader.report()
    if (json) {
      console.log(JSON.stringify(report, null, 2))
      return 0
    }
    const { commands: latest } = await reader.commands({ states: finalStates, limit: LATEST_SHOWN })
    const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
    console.log(inboxScreen(report, { latest, columns }).join('\n'))
    return 0
  })
}

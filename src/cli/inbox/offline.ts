import { join } from 'node:path'
import { systemClock } from '../../clock.ts'
import type { InboxReader } from '../../inbox-api.ts'
import { storedInbox } from '../../inbox-desk.ts'
import { loadQuestion } from '../../outbox/operations.ts'
import { storedView } from '../../outbox/view.ts'
import { Times } from '../../times.ts'
import { openDatabase } from '../outbox/offline.ts'

/** The inbox as an agent left it in its file. Nothing is changed there. */
export async function offlineInbox(
  stateDir: string,
): Promise<{ readonly reader: InboxReader; readonly file: string; close(): Promise<void> }> {
  const file = join(stateDir, 'tidegate.db')
  const storage = await openDatabase(stateDir, file)
  try {
    // The outbox knows what time it was in which boot of the machine.
    const loaded = await storage.read(loadQuestion())
    const times = await Times.begin('trusted', systemClock)
    const { boots } = storedView(loaded, times.now())
    const facts = () => ({ now: times.now(), bootOffset: (boot: string) => boots.knownOffset(boot) })
    return { reader: storedInbox(storage, facts), file, close: () => storage.close() }
  } catch (error) {
    await storage.close()
    throw error
  }
}

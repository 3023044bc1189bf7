import { outboxScreen } from './screen.ts'
import { type OutboxFlags, withOutbox } from './source.ts'

/** `tidegate outbox`: how much waits for whom, and whether it moves. */
export function overview(flags: OutboxFlags & { readonly uplink?: string }): Promise<number> {
  return withOutbox(flags.stateDir, async (reader) => {
    const report = await reader.report()
    const isMeant = ({ name }: { readonly name: string }) => flags.uplink === undefined || name === flags.uplink
    const shown = { ...report, uplinks: report.uplinks.filter(isMeant), absent: report.absent.filter(isMeant) }
    console.log(flags.json ? JSON.stringify(shown, null, 2) : outboxScreen(shown).join('\n'))
    return 0
  })
}

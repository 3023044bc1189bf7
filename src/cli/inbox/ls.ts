import type { CommandQuery, ListedCommand } from '../../inbox-api.ts'
import { formatTime } from '../format.ts'
import { cut, table } from '../table.ts'
import { endText } from './screen.ts'
import { type InboxFlags, withInbox } from './source.ts'

/** Commands of one question. */
const PAGE_COMMANDS = 1_000

export interface ChoiceFlags extends Pick<CommandQuery, 'key' | 'since' | 'before'> {
  readonly state?: CommandQuery['states']
  readonly limit: number
}

/** `tidegate inbox ls`: one line for each command, the newest first. */
export function ls({ stateDir, json, ...choice }: InboxFlags & ChoiceFlags): Promise<number> {
  return withInbox(stateDir, async (reader) => {
    const { state, limit, before: first, ...rest } = choice
    const found: ListedCommand[] = []
    let before = first
    do {
      const query = { ...rest, limit: Math.min(PAGE_COMMANDS, limit - found.length) }
      const page = await reader.commands({
        ...query,
        ...(state ? { states: state } : {}),
        ...(before === undefined ? {} : { before }),
      })
      found.push(...page.commands)
      before = page.next
    } while (before !== undefined && found.length < limit)
    const columns = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
    if (json) console.log(JSON.stringify(found, null, 2))
    else if (found.length > 0) console.log(listText(found, columns).join('\n'))
    if (found.length === 0) console.error('No such command is known.')
    if (before !== undefined) console.error(`There are more: --before ${before}, or --limit ${limit * 2}`)
    return 0
  })
}

/** Pure. Lines are cut at `columns`. */
export function listText(commands: readonly ListedCommand[], columns: number): string[] {
  const rows = commands.map((command) => [
    String(command.arrival),
    command.ts === undefined ? '?' : formatTime(command.ts),
    command.key,
    command.id,
    command.value ?? '-',
    endText(command),
  ])
  const lines = table([['NO', 'came', 'key', 'id', 'value', 'state'], ...rows], { right: [0] })
  return lines.map((line) => cut(line, columns))
}

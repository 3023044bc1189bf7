import { GatewayError } from '../../errors.ts'
import type { InboxReader, InboxWriter, ListedCommand } from '../../inbox-api.ts'
import { confirmed } from '../ask.ts'
import { formatNumberOf } from '../format.ts'
import { endText } from './screen.ts'
import { unknownId } from './show.ts'
import { type InboxFlags, inboxOfAgent } from './source.ts'

/** Ids of one order; further ones go into the next. */
const ORDER_IDS = 1_000

export interface CancelFlags extends InboxFlags {
  readonly key?: string
  readonly all: boolean
  readonly yes: boolean
}

/** `tidegate inbox cancel`: ends waiting commands. Status 1 when one of them cannot be ended any more. */
export async function cancel(ids: readonly string[], flags: CancelFlags): Promise<number> {
  const { stateDir, json, key } = flags
  if (flags.all === ids.length > 0 || (flags.all && key === undefined)) {
    throw new GatewayError('usage', 'name the ids of the commands, or a key and --all', {
      hint: 'tidegate inbox cancel ID, or tidegate inbox cancel --key KEY --all',
    })
  }
  const inbox = inboxOfAgent(stateDir)
  const meant = flags.all && key !== undefined ? await waitingIds(inbox, key) : ids
  if (flags.all && meant.length > 0) {
    const question = `Cancel ${formatNumberOf(meant.length, 'waiting command')} of ${key}, for good?`
    if (!(await confirmed(question, flags))) {
      console.error('Nothing was changed.')
      return 1
    }
  }
  const { commands, unknown } = await ordered(inbox, meant, key)
  if (json) console.log(JSON.stringify({ commands, unknown }, null, 2))
  else if (meant.length === 0) console.log(`Nothing of ${key} waits.`)
  else for (const command of commands) console.log(lineOf(command))
  const [first] = unknown
  if (first !== undefined) throw unknownId(first, key)
  return commands.every(({ state }) => state === 'cancelled') ? 0 : 1
}

async function waitingIds(inbox: InboxReader, key: string): Promise<readonly string[]> {
  const ids: string[] = []
  for (let before: number | undefined; ; ) {
    const at = before === undefined ? {} : { before }
    const { commands, next } = await inbox.commands({ key, states: ['waiting'], ...at })
    ids.push(...commands.map(({ id }) => id))
    if (next === undefined) return ids
    before = next
  }
}

async function ordered(inbox: InboxWriter, ids: readonly string[], key: string | undefined) {
  const commands: ListedCommand[] = []
  const unknown: string[] = []
  for (let from = 0; from < ids.length; from += ORDER_IDS) {
    const some = ids.slice(from, from + ORDER_IDS)
    const answer = await inbox.cancel({ ids: some, ...(key === undefined ? {} : { key }) })
    commands.push(...answer.commands)
    unknown.push(...answer.unknown)
  }
  return { commands, unknown }
}

function lineOf(command: ListedCommand): string {
  const { key, id, state } = command
  if (state === 'cancelled') return `${key} ${id} cancelled; its sender is told`
  const late = state === 'applying' ? 'applying: an attempt is under way' : endText(command)
  return `${key} ${id} not cancelled, it is ${late}`
}

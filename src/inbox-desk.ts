/** What an operator sees of the inbox and does with it, put together from its parts. */
import type { CommandSettings, CommandTarget } from './command-settings.ts'
import { GatewayError } from './errors.ts'
import type { Inbox } from './inbox/inbox.ts'
import { InboxInspection, type Since } from './inbox/inspection.ts'
import type { ClockFacts } from './inbox/listed.ts'
import type { CommandQuery, InboxDesk, InboxKey, InboxReader, InboxReport, ListedCommand } from './inbox-api.ts'
import type { CommandState } from './model.ts'
import { parseMoment } from './outbox/moment.ts'
import type { Storage } from './storage/operation.ts'

/** Commands under way that a report tells one by one. */
const NEXT_SHOWN = 10

export interface InboxDeskParts {
  readonly commands: readonly CommandSettings[]
  readonly storage: Pick<Storage, 'read'>
  readonly inbox: Pick<Inbox, 'cancel' | 'reset' | 'status'>
  readonly facts: () => ClockFacts
}

/** Of the running agent. */
export function openInboxDesk({ commands, storage, inbox, facts }: InboxDeskParts): InboxDesk {
  const inspection = new InboxInspection(storage, facts)
  const explained = (found: readonly ListedCommand[]) => withReasons(found, inbox.status().waiting)
  return {
    report: async () => {
      const { received, duplicates = 0, retainedIgnored = 0, repeatedWrites = 0 } = inbox.status()
      const keys = mergeKeys(commands, await inspection.keys())
      const next = explained(await inspection.live(NEXT_SHOWN))
      return {
        ...reportOf(keys, next),
        running: true,
        counts: { received, duplicates, retainedIgnored, repeatedWrites },
      }
    },
    commands: async (query) => {
      const page = await inspection.page(choiceOf(query))
      return { ...page, commands: explained(page.commands) }
    },
    find: async (id, key) => explained(await inspection.find(id, key)),
    cancel: async ({ ids, key }) => {
      const given = [...new Set(ids)]
      await Promise.all(given.map((id) => inbox.cancel(id, key)))
      const found = await Promise.all(given.map((id) => inspection.find(id, key)))
      return { commands: explained(found.flat()), unknown: given.filter((_, index) => found[index]?.length === 0) }
    },
    reset: async (key) => {
      const { done, version } = await inbox.reset(key)
      if (done === 'unknown_key') {
        throw new GatewayError('unknown_key', `no command has the key "${key}"`, { hint: 'tidegate inbox' })
      }
      if (done === 'busy') {
        const text = `cannot forget the version of ${key}: a command with a version is under way, and an older one that comes late would take its place`
        throw new GatewayError('conflict', text, { hint: `wait for it, or end it: tidegate inbox ls --key ${key}` })
      }
      return version === undefined ? {} : { version }
    },
  }
}

/** Of the file that an agent left. */
export function storedInbox(storage: Pick<Storage, 'read'>, facts: () => ClockFacts): InboxReader {
  const inspection = new InboxInspection(storage, facts)
  return {
    report: async () => ({
      ...reportOf(await inspection.keys(), await inspection.live(NEXT_SHOWN)),
      running: false,
    }),
    commands: (query) => inspection.page(choiceOf(query)),
    find: (id, key) => inspection.find(id, key),
  }
}

function reportOf(
  keys: readonly InboxKey[],
  next: readonly ListedCommand[],
): Pick<InboxReport, 'keys' | 'live' | 'next' | 'kept'> {
  const count = (isMeant: (state: string) => boolean) =>
    keys
      .flatMap(({ states }) => Object.entries(states))
      .reduce((sum, [state, commands]) => sum + (isMeant(state) ? commands : 0), 0)
  const isLive = (state: string) => live.some((one) => one === state)
  return { keys, live: count(isLive), next, kept: count((state) => !isLive(state)) }
}

const live: readonly CommandState[] = ['waiting', 'applying']

function mergeKeys(commands: readonly CommandSettings[], stored: readonly InboxKey[]): InboxKey[] {
  const own = commands.map(({ key, target, mode }) => {
    const known = stored.find((one) => one.key === key) ?? { key, states: {} }
    return { ...known, does: textOf(target), mode }
  })
  return [...own, ...stored.filter(({ key }) => !commands.some((command) => command.key === key))]
}

/** What a command does, for people. */
function textOf(target: CommandTarget): string {
  switch (target.type) {
    case 'point':
      return `${target.device}.${target.point}`
    case 'group':
      return target.points.map(({ point }) => `${target.device}.${point}`).join(' ')
    case 'message':
      return `text to ${target.device}`
    case 'gateway':
      return target.verb
    case 'exec':
      return [target.program, ...target.args].join(' ')
  }
}

function withReasons(
  found: readonly ListedCommand[],
  waiting: ReturnType<Inbox['status']>['waiting'],
): readonly ListedCommand[] {
  if (!found.some(({ state }) => live.includes(state))) return found
  const nameOf = ({ key, id }: { readonly key: string; readonly id: string }) => `${key}\n${id}`
  const reasons = new Map(waiting.map((one) => [nameOf(one), one.reason]))
  return found.map((command) => {
    const waitsFor = live.includes(command.state) ? reasons.get(nameOf(command)) : undefined
    return waitsFor === undefined ? command : { ...command, waitsFor }
  })
}

function choiceOf({ since, ...query }: CommandQuery): Omit<CommandQuery, 'since'> & { readonly since?: Since } {
  return since === undefined ? query : { ...query, since: sinceOf(since) }
}

function sinceOf(text: string): Since {
  const hint = 'write it like 2026-11-20T06:00 or 2h'
  try {
    const moment = parseMoment(text, 'since')
    if (!('seq' in moment)) return moment
  } catch {
    // A record number would be understood, and offered, there.
  }
  throw new GatewayError('usage', `cannot read since "${text}" as a time or an age`, { hint })
}

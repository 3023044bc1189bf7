import { GatewayError } from '../../errors.ts'
import type { ListedCommand } from '../../inbox-api.ts'
import { formatCount, formatDuration, formatTime } from '../format.ts'
import { wrappedTable } from '../narrow.ts'
import { type InboxFlags, withInbox } from './source.ts'

/** `tidegate inbox show`: everything about one command; of several keys with this id, all of them. */
export function show(id: string, { stateDir, json, key }: InboxFlags & { readonly key?: string }): Promise<number> {
  return withInbox(stateDir, async (reader) => {
    const found = await reader.find(id, key)
    if (found.length === 0) throw unknownId(id, key)
    console.log(json ? JSON.stringify(found, null, 2) : found.map((one) => commandText(one).join('\n')).join('\n\n'))
    return 0
  })
}

export function unknownId(id: string, key: string | undefined): GatewayError {
  const whose = key === undefined ? '' : ` of ${key}`
  const text = `no command${whose} with the id "${id}" is known: it never came, was for a key that is not configured, or ended so long ago that it is forgotten (inbox.keep_history)`
  return new GatewayError('bad_answer', text, { hint: 'tidegate inbox ls' })
}

/** Pure. */
export function commandText(command: ListedCommand): string[] {
  const { reason, supersededBy, readBack, waitsFor, version, crashes } = command
  const clock = 'the clock was not known'
  const rows = [
    ['id', command.id],
    ['key', command.key],
    ['value', command.value ?? (command.state === 'refused' ? 'none that could be kept' : 'none')],
    ...(version === undefined ? [] : [['version', String(version)]]),
    ['state', command.state],
    ...(waitsFor === undefined || waitsFor === command.state ? [] : [['waits for', waitsFor]]),
    ...(supersededBy === undefined ? [] : [['superseded by', supersededBy]]),
    ...(reason === undefined ? [] : [['reason', reason]]),
    ...(readBack === undefined ? [] : [['read back', readBack]]),
    ['from', command.uplink],
    ...(command.replyTo === undefined ? [] : [['answer to', command.replyTo]]),
    ['came', `${command.ts === undefined ? clock : formatTime(command.ts)}${agoText(command.ageMs)}`],
    ...(command.expiresInMs === undefined ? [] : [['expires', `in ${formatDuration(command.expiresInMs)}`]]),
    ...(isFinished(command) ? [['ended', endedText(command, clock)]] : []),
    ['attempts', attemptsText(command.attempts, crashes)],
    ...(command.doubt ? [['', 'one of them may have reached the device although no reply came']] : []),
  ]
  return wrappedTable(rows)
}

function isFinished({ state }: ListedCommand): boolean {
  return state !== 'waiting' && state !== 'applying'
}

function endedText({ finishedTs, tookMs }: ListedCommand, clock: string): string {
  const after = tookMs === undefined ? '' : `, ${formatDuration(tookMs)} after it came`
  return `${finishedTs === undefined ? clock : formatTime(finishedTs)}${after}`
}

function agoText(ageMs: number | undefined): string {
  return ageMs === undefined ? '' : `, ${formatDuration(ageMs)} ago`
}

function attemptsText(attempts: number, crashes: number): string {
  if (crashes === 0) return formatCount(attempts)
  return `${formatCount(attempts)}, of which the agent did not survive ${formatCount(crashes)}`
}

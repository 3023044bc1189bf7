import type { CommandPage, InboxKey, ListedCommand } from '../inbox-api.ts'
import type { CommandState } from '../model.ts'
import type { Storage } from '../storage/operation.ts'
import { byIdQuestion, highestQuestion, liveQuestion, pageQuestion, type Tally, tallyQuestion } from './history.ts'
import { type ClockFacts, listed, timeOf } from './listed.ts'
import type { CommandRow } from './operations.ts'

/** Commands of one answer. */
const COMMANDS_MAX = 1_000
const NEWEST = Number.MAX_SAFE_INTEGER

/** A time (Unix ms) or an age (ms). */
export type Since = { readonly ts: number } | { readonly ageMs: number }

export interface Choice {
  readonly key?: string
  readonly states?: readonly CommandState[]
  readonly since?: Since
  readonly before?: number
  readonly limit?: number
}

/** Answers questions about single commands: of the running inbox, or of its file. */
export class InboxInspection {
  readonly #storage: Pick<Storage, 'read'>
  readonly #facts: () => ClockFacts

  constructor(storage: Pick<Storage, 'read'>, facts: () => ClockFacts) {
    this.#storage = storage
    this.#facts = facts
  }

  /** The newest first. What came at a time that nobody knows counts as recent. */
  async page(choice: Choice): Promise<CommandPage> {
    const facts = this.#facts()
    const limit = Math.min(choice.limit ?? COMMANDS_MAX, COMMANDS_MAX)
    const since = sinceOf(choice.since, facts)
    const found: CommandRow[] = []
    for (let before = choice.before ?? NEWEST; ; ) {
      // One more than wanted, to know whether there are more.
      const { rows, examined } = await this.#storage.read(
        pageQuestion({
          before,
          key: choice.key ?? null,
          states: choice.states?.length ? JSON.stringify(choice.states) : null,
          boot: facts.now.boot,
          ...since,
          limit: limit + 1 - found.length,
        }),
      )
      found.push(...rows.filter((row) => isSince(row, since, facts)))
      const commands = found.slice(0, limit).map((row) => listed(row, facts))
      const next = commands.at(-1)?.arrival
      if (found.length > limit && next !== undefined) return { commands, next }
      if (examined === null) return { commands }
      before = examined
    }
  }

  async find(id: string, key?: string): Promise<readonly ListedCommand[]> {
    const facts = this.#facts()
    return (await this.#storage.read(byIdQuestion(id, key))).map((row) => listed(row, facts))
  }

  /** The first commands under way, in order of arrival. */
  async live(limit: number): Promise<readonly ListedCommand[]> {
    const facts = this.#facts()
    return (await this.#storage.read(liveQuestion(limit))).map((row) => listed(row, facts))
  }

  /** All keys of which something is kept, by name. */
  async keys(): Promise<readonly InboxKey[]> {
    const states = new Map<string, Partial<Record<CommandState, number>>>()
    for (let before: number | null = NEWEST; before !== null; ) {
      const { counts, next }: Tally = await this.#storage.read(tallyQuestion(before))
      for (const { key, state, commands } of counts) {
        const counted = states.get(key) ?? {}
        states.set(key, { ...counted, [state]: (counted[state] ?? 0) + commands })
      }
      before = next
    }
    const highest = new Map((await this.#storage.read(highestQuestion())).map((one) => [one.key, one]))
    return [...new Set([...states.keys(), ...highest.keys()])].sort().map((key) => {
      const found = highest.get(key)
      return {
        key,
        states: states.get(key) ?? {},
        ...(found ? { highest: { version: found.version, id: found.id } } : {}),
      }
    })
  }
}

interface SinceArgs {
  readonly sinceMono: number | null
  readonly sinceWall: number | null
}

function sinceOf(since: Since | undefined, { now }: ClockFacts): SinceArgs {
  if (!since) return { sinceMono: null, sinceWall: null }
  if ('ageMs' in since) {
    return { sinceMono: now.mono - since.ageMs, sinceWall: now.clockKnown ? now.wall - since.ageMs : null }
  }
  return { sinceMono: now.clockKnown ? now.mono - (now.wall - since.ts) : null, sinceWall: since.ts }
}

/** The storage knows no offsets of earlier boots. */
function isSince(row: CommandRow, { sinceWall }: SinceArgs, facts: ClockFacts): boolean {
  if (sinceWall === null || row.wall !== null || row.boot === facts.now.boot) return true
  return (timeOf({ boot: row.boot, mono: row.mono }, facts) ?? sinceWall) >= sinceWall
}

/**
 * Brings waiting commands to their targets: one attempt per device at a time, commands for one point strictly in order of
 * arrival, and never one whose time is over. Of what may begin, the newest desired values go before queued jobs.
 */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { backoffMs } from '../retry.ts'
import type { Command } from './command.ts'
import { type BootOffset, judge, type Now, type Verdict } from './expiry.ts'
import type { CommandKey } from './key.ts'
import { type AttemptResult, ended, type Job } from './target.ts'

/** The first pauses are short, because most failures are a lost reply; a device that is away wakes us when it is back. */
const BACKOFF = { minMs: 1_000, maxMs: 30_000 }
/** The clocks are looked at again after this at the latest, whatever was computed before a suspend or a step. */
const NAP_MAX_MS = 60_000
/** The same while a command is held until the clock is known. */
const HELD_NAP_MS = 5_000
/**
 * A clean stop waits this long for an attempt to be settled (a full disk may keep it), then leaves it to the next start. A
 * program needs a part of it to end.
 */
const CLOSE_MAX_MS = 10_000
/** A ready job of a queue lets so many desired values of the same device go first; then it is its turn. */
const DESIRED_IN_A_ROW = 4

export interface ApplierOptions {
  readonly clock: Clock
  readonly now: () => Now
  readonly bootOffset: BootOffset
  readonly random: () => number
  readonly log: Logger
}

/** A live command with its key. */
interface Turn {
  readonly command: Command
  readonly key: CommandKey
}

interface Retry {
  readonly atMono: number
  readonly tries: number
}

export class Applier {
  readonly #keys: readonly CommandKey[]
  readonly #options: ApplierOptions
  /** Attempts under way, by the turn of their targets. */
  readonly #busy = new Map<string, Promise<void>>()
  /** Pauses between attempts, by key and id. */
  readonly #retries = new Map<string, Retry>()
  /** Commands on their way out, so that none is asked to leave twice. */
  readonly #leaving = new Set<string>()
  #nap: { readonly untilMono: number; readonly ending: AbortController } | undefined
  /** By the turn of their targets: desired values that went before a queued job that was ready, too. */
  readonly #passed = new Map<string, number>()
  readonly #ending = new AbortController()
  /** What is still under way is nobody's affair any more. */
  #left = false
  repeatedWrites = 0

  constructor(keys: readonly CommandKey[], options: ApplierOptions) {
    this.#keys = keys
    this.#options = options
  }

  /** Looks at every live command once: what is to expire, to begin, or to wait for. Cheap, never waits, call it freely. */
  wake(): void {
    if (this.#ending.signal.aborted) return
    const now = this.#options.now()
    const turns = this.#turns()
    this.#forgetRetries(turns)
    const taken = new Set<string>()
    const ready: Turn[] = []
    let napMs = NAP_MAX_MS
    for (const turn of turns) {
      const { command, key } = turn
      const verdict = this.#judge(command, now)
      const { touches } = key.target
      const first = touches.every((touched) => !taken.has(touched))
      for (const touched of touches) taken.add(touched)
      if (command.state !== 'waiting') continue
      if (verdict.verdict === 'expired') {
        void this.#unlessLeft(this.#leave(turn, verdict.reason))
        continue
      }
      napMs = Math.min(napMs, verdict.remainingMs, verdict.verdict === 'held' ? HELD_NAP_MS : NAP_MAX_MS)
      if (!first || verdict.verdict === 'held') continue
      const pauseMs = Math.max(this.#pauseMs(command, now), key.rateWaitMs(now.mono))
      if (pauseMs > 0) napMs = Math.min(napMs, pauseMs)
      else if (key.target.isReady()) ready.push(turn)
    }
    for (const turn of this.#inOrder(ready)) this.#start(turn, ready)
    this.#napFor(napMs)
  }

  /** The device answers (again): what waits for it is tried at once. */
  deviceOnline(device: string): void {
    for (const { command, key } of this.#turns()) {
      if (key.target.device === device) this.#retries.delete(nameOf(command))
    }
    this.wake()
  }

  /** What a live command waits for, in a few words. */
  waitingFor(key: CommandKey, command: Command): { readonly reason: string; readonly expiresInMs: number } {
    const now = this.#options.now()
    const verdict = this.#judge(command, now)
    const expiresInMs = verdict.verdict === 'expired' ? 0 : verdict.remainingMs
    return { reason: this.#reason(key, command, { verdict, now }), expiresInMs }
  }

  /** Begins no further attempt; resolves when those under way are settled. */
  async close(): Promise<void> {
    this.#ending.abort()
    this.#nap?.ending.abort()
    const enough = new AbortController()
    await Promise.race([Promise.all(this.#busy.values()), this.#options.clock.wait(CLOSE_MAX_MS, enough.signal)])
    enough.abort()
    this.#left = true
  }

  #reason(key: CommandKey, command: Command, facts: { verdict: Verdict; now: Now }): string {
    if (command.state === 'applying') return 'applying'
    if (facts.verdict.verdict === 'held') return 'clock'
    if (!key.target.isReady()) return 'device offline'
    if (key.rateWaitMs(facts.now.mono) > 0) return 'rate'
    return this.#pauseMs(command, facts.now) > 0 ? `retry after ${command.reason ?? 'a failure'}` : 'its turn'
  }

  /** Live commands in order of arrival over all keys. */
  #turns(): Turn[] {
    const turns = this.#keys.flatMap((key) => key.live.map((command) => ({ command, key })))
    return turns.sort((a, b) => a.command.arrival - b.command.arrival)
  }

  #forgetRetries(turns: readonly Turn[]): void {
    if (this.#retries.size === 0) return
    const live = new Set(turns.map((turn) => nameOf(turn.command)))
    for (const name of this.#retries.keys()) if (!live.has(name)) this.#retries.delete(name)
  }

  /** Desired values go first, but not for ever. */
  #inOrder(ready: readonly Turn[]): readonly Turn[] {
    const rank = ({ key: { rules, target } }: Turn) => {
      const isTheirTurn = (this.#passed.get(target.turn) ?? 0) >= DESIRED_IN_A_ROW
      return (rules.mode === 'queue') === isTheirTurn ? 0 : 1
    }
    return ready.toSorted((a, b) => rank(a) - rank(b))
  }

  #start(turn: Turn, ready: readonly Turn[]): void {
    const name = turn.key.target.turn
    if (this.#busy.has(name)) return
    const passes = turn.key.rules.mode !== 'queue' && ready.some(({ key }) => isQueueOf(key, name))
    if (passes) this.#passed.set(name, (this.#passed.get(name) ?? 0) + 1)
    else this.#passed.delete(name)
    const attempt = this.#unlessLeft(this.#attempt(turn)).finally(() => {
      this.#busy.delete(name)
      this.wake()
    })
    this.#busy.set(name, attempt)
  }

  /** What ends after the stop went on without it finds the storage closed: the next start tells what became of it. */
  async #unlessLeft(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!this.#left) throw error
    }
  }

  async #attempt(turn: Turn): Promise<void> {
    const { command, key } = turn
    const job: Job = {
      command,
      repeatable: key.rules.repeatable,
      // It may wait behind a slow poll, and its time may be over before its turn on the wire comes.
      isWanted: () => this.#judge(command, this.#options.now()).verdict === 'live',
      ending: this.#ending.signal,
    }
    if (command.doubt && !job.repeatable) {
      const { look } = key.target
      // The configuration may have changed since: then nobody can look any more.
      const result = look ? await look(job) : ended('unknown', { reason: command.reason ?? 'no reply' })
      if (result) await this.#settle(turn, result)
      else this.#pause(command)
      return
    }
    if (!(await key.submit({ step: 'begin', id: command.id }))) return
    // The commit may have taken long, and the deadline is the sender's word.
    const verdict = this.#judge(command, this.#options.now())
    if (verdict.verdict !== 'live') {
      const reason = verdict.verdict === 'held' ? 'the clock became unknown' : verdict.reason
      await key.submit({ step: 'leave', id: command.id, state: 'expired', reason, inAttempt: true })
      return
    }
    if (command.doubt) this.repeatedWrites += 1
    await this.#settle(turn, await key.target.apply(job))
  }

  async #settle(turn: Turn, result: AttemptResult): Promise<void> {
    const { key, command } = turn
    const { id } = command
    // It stays `applying`: the next start tells what became of it.
    if (result.result === 'ending') return
    if (result.result === 'again') {
      // Before the commit, so that the wake after it finds the pause.
      this.#pause(command)
      await key.submit({ step: 'again', id, doubt: result.doubt, reason: result.reason })
      this.#options.log.debug('command could not be applied yet', { key: key.rules.key, id, reason: result.reason })
      return
    }
    const { result: _, ...end } = result
    await key.submit({ step: 'end', id, ...end })
  }

  async #leave(turn: Turn, reason: string): Promise<void> {
    const { command, key } = turn
    const name = nameOf(command)
    if (this.#leaving.has(name)) return
    this.#leaving.add(name)
    await key.submit({ step: 'leave', id: command.id, state: 'expired', reason })
    this.#leaving.delete(name)
  }

  #pause(command: Command): void {
    const name = nameOf(command)
    const tries = this.#retries.get(name)?.tries ?? 0
    const atMono = this.#options.now().mono + backoffMs(tries, BACKOFF, this.#options.random)
    this.#retries.set(name, { atMono, tries: tries + 1 })
  }

  #pauseMs(command: Command, now: Now): number {
    return (this.#retries.get(nameOf(command))?.atMono ?? 0) - now.mono
  }

  #judge(command: Command, now: Now): Verdict {
    return judge(command.deadline, now, this.#options.bootOffset)
  }

  /** Wakes again after `ms`. A nap that ends earlier anyway is left alone: waking once too often is cheap. */
  #napFor(ms: number): void {
    const untilMono = this.#options.now().mono + Math.max(1, Math.ceil(ms))
    if (this.#nap && this.#nap.untilMono <= untilMono) return
    this.#nap?.ending.abort()
    const ending = new AbortController()
    const nap = { untilMono, ending }
    this.#nap = nap
    void this.#options.clock.wait(untilMono - this.#options.now().mono, ending.signal).then(() => {
      if (this.#nap !== nap) return
      this.#nap = undefined
      this.wake()
    })
  }
}

function isQueueOf({ rules, target }: CommandKey, turn: string): boolean {
  return rules.mode === 'queue' && target.turn === turn
}

function nameOf(command: Command): string {
  return `${command.key}\n${command.id}`
}

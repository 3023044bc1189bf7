import type { Clock } from '../../clock.ts'
import type { Explorer } from '../driver.ts'
import { LinkError } from '../driver.ts'

/** A tool that goes on asking between two polls for longer is cut off. */
const EXPLORE_MAX_MS = 30_000

interface Answer {
  readonly ok: boolean
  readonly code?: string
}

export interface ExploringOptions {
  readonly clock: Clock
  readonly connection: string
  /** Makes a call of the driver. */
  readonly call: <A extends Answer>(ask: () => Promise<A>) => Promise<A>
}

/** What a tool made of its time between two polls. */
export type Explored<T> = { readonly result: T } | { readonly tooLong: LinkError }

/** Lets a tool ask, but not for ever: when its time is over the call under way is waited for, and no other is made. */
export async function explored<T>(
  explorer: Explorer,
  run: (explorer: Explorer) => Promise<T>,
  { clock, connection, call }: ExploringOptions,
): Promise<Explored<T>> {
  const seconds = EXPLORE_MAX_MS / 1000
  const tooLong = new LinkError('stuck', `a tool asked ${connection} for over ${seconds} s, polls have their turn now`)
  let isOver = false
  let underWay: Promise<unknown> = Promise.resolve()
  const limited = <A extends Answer>(ask: () => Promise<A>): Promise<A> => {
    if (isOver) return Promise.reject(tooLong)
    const answer = call(ask)
    underWay = answer.catch(() => {})
    return answer
  }
  const settled = new AbortController()
  const done = run({
    readRaw: (unitId, range, options) => limited(() => explorer.readRaw(unitId, range, options)),
    identify: (unitId) => limited(() => explorer.identify(unitId)),
  }).finally(() => settled.abort())
  const late = clock.wait(EXPLORE_MAX_MS, settled.signal).then(async () => {
    if (settled.signal.aborted) return
    isOver = true
    await underWay
  })
  await Promise.race([done.catch(() => {}), late])
  return isOver ? { tooLong } : { result: await done }
}

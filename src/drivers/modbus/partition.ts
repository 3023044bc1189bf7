/** The cheapest way to cover places with requests. Pure. */
import { holds, type Range } from './refusals.ts'

export interface PartitionLimits {
  /** Addresses one request may have; a single place that is wider gets one of its own all the same. */
  readonly countMax: number
  /** Addresses in a row that no place has and that may be read along. */
  readonly holeMax: number
  /** How long a request takes, in ms: so long, and so long for each address. */
  readonly exchangeMs: number
  readonly addressMs: number
  /** No request for more than one place may hold one of these as a whole. */
  readonly refused: readonly Range[]
}

/** Differences of computed times below this are none. */
const SAME_MS = 1e-6

/**
 * Places to groups, each one request from its first to its last address: the least time in total, and among equals the
 * fewest requests. Groups come by address.
 *
 * Why it is the least: a place that holds what is refused stands alone anyhow. For the rest, let any cover be given, without
 * requests that lie inside another, and give each place to the last request that holds it: then places in the order of
 * their first address go to requests in order, so each request has a run of them. Of all runs, the best last one with the
 * best of what is before it is found for every place in turn. A hole that costs more than a request is never read along,
 * and where all others are, one request is the best if it may be.
 */
export function partition<T extends Range>(places: readonly T[], limits: PartitionLimits): readonly (readonly T[])[] {
  const { refused, countMax } = limits
  const isLone = (place: T) => refused.some((range) => holds(place, range))
  const lone = sameTogether(places.filter(isLone))
  const shared = places.filter((place) => !isLone(place)).sort((a, b) => a.from - b.from || a.to - b.to)
  const groups = segments(shared, limits).flatMap((segment) => {
    const whole = spanOf(segment)
    const isFree = !refused.some((range) => holds(whole, range))
    return isFree && whole.to - whole.from <= countMax ? [segment] : cheapestRuns(segment, limits)
  })
  return [...groups, ...lone].sort((a, b) => spanOf(a).from - spanOf(b).from)
}

/** Each place by itself; places with the same addresses are one. */
export function sameTogether<T extends Range>(places: readonly T[]): readonly (readonly T[])[] {
  return [...Map.groupBy(places, ({ from, to }) => `${from} ${to}`).values()]
}

/** From the first to the last address. */
export function spanOf(places: readonly Range[]): Range {
  return {
    from: places.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY),
    to: places.reduce((most, { to }) => Math.max(most, to), Number.NEGATIVE_INFINITY),
  }
}

/** Cut where a hole is too long to be read along, or costs more than the request it saves. */
function segments<T extends Range>(sorted: readonly T[], limits: PartitionLimits): readonly (readonly T[])[] {
  const found: T[][] = []
  let end = Number.NEGATIVE_INFINITY
  for (const place of sorted) {
    const hole = place.from - end
    const isReadAlong = hole <= limits.holeMax && hole * limits.addressMs <= limits.exchangeMs + SAME_MS
    const last = found.at(-1)
    if (last && (hole <= 0 || isReadAlong)) last.push(place)
    else found.push([place])
    end = Math.max(end, place.to)
  }
  return found
}

/** The best cover of the places before an index. */
interface Best {
  readonly ms: number
  readonly requests: number
  /** Where its last run begins. */
  readonly begin: number
}

function cheapestRuns<T extends Range>(sorted: readonly T[], limits: PartitionLimits): readonly (readonly T[])[] {
  const widest = sorted.reduce((most, { from, to }) => Math.max(most, to - from), 0)
  const bests: Best[] = [{ ms: 0, requests: 0, begin: 0 }]
  for (let end = 1; end <= sorted.length; end++) bests.push(bestUpTo(end, { sorted, bests, widest, limits }))
  const runs: (readonly T[])[] = []
  for (let end = sorted.length; end > 0; ) {
    const begin = bests[end]?.begin ?? 0
    runs.unshift(sorted.slice(begin, end))
    end = begin
  }
  return runs
}

interface Search {
  readonly sorted: readonly Range[]
  readonly bests: readonly Best[]
  /** Addresses of the widest place. */
  readonly widest: number
  readonly limits: PartitionLimits
}

/** Tries every last run; longer ones only as far as they may go. */
function bestUpTo(end: number, { sorted, bests, widest, limits }: Search): Best {
  let best: Best | undefined
  let to = Number.NEGATIVE_INFINITY
  let widestInRun = 0
  for (let begin = end - 1; begin >= 0; begin--) {
    const { from = 0, to: placeTo = 0 } = sorted[begin] ?? {}
    const before = bests[begin]
    to = Math.max(to, placeTo)
    widestInRun = Math.max(widestInRun, placeTo - from)
    const count = to - from
    if (count > Math.max(limits.countMax, widest) || limits.refused.some((range) => holds({ from, to }, range))) break
    if (count > Math.max(limits.countMax, widestInRun) || !before) continue
    const ms = before.ms + limits.exchangeMs + count * limits.addressMs
    const requests = before.requests + 1
    const isSame = best !== undefined && Math.abs(ms - best.ms) <= SAME_MS
    if (!best || (isSame ? requests < best.requests : ms < best.ms)) best = { ms, requests, begin }
  }
  if (!best) throw new RangeError('a place by itself can always be asked for')
  return best
}

/**
 * From points to the fewest read requests. Pure; `tidegate check` prints the same plan the driver runs.
 */
import type { PointSettings, RegisterTable } from '../../settings.ts'
import { isBitTable, widthOf } from './registers.ts'

/** One read request and the points its reply holds. */
export interface PlannedRequest {
  readonly register: RegisterTable
  readonly address: number
  /** Registers, or bits for coils and discrete inputs. */
  readonly count: number
  readonly points: readonly PointSettings[]
}

export interface PlanLimits {
  /** Registers one request may ask for. A single point wider than this still gets one request of its own. */
  readonly registersMax: number
  /** Addresses no point asks for that may be read along to save a request. */
  readonly holeMax: number
  /** Names of points that must be read by themselves, and whose addresses no other request may touch. */
  readonly alone?: ReadonlySet<string>
}

/** Bits one request may ask for (MODBUS Application Protocol V1.1b3, sections 6.1 and 6.2). */
export const BITS_MAX = 2000
/** Registers one request may ask for (sections 6.3 and 6.4). */
export const REGISTERS_MAX = 125

const tables: readonly RegisterTable[] = ['holding', 'input', 'coil', 'discrete']

interface Span {
  readonly point: PointSettings
  readonly start: number
  readonly end: number
}

/**
 * Points to requests: every readable point in exactly one request, none split over two, none over the limits, as few
 * requests as these rules allow. Write-only points are left out.
 *
 * Why greedy is the minimum: some request must cover the leftmost point that is not covered yet; starting it at that
 * point and reaching as far as limits and holes allow covers all that any other choice would. A hole is counted in
 * addresses that no point at all asks for, so taking points early never tears a later request apart.
 */
export function plan(points: readonly PointSettings[], limits: PlanLimits): readonly PlannedRequest[] {
  const readable = points.filter((point) => point.access !== 'wo')
  return tables.flatMap((table) =>
    planTable(table, readable.filter((point) => point.register === table).map(spanOf), limits),
  )
}

function planTable(table: RegisterTable, spans: readonly Span[], limits: PlanLimits): PlannedRequest[] {
  const countMax = isBitTable(table) ? BITS_MAX : Math.min(limits.registersMax, REGISTERS_MAX)
  const alone = spans.filter((span) => limits.alone?.has(span.point.name))
  let open = spans.filter((span) => !limits.alone?.has(span.point.name)).sort((a, b) => a.start - b.start)
  const wanted = [...open]
  const requests = alone.map((span) => requestOf(table, [span]))
  for (let first = open[0]; first; first = open[0]) {
    const reach = reachFrom(first, wanted, { countMax, holeMax: limits.holeMax, alone })
    const from = first.start
    const shared = alone.some((barrier) => barrier.start < first.end && barrier.end > first.start)
    const taken = open.filter((span) => span === first || (!shared && span.start >= from && span.end <= reach))
    requests.push(requestOf(table, taken))
    open = open.filter((span) => !taken.includes(span))
  }
  return requests
}

/** The furthest end a request that begins with `first` can have. */
function reachFrom(
  first: Span,
  wanted: readonly Span[],
  limits: { readonly countMax: number; readonly holeMax: number; readonly alone: readonly Span[] },
): number {
  const limit = first.start + limits.countMax
  let reach = first.end
  let asked = first.end // addresses up to here are asked for by some point, be it one that does not fit
  for (const span of wanted) {
    if (span.start < first.start) {
      asked = Math.max(asked, span.end)
      continue
    }
    if (span.start > asked + limits.holeMax || span.start >= limit) break
    asked = Math.max(asked, span.end)
    if (span.end <= limit && !limits.alone.some((barrier) => barrier.start < span.end && barrier.end > first.start)) {
      reach = Math.max(reach, span.end)
    }
  }
  return reach
}

function requestOf(table: RegisterTable, spans: readonly Span[]): PlannedRequest {
  const start = Math.min(...spans.map((span) => span.start))
  const end = Math.max(...spans.map((span) => span.end))
  return { register: table, address: start, count: end - start, points: spans.map((span) => span.point) }
}

function spanOf(point: PointSettings): Span {
  return { point, start: point.address, end: point.address + widthOf(point) }
}

/**
 * One request with its answer, as a function: state and input give the next state. No timers, no port: `link.ts` feeds
 * it and does what the state asks for. Tested as a table.
 *
 *   waiting ──bytes with the reply──► settling ──quiet──► answered
 *      │                                 └──another reply──► failed (which one was ours?)
 *      └──deadline, broken stream, wrong answer──► failed
 *
 * Settling: on a serial line a reply counts only when the line then stays quiet for the inter-frame silence. If a second
 * reply of that kind follows, one of the two is a late answer to an earlier request, and nobody can tell which.
 */
import type { Framing, Request, Scan, Trouble } from './frame.ts'

/** Why there is no reply; also the code in the sample. */
export type FailureCode = 'timeout' | 'crc' | 'short_reply' | 'foreign_reply' | 'noise'

/** What was left out on the way. */
interface Seen {
  readonly troubles: readonly Trouble[]
  /** Units of which sound frames came that were not the reply. */
  readonly strangers: readonly number[]
}

export type Exchange =
  | (Seen & { readonly at: 'waiting'; readonly received: Uint8Array })
  | (Seen & {
      readonly at: 'settling'
      readonly reply: Uint8Array
      readonly received: Uint8Array
      /** Nothing came for the inter-frame silence. */
      readonly quiet: boolean
      /** The deadline has passed. */
      readonly late: boolean
    })
  | (Seen & { readonly at: 'answered'; readonly reply: Uint8Array; readonly rest: Uint8Array })
  | (Seen & {
      readonly at: 'failed'
      readonly code: FailureCode
      readonly rest: Uint8Array
      /** The connection must be opened anew before the next request. */
      readonly renew: boolean
    })

export type Input =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** Nothing came for the inter-frame silence. */
  | { readonly type: 'quiet' }
  | { readonly type: 'deadline' }

export interface ExchangeContext {
  readonly request: Request
  readonly framing: Framing
  /**
   * Wait for the deadline even after the reply, and fail if another follows: for a unit that still owes a reply that
   * could be taken for this one.
   */
  readonly linger: boolean
  /** The line is known to bring back what is sent (two-wire adapter with echo). */
  readonly echoes: boolean
}

/** Bytes kept behind a reply. The longest frame is 260 bytes; four of them are a line that talks by itself anyway. */
const BEHIND_MAX = 1040

/** A request was sent; `leftOver` are bytes of the stream that came before and are not used up (TCP). */
export function begin(leftOver: Uint8Array = new Uint8Array()): Exchange {
  return { at: 'waiting', received: leftOver, troubles: [], strangers: [] }
}

/** The state after an input. Final states ignore every input. */
export function step(state: Exchange, input: Input, context: ExchangeContext): Exchange {
  switch (state.at) {
    case 'waiting':
      if (input.type === 'bytes') return onBytes(state, input.bytes, context)
      return input.type === 'deadline' ? onDeadline(state, context) : state
    case 'settling':
      return onSettling(state, input, context)
    default:
      return state
  }
}

/**
 * The deadline alone settles nothing while bytes are still coming: they may be the second reply. A line that is not quiet by
 * the next deadline either never will be.
 */
function onSettling(state: Exchange & { at: 'settling' }, input: Input, context: ExchangeContext): Exchange {
  switch (input.type) {
    case 'bytes':
      return { ...state, received: join(state.received, input.bytes).subarray(0, BEHIND_MAX), quiet: false }
    case 'quiet':
      return state.late || !context.linger ? settle(state, context) : { ...state, quiet: true }
    case 'deadline':
      if (state.quiet) return settle(state, context)
      if (!state.late) return { ...state, late: true }
      return { ...seen(state), at: 'failed', code: 'noise', rest: new Uint8Array(), renew: false }
  }
}

function onBytes(state: Exchange & { at: 'waiting' }, bytes: Uint8Array, context: ExchangeContext): Exchange {
  const scan = context.framing.scan(join(state.received, bytes), context.request)
  const seen = merge(state, scan)
  const { reply, rest } = scan
  if (scan.broken) return { ...seen, at: 'failed', code: 'noise', rest, renew: true }
  if (scan.wrong) return { ...seen, at: 'failed', code: 'foreign_reply', rest, renew: false }
  if (!reply) return { ...seen, at: 'waiting', received: rest }
  if (context.echoes && !seen.troubles.includes('echo') && isRequestItself(reply, context.request)) {
    const echoed = { ...seen, troubles: [...seen.troubles, 'echo'] } as const
    return onBytes({ ...echoed, at: 'waiting', received: rest }, new Uint8Array(), context)
  }
  // A transaction identifier leaves no doubt, so there is nothing to settle.
  if (context.framing.matchesTransaction) return { ...seen, at: 'answered', reply, rest }
  return { ...seen, at: 'settling', reply, received: rest, quiet: false, late: false }
}

function onDeadline(state: Exchange & { at: 'waiting' }, context: ExchangeContext): Exchange {
  const { received } = state
  const stream = context.framing.matchesTransaction
  return {
    ...seen(state),
    at: 'failed',
    code: verdict(state, context),
    rest: stream ? received : new Uint8Array(),
    // Half a frame in a stream: what comes next would be read at the wrong place.
    renew: stream && received.length > 0,
  }
}

function settle(state: Exchange & { at: 'settling' }, context: ExchangeContext): Exchange {
  const { reply } = state
  const { framing, request } = context
  const scan = framing.scan(state.received, request)
  const seen = merge(state, scan)
  const rest = new Uint8Array()
  if (scan.reply && !isEchoedWrite(scan.reply, reply, request)) {
    const troubles = [...seen.troubles, 'foreign_reply'] as const
    return { ...seen, at: 'failed', code: 'foreign_reply', rest, troubles, renew: false }
  }
  // A second reply, torn or damaged: still two, and nobody can tell which is ours.
  if (scan.troubles.includes('crc') || (scan.rest.length > 1 && framing.mayBeReply(scan.rest, request))) {
    return { ...seen, at: 'failed', code: 'foreign_reply', rest, renew: false }
  }
  // As long as a frame: perhaps one that ran into another and cannot be recognised. A few bytes are the line turning around.
  if (scan.rubbish + scan.rest.length >= framing.frameMin) {
    return { ...seen, at: 'failed', code: 'noise', rest, renew: false }
  }
  const trailing = scan.rest.length > 0 && !seen.troubles.includes('noise')
  return { ...seen, at: 'answered', reply, rest, troubles: trailing ? [...seen.troubles, 'noise'] : seen.troubles }
}

/** The reply to functions 5, 6 and 22 is the request itself: on a line with echo it rightly comes twice. */
function isEchoedWrite(second: Uint8Array, first: Uint8Array, request: Request): boolean {
  return isRequestItself(first, request) && isRequestItself(second, request)
}

function isRequestItself(pdu: Uint8Array, request: Request): boolean {
  return Buffer.compare(pdu, request.pdu) === 0
}

function verdict(state: Exchange & { at: 'waiting' }, context: ExchangeContext): FailureCode {
  if (state.troubles.includes('crc')) return 'crc'
  if (state.received.length > 0) {
    if (context.framing.mayBeReply(state.received, context.request)) return 'short_reply'
  }
  if (state.troubles.includes('foreign_reply')) return 'foreign_reply'
  return state.received.length > 0 || state.troubles.includes('noise') ? 'noise' : 'timeout'
}

function merge(before: Seen, scan: Scan): Seen {
  if (scan.troubles.length === 0) return seen(before)
  return {
    troubles: [...new Set([...before.troubles, ...scan.troubles])],
    strangers: [...new Set([...before.strangers, ...scan.strangers])],
  }
}

function seen({ troubles, strangers }: Seen): Seen {
  return { troubles, strangers }
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length)
  joined.set(head)
  joined.set(tail, head.length)
  return joined
}

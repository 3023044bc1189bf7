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
import { type Framing, looksLikeReply, type Request, type Scan, type Trouble } from './frame.ts'

/** Why there is no reply; also the code in the sample. */
export type FailureCode = 'timeout' | 'crc' | 'short_reply' | 'foreign_reply' | 'noise'

export type Exchange =
  | { readonly at: 'waiting'; readonly received: Uint8Array; readonly troubles: readonly Trouble[] }
  | {
      readonly at: 'settling'
      readonly reply: Uint8Array
      readonly received: Uint8Array
      readonly troubles: readonly Trouble[]
    }
  | {
      readonly at: 'answered'
      readonly reply: Uint8Array
      readonly rest: Uint8Array
      readonly troubles: readonly Trouble[]
    }
  | {
      readonly at: 'failed'
      readonly code: FailureCode
      readonly rest: Uint8Array
      readonly troubles: readonly Trouble[]
      /** The connection must be opened anew before the next request. */
      readonly renew: boolean
    }

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
  return { at: 'waiting', received: leftOver, troubles: [] }
}

/** The state after an input. Final states ignore every input. */
export function step(state: Exchange, input: Input, context: ExchangeContext): Exchange {
  switch (state.at) {
    case 'waiting':
      if (input.type === 'bytes') return onBytes(state, input.bytes, context)
      return input.type === 'deadline' ? onDeadline(state, context) : state
    case 'settling':
      if (input.type === 'bytes')
        return { ...state, received: join(state.received, input.bytes).subarray(0, BEHIND_MAX) }
      if (input.type === 'quiet' && context.linger) return state
      return settle(state, context)
    default:
      return state
  }
}

function onBytes(state: Exchange & { at: 'waiting' }, bytes: Uint8Array, context: ExchangeContext): Exchange {
  const scan = context.framing.scan(join(state.received, bytes), context.request)
  const troubles = merge(state.troubles, scan)
  if (scan.broken) return { at: 'failed', code: 'noise', rest: scan.rest, troubles, renew: true }
  if (scan.wrong) return { at: 'failed', code: 'foreign_reply', rest: scan.rest, troubles, renew: false }
  if (!scan.reply) return { at: 'waiting', received: scan.rest, troubles }
  if (context.echoes && !troubles.includes('echo') && isRequestItself(scan.reply, context.request)) {
    return onBytes({ at: 'waiting', received: scan.rest, troubles: [...troubles, 'echo'] }, new Uint8Array(), context)
  }
  // A transaction identifier leaves no doubt, so there is nothing to settle.
  if (context.framing.matchesTransaction) return { at: 'answered', reply: scan.reply, rest: scan.rest, troubles }
  return { at: 'settling', reply: scan.reply, received: scan.rest, troubles }
}

function onDeadline(state: Exchange & { at: 'waiting' }, context: ExchangeContext): Exchange {
  const { received, troubles } = state
  const stream = context.framing.matchesTransaction
  return {
    at: 'failed',
    code: verdict(state, context),
    rest: stream ? received : new Uint8Array(),
    troubles,
    // Half a frame in a stream: what comes next would be read at the wrong place.
    renew: stream && received.length > 0,
  }
}

function settle(state: Exchange & { at: 'settling' }, context: ExchangeContext): Exchange {
  const { reply } = state
  const scan = context.framing.scan(state.received, context.request)
  const troubles = merge(state.troubles, scan)
  const rest = new Uint8Array()
  if (scan.reply && !isEchoedWrite(scan.reply, reply, context.request)) {
    return { at: 'failed', code: 'foreign_reply', rest, troubles: [...troubles, 'foreign_reply'], renew: false }
  }
  const trailing = scan.rest.length > 0 && !troubles.includes('noise')
  return { at: 'answered', reply, rest, troubles: trailing ? [...troubles, 'noise'] : troubles }
}

/** The reply to functions 5 and 6 is the request itself: on a line with echo it rightly comes twice. */
function isEchoedWrite(second: Uint8Array, first: Uint8Array, request: Request): boolean {
  return isRequestItself(first, request) && isRequestItself(second, request)
}

function isRequestItself(pdu: Uint8Array, request: Request): boolean {
  return Buffer.compare(pdu, request.pdu) === 0
}

function verdict(state: Exchange & { at: 'waiting' }, context: ExchangeContext): FailureCode {
  if (state.troubles.includes('crc')) return 'crc'
  if (state.received.length > 0) {
    if (context.framing.matchesTransaction || looksLikeReply(state.received, context.request)) return 'short_reply'
  }
  if (state.troubles.includes('foreign_reply')) return 'foreign_reply'
  return state.received.length > 0 || state.troubles.includes('noise') ? 'noise' : 'timeout'
}

function merge(troubles: readonly Trouble[], scan: Scan): readonly Trouble[] {
  return scan.troubles.length === 0 ? troubles : [...new Set([...troubles, ...scan.troubles])]
}

function join(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length)
  joined.set(head)
  joined.set(tail, head.length)
  return joined
}

/**
 * Cutting a stream of bytes into frames. Pure.
 *
 * A frame is what begins with the start bytes, has the length it should have, and a right checksum. Behind a sound frame
 * the next one is taken at its word. Out of step (just opened, after rubbish), or without a checksum, a frame must
 * moreover stand between two others or silence: start bytes may occur within a frame, and a weak checksum is right by
 * chance once in 256 times. Whatever is no frame is looked through again from the byte after its start.
 */
import type { BinaryFrameSettings } from '../../settings.ts'
import { checksumBytes, isSound } from './checksum.ts'
import type { Cut, Trouble } from './messages.ts'

export interface FrameState {
  /** Not used up yet. */
  readonly held: Uint8Array
  /** The next byte begins a frame. */
  readonly inStep: boolean
  /** The bytes before were rubbish that is counted already. */
  readonly rubbish: boolean
  /** So many bytes belong to a frame that is counted already as damaged: starts within it are no further damage. */
  readonly excused: number
}

/** The longest frame that is kept. */
export const FRAME_MAX = 1_024

const nothing = new Uint8Array()

/** Perhaps in the midst of a frame; what comes until the first one is not counted as rubbish. */
export const inMidFrame: FrameState = { held: nothing, inStep: false, rubbish: true, excused: 0 }
/** The next byte begins a frame. */
export const betweenFrames: FrameState = { held: nothing, inStep: true, rubbish: false, excused: 0 }

/** `open`: more may come. `quiet`: the frame that ends here stands alone. `torn`: nothing more comes to what has begun. */
type Ending = 'open' | 'quiet' | 'torn'

type Found =
  | { readonly is: 'frame'; readonly length: number }
  /** Not enough bytes to tell. */
  | { readonly is: 'begun' }
  | { readonly is: 'none'; readonly trouble: Trouble; readonly length: number }

/** Where to look for a frame. */
interface Place {
  readonly held: Uint8Array
  readonly at: number
  readonly frame: BinaryFrameSettings
}

/** Takes more bytes. */
export function cutFrames(
  state: FrameState,
  { bytes, frame }: { readonly bytes: Uint8Array; readonly frame: BinaryFrameSettings },
): Cut<FrameState, Uint8Array> {
  const held = new Uint8Array(state.held.length + bytes.length)
  held.set(state.held)
  held.set(bytes, state.held.length)
  const longer = { ...state, held }
  return isDelimitedBySilence(frame) ? gather(longer, frame) : scan(longer, { frame, ending: 'open' })
}

/** The line fell silent. */
export function endFrames(
  state: FrameState,
  { frame, ending }: { readonly frame: BinaryFrameSettings; readonly ending: 'quiet' | 'torn' },
): Cut<FrameState, Uint8Array> {
  return isDelimitedBySilence(frame) ? release(state, { frame, ending }) : scan(state, { frame, ending })
}

function scan(
  state: FrameState,
  { frame, ending }: { readonly frame: BinaryFrameSettings; readonly ending: Ending },
): Cut<FrameState, Uint8Array> {
  const { held } = state
  const messages: Uint8Array[] = []
  const troubles: Trouble[] = []
  let { inStep, rubbish } = state
  let excusedTo = state.excused
  let at = 0
  while (at < held.length) {
    const found = standing({ held, at, frame }, { ending, inStep })
    if (found.is === 'begun') break
    if (found.is === 'frame') {
      messages.push(held.slice(at, at + found.length))
      at += found.length
      inStep = true
      rubbish = false
      continue
    }
    const isDamaged = found.length > 0
    if (at >= excusedTo && (isDamaged || !rubbish)) {
      troubles.push(found.trouble)
      excusedTo = at + found.length
    }
    rubbish = true
    inStep = false
    at += 1
  }
  // Where the line fell silent, what comes next begins something; but not after a silence within a frame.
  if (ending === 'quiet' && at === held.length) {
    inStep = true
    rubbish = false
  }
  const excused = Math.max(0, excusedTo - at)
  return { state: { held: held.slice(at), inStep, rubbish, excused }, messages, troubles }
}

/** What stands at this place, in view of what stands behind it. */
function standing(place: Place, { ending, inStep }: { readonly ending: Ending; readonly inStep: boolean }): Found {
  const { held, at, frame } = place
  const found = frameAt(place)
  if (found.is === 'begun' && ending === 'torn') {
    // Start bytes that were cut off are a frame that broke off; less is noise.
    const isFrame = startsAt(place) === 'yes'
    return { is: 'none', trouble: isFrame ? 'short_reply' : 'noise', length: isFrame ? held.length - at : 0 }
  }
  if (found.is !== 'frame' || (inStep && frame.checksum)) return found
  const behind = { held, at: at + found.length, frame }
  if (behind.at === held.length) return ending === 'open' ? { is: 'begun' } : found
  const next = frameAt(behind)
  const isStart = frame.startsWith.length > 0 && startsAt(behind) === 'yes'
  if (next.is === 'frame' || isStart) return found
  if (next.is === 'begun' && ending === 'open') return next
  return { is: 'none', trouble: 'noise', length: 0 }
}

function frameAt(place: Place): Found {
  const { held, at, frame } = place
  const starts = startsAt(place)
  if (starts === 'no') return { is: 'none', trouble: 'noise', length: 0 }
  if (starts === 'perhaps') return { is: 'begun' }
  const length = lengthAt(place)
  if (length === undefined) return { is: 'begun' }
  if (length > FRAME_MAX) return { is: 'none', trouble: 'too_long', length: 0 }
  if (length < leastBytes(frame)) return { is: 'none', trouble: 'noise', length: 0 }
  if (at + length > held.length) return { is: 'begun' }
  if (frame.checksum && !isSound(held.subarray(at, at + length), frame.checksum)) {
    return { is: 'none', trouble: 'checksum', length }
  }
  return { is: 'frame', length }
}

function startsAt({ held, at, frame }: Place): 'yes' | 'no' | 'perhaps' {
  for (const [index, byte] of frame.startsWith.entries()) {
    if (at + index >= held.length) return 'perhaps'
    if (held[at + index] !== byte) return 'no'
  }
  return 'yes'
}

/** Bytes of the whole frame; undefined: they have not come yet. */
function lengthAt({ held, at, frame }: Place): number | undefined {
  const { length } = frame
  if ('fixed' in length) return length.fixed
  const [first, second] = held.subarray(at + length.at, at + length.at + length.bytes)
  if (first === undefined || (length.bytes === 2 && second === undefined)) return undefined
  const [high, low] = length.littleEndian ? [second ?? 0, first] : [first, second ?? 0]
  return length.adds + (length.bytes === 1 ? first : (high << 8) | low)
}

/** A frame holds its start, its length and its checksum. */
function leastBytes(frame: BinaryFrameSettings): number {
  const { startsWith, length, checksum } = frame
  const lengthEnd = 'fixed' in length ? 0 : length.at + length.bytes
  const head = Math.max(startsWith.length, lengthEnd)
  return checksum ? Math.max(head, checksum.from) + checksumBytes(checksum) + checksum.behind : Math.max(head, 1)
}

/** Without start and checksum, silence before and behind is all there is to tell a frame by. */
function isDelimitedBySilence(frame: BinaryFrameSettings): boolean {
  return frame.startsWith.length === 0 && !frame.checksum
}

/** Keeps what was said since the last silence; more than a frame is none, however much of it. */
function gather(state: FrameState, frame: BinaryFrameSettings): Cut<FrameState, Uint8Array> {
  const { held } = state
  const length = lengthAt({ held, at: 0, frame }) ?? 0
  return { state: { ...state, held: held.subarray(0, length + 1) }, messages: [], troubles: [] }
}

function release(
  state: FrameState,
  { frame, ending }: { readonly frame: BinaryFrameSettings; readonly ending: 'quiet' | 'torn' },
): Cut<FrameState, Uint8Array> {
  const { held, inStep } = state
  const missing = (lengthAt({ held, at: 0, frame }) ?? 0) - held.length
  if (ending === 'quiet' && missing > 0 && held.length > 0) return { state, messages: [], troubles: [] }
  const isWhole = missing === 0 && inStep
  const trouble = missing > 0 ? 'short_reply' : 'noise'
  return {
    state: betweenFrames,
    messages: isWhole ? [held.slice()] : [],
    troubles: isWhole || !inStep || held.length === 0 ? [] : [trouble],
  }
}

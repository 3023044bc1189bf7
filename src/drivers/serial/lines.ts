/** Cutting a stream of bytes into lines. Pure. */

/** Where the splitter stands: the unfinished line, and whether what comes up to the next end is to be dropped. */
export interface LineState {
  readonly held: string
  readonly skipping: boolean
}

export interface LineCut {
  readonly state: LineState
  /** Finished lines without their end. */
  readonly lines: readonly string[]
  /** Lines given up because they had no end in time. */
  readonly tooLong: number
}

/** The longest line that is kept. Scales, NMEA and gauges send below 100 characters; a page of text is no reading. */
export const LINE_MAX = 1_024

/**
 * Somewhere in the middle of a line: what comes before the first end is dropped, because the tail of a line can look like
 * a whole one (2345.6 cut down to 345.6).
 */
export const inMidLine: LineState = { held: '', skipping: true }
/** The next byte begins a line. */
export const betweenLines: LineState = { held: '', skipping: false }

/**
 * Takes bytes as Latin-1, so that any byte is one character and none is lost or joined with another (a degree sign must
 * not break the line). A line longer than `LINE_MAX` is dropped up to its end.
 */
export function cutLines(
  state: LineState,
  { bytes, endsWith }: { readonly bytes: Uint8Array; readonly endsWith: string },
): LineCut {
  const parts = (state.held + Buffer.from(bytes).toString('latin1')).split(endsWith)
  const rest = parts.pop() ?? ''
  let skipping = state.skipping
  let tooLong = 0
  const lines: string[] = []
  for (const line of parts) {
    if (skipping) {
      skipping = false
    } else if (line.length > LINE_MAX) {
      tooLong += 1
    } else {
      lines.push(line)
    }
  }
  if (!skipping && rest.length > LINE_MAX) {
    // Up to here it may be a line of just the allowed length whose end has begun.
    if (rest.length - beginningOf(endsWith, rest) > LINE_MAX) {
      skipping = true
      tooLong += 1
    }
  }
  // While skipping, only as much is kept as may be the beginning of the end mark.
  const held = skipping ? rest.slice(rest.length - beginningOf(endsWith, rest)) : rest
  return { state: { held, skipping }, lines, tooLong }
}

/** How many characters at the end of the text are the beginning of the end mark. */
function beginningOf(endsWith: string, text: string): number {
  for (let count = Math.min(endsWith.length - 1, text.length); count > 0; count--) {
    if (text.endsWith(endsWith.slice(0, count))) return count
  }
  return 0
}

/** The write-ahead log of SQLite, as bytes (https://sqlite.org/fileformat2.html#walformat). */
export const LOG_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** Page size, and the two salts that tell frames of this log from those of the one before, whose room it uses again. */
const PAGE_SIZE_AT = 8
const SALTS_AT = 16
/** In a frame: pages of the database after a commit, or 0 when the frame ends none; then the salts. */
const COMMIT_AT = 4
const FRAME_SALTS_AT = 8

/** Bytes of one frame: a header and a page. */
export function frameBytes(log: Buffer): number {
  return FRAME_HEADER_BYTES + log.readUInt32BE(PAGE_SIZE_AT)
}

/** How far the commits of a whole log reach; behind them may lie what is left of an older one. */
export function committedBytes(log: Buffer): number {
  if (log.length < LOG_HEADER_BYTES) return 0
  const salts = log.subarray(SALTS_AT, SALTS_AT + 8)
  const bytes = frameBytes(log)
  let committed = 0
  for (let at = LOG_HEADER_BYTES; at + bytes <= log.length; at += bytes) {
    if (!log.subarray(at + FRAME_SALTS_AT, at + FRAME_SALTS_AT + 8).equals(salts)) break
    if (log.readUInt32BE(at + COMMIT_AT) > 0) committed = at + bytes
  }
  return committed
}

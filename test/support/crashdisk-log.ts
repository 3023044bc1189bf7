/** What crashdisk.c remembered, in order. */
export type DiskEvent =
  | { readonly kind: 'write'; readonly offset: number; readonly data: Buffer }
  /** Everything written before it is on the medium. */
  | { readonly kind: 'flush' }
  /** A program said what it had just been promised. */
  | { readonly kind: 'mark'; readonly text: string; readonly ms: number }

/** char kind, 3 bytes of padding, uint32 length, uint64 offset, uint64 time in ns (see crashdisk.c). */
const HEADER_BYTES = 24

export function parseDiskLog(log: Buffer): DiskEvent[] {
  const events: DiskEvent[] = []
  for (let at = 0; at < log.length; ) {
    const length = log.readUInt32LE(at + 4)
    const data = log.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length)
    if (data.length < length) throw new Error(`the disk log ends in the middle of the record at byte ${at}`)
    events.push(eventOf(log, at, data))
    at += HEADER_BYTES + length
  }
  return events
}

function eventOf(log: Buffer, at: number, data: Buffer): DiskEvent {
  const kind = String.fromCharCode(log.readUInt8(at))
  switch (kind) {
    case 'W':
      return { kind: 'write', offset: Number(log.readBigUInt64LE(at + 8)), data }
    case 'F':
      return { kind: 'flush' }
    case 'M':
      return { kind: 'mark', text: data.toString('utf8'), ms: Number(log.readBigUInt64LE(at + 16)) / 1e6 }
    default:
      throw new Error(`the disk log has a record of kind ${JSON.stringify(kind)} at byte ${at}`)
  }
}

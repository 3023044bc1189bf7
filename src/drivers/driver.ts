import type { Sample, Value } from '../model.ts'
import type { DeviceSettings, PointSettings } from '../settings.ts'

/**
 * PUBLIC CONTRACT: how the gateway speaks to the devices of one connection (a wire or a socket).
 *
 * A driver opens, reads or listens, writes, closes. It never schedules, reopens, backs off, counts or logs success: the
 * poller (`poller.ts`) does that once for all drivers. The poller is the one owner of a driver: it makes one call at a
 * time and waits for it to settle before the next (close excepted, which may come at any time and must make a pending
 * call reject).
 *
 * Rules that no driver may break (promise P6): a late, torn, foreign or noisy reply is an error with a short code, never
 * a number. Codes: `timeout`, `crc`, `short_reply`, `foreign_reply`, `noise`, `exception_1` ... `exception_11` (Modbus),
 * `invalid` (the point's declared marker, or no number), `range`, `pattern`, `too_long` (a line without end), `io` (the
 * connection broke meanwhile), `read_only`, `write_only`, `unsupported`.
 */
export interface Driver {
  /** Opens the port or socket. Rejects with LinkError when that fails; may be called again after `close`. */
  open(): Promise<void>
  /**
   * Reads points of one device, in as few exchanges as the plan allows. Resolves with one sample per point asked for,
   * in any order; a point that failed carries its error code. When the device does not answer at all, every sample has
   * the code of the first failure and no further exchange is tried. Rejects with LinkError only when the connection
   * itself is lost.
   */
  read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]>
  /**
   * Writes one point; resolves when the device confirmed it. Rejects with WriteError (device refused, did not answer, or
   * the value does not fit) or LinkError.
   */
  write(device: DeviceSettings, point: PointSettings, value: Value): Promise<void>
  /** Closes; idempotent; never rejects. */
  close(): Promise<void>
  /**
   * For devices that speak by themselves (serial text): called once before `open`; the driver calls `onReading` for each
   * message it understood and `onError` with a short code for one it did not. Such a connection is not polled.
   */
  listen?(handlers: ListenHandlers): void
  /**
   * Called by the driver when the connection is lost between calls (unplugged adapter, closed socket), or at the end of a
   * call that left the connection in doubt (half a frame on a stream).
   */
  onLost?: (error: LinkError) => void
  /** Since the driver was made, over all openings. Without it the poller counts calls. */
  counters?(): DriverCounters
}

export interface DriverCounters {
  /** Requests sent, or messages received from a device that speaks by itself. */
  readonly exchanges: number
  /** Those without a usable reply. */
  readonly failures: number
  /** Everything odd that was seen and left out, by its short code. */
  readonly troubles: Readonly<Record<string, number>>
}

export interface ListenHandlers {
  onReading(device: string, samples: readonly Sample[]): void
  onError(device: string, code: string): void
}

/** The connection itself failed: the poller closes, waits and opens again. */
export class LinkError extends Error {
  /** Short code: `open_failed`, `unplugged`, `closed`, `refused`, `no_such_port`, `permission`, `busy`, `doubt`, `silent`. */
  readonly code: string
  readonly hint: string | undefined
  constructor(code: string, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LinkError'
    this.code = code
    this.hint = options.hint
  }
}

/** A write did not succeed. */
export class WriteError extends Error {
  /** Short code, as for samples. */
  readonly code: string
  /**
   * no: nothing reached the wire, or the device refused. maybe: bytes were on the wire and no reply came, so the device
   * may have done it. Only commands declared repeatable may be written again after maybe (P8).
   */
  readonly happened: 'no' | 'maybe'
  /** False when trying again cannot help (the device refused this value, it does not fit the type). */
  readonly retriable: boolean
  constructor(code: string, message: string, options: { happened: 'no' | 'maybe'; retriable: boolean }) {
    super(message)
    this.name = 'WriteError'
    this.code = code
    this.happened = options.happened
    this.retriable = options.retriable
  }
}

import type { Sample, Value } from '../model.ts'
import type { DeviceSettings, PointSettings, RegisterTable } from '../settings.ts'

/**
 * PUBLIC CONTRACT: how the gateway speaks to the devices of one connection (a wire or a socket).
 *
 * A driver opens, reads or listens, writes, closes. It never schedules, reopens, backs off, counts or logs success: the
 * poller (`poller.ts`) does that once for all drivers. The poller is the one owner of a driver: it makes one call at a
 * time and waits for it to settle before the next (`close` excepted, which may come at any time).
 *
 * Time: the driver ends every exchange by itself, at the latest after the `timeoutMs` of its connection; waiting within that,
 * and looking whether the connection still stands while it is open, is its own affair. A call that has not settled after ten
 * seconds and four timeouts a point is ended by `close` (LinkError `stuck`); no driver should come near that.
 *
 * Rules that no driver may break (promise P6): a late, torn, foreign or noisy reply is an error with a short code, never
 * a number, in this call and in every later one. Codes of samples:
 * - no valid reply came: `timeout`, `crc` (damaged; LRC in ASCII), `short_reply` (torn), `foreign_reply` (of somebody else, to
 *   another request, or two of which one must be), `noise` (bytes that are no frame), `io` (the request failed, or the
 *   connection broke under it). A device that gives nothing but these goes offline;
 * - the device answered, and refused: `exception_1` ... `exception_255` (MODBUS Application Protocol V1.1b3, section 7, has 1
 *   to 11; devices have more);
 * - the device answered, and there is no value in it: `invalid` (the point's declared marker, or no number), `pattern` (a
 *   message that is not understood), `too_long` (a message without end), `checksum`;
 * - nothing was asked: `read_only`, `write_only`, `range`, `unsupported`.
 *
 * A new driver: a class with these methods, and a test that calls `driverConformance` (test/conformance/driver.ts). Then its
 * connection gets a type in `settings.ts`, a schema in `config/schema/connection.ts`, and a line in `catalog.ts`.
 * docs/drivers.md shows a whole one.
 */
export interface Driver {
  /**
   * Opens the port, socket or whatever the connection is. Rejects with LinkError when that fails, with `closed` when `close`
   * came meanwhile. May be called again after `close`, and after a loss also without it.
   */
  open(): Promise<void>
  /**
   * Reads points of one device, in as few exchanges as the plan allows. Resolves with one sample per point asked for, in any
   * order: its final value (scale, offset, precision and `invalid` are done by the driver, see `applyScaling` in
   * `scaling.ts`), or its error code. When the device does not answer at all, every sample has the code of the first failure
   * and no further exchange is tried; points for which nothing can be asked may keep their own code. Rejects with LinkError
   * when the connection is not open or is lost under it, `closed` when `close` ended it.
   */
  read(device: DeviceSettings, points: readonly PointSettings[]): Promise<readonly Sample[]>
  /**
   * Writes one point; resolves when the device confirmed it. Rejects with LinkError when the connection was lost before
   * anything was sent, else with WriteError: `maybe` once bytes were sent and no reply came, also when the connection broke
   * or was closed meanwhile; `read_only` or `unsupported` where nothing can be written; `range` when the value does not fit.
   * `isWanted` is asked after every wait of the driver's own, right before the bytes of the write: no means that they are not
   * sent and that the write rejects with `notWanted()`.
   */
  write(device: DeviceSettings, point: PointSettings, value: Value, isWanted?: () => boolean): Promise<void>
  /**
   * Sends a text to a device, as it is, one byte a character (ISO 8859-1); resolves when it has gone out, without waiting for
   * an answer; what it takes on the wire is added to the time of the call. Rejects like `write`, and asks `isWanted` as it does. Absent: devices of this connection take no texts.
   */
  send?(device: DeviceSettings, text: string, isWanted?: () => boolean): Promise<void>
  /** Ends everything, also a pending call, and resolves when nothing is left open. Idempotent; never rejects. */
  close(): Promise<void>
  /**
   * For devices that speak by themselves: called once before `open`; the driver calls `onReading` for each message it
   * understood and `onError` with a short code for one it did not. Devices with a `request` are polled all the same.
   */
  listen?(handlers: ListenHandlers): void
  /**
   * Set before `open`. Called once when the connection is lost while no call is pending (unplugged adapter, closed socket), or
   * at the end of a call that resolved and left the connection in doubt (half a frame on a stream). A loss under a call
   * rejects that call; it may call this too. The poller then calls `close` and `open`.
   */
  onLost?: (error: LinkError) => void
  /** Set before `open`. Called with a message that nobody understood, where `listen` is not there for it; for the log. */
  onNotUnderstood?: (code: string, text: string) => void
  /** Since the driver was made, over all openings. Without it the poller counts calls. */
  counters?(): DriverCounters
  /**
   * What reading these points takes, and what was learnt about the device; for `tidegate plan`. Without it nothing is shown;
   * the schedule does not depend on it.
   */
  plan?(device: DeviceSettings, points: readonly PointSettings[]): readonly PlannedRead[]
  /** For tools that look at a device nobody has described yet. */
  readonly explorer?: Explorer
  /** What seems to be wrong with the connection as a whole while it is open, such as other line settings than its devices. */
  suspicion?(): Suspicion | undefined
}

export interface Suspicion {
  /** Short code: `damaged`. */
  readonly code: string
  readonly message: string
  readonly hint: string
}

/** One request of the poll plan. */
export interface PlannedRead {
  /** Where it reads, for people: "input 0..33". */
  readonly range: string
  /** Registers or bits asked for, holes included. */
  readonly count: number
  /** Names. */
  readonly points: readonly string[]
  /** How long the exchange occupies the connection, in ms, the device's own time included; 0 where that is not known. */
  readonly wireMs: number
  /** Why it stands alone, if something was learnt from the device: "not in one request with its neighbours (exception 2)". */
  readonly learnt?: string
}

/** Raw access. As for the other calls: one at a time, from the poller, while the connection is open. */
export interface Explorer {
  /**
   * Reads registers (two bytes each, as on the wire) or bits (packed from the least significant one on). Resolves also
   * when the device refuses or stays silent. Rejects with LinkError only when the connection itself is lost.
   */
  readRaw(unitId: number, range: RawRange, options?: { readonly timeoutMs?: number }): Promise<RawAnswer>
  /** The texts a device tells about itself (function 43/14), by object id: 0 vendor, 1 product code, 2 revision ... */
  identify(unitId: number): Promise<Identification>
}

export interface RawRange {
  readonly register: RegisterTable
  /** Counts from 0, as on the wire. */
  readonly address: number
  readonly count: number
}

export type RawAnswer =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly tookMs: number }
  | { readonly ok: false; readonly code: string; readonly tookMs: number }

export type Identification =
  | { readonly ok: true; readonly objects: Readonly<Record<number, string>> }
  | { readonly ok: false; readonly code: string }

export interface DriverCounters {
  /** Requests sent, or messages received from a device that speaks by itself. */
  readonly exchanges: number
  /** Those without a usable reply. */
  readonly failures: number
  /** Everything odd that was seen and left out, by its short code. */
  readonly troubles: Readonly<Record<string, number>>
  /** Usual time from request to reply of a device in ms, by its name, as far as it was measured. */
  readonly latencyMs?: Readonly<Record<string, number>>
}

export interface ListenHandlers {
  onReading(device: string, samples: readonly Sample[]): void
  /** `text`: what was not understood, for the log. */
  onError(device: string, code: string, text?: string): void
}

/** The connection itself failed: the poller closes, waits and opens again. */
export class LinkError extends Error {
  /**
   * Short code. While opening: `open_failed`, `no_such_port`, `permission`, `busy`, `refused`. Afterwards: `unplugged`, `closed`
   * (by the other side, or by us), `doubt` (a stream out of step), `silent` (a socket without replies), `not_modbus` (the other
   * side speaks something else), `stuck` (the driver did not settle).
   */
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

/** The time of a write was over before its bytes were sent. */
export function notWanted(): WriteError {
  return new WriteError('expired', 'its time was over before its turn came', { happened: 'no', retriable: true })
}

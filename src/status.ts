/**
 * PUBLIC: the snapshot that `tidegate status --json`, the socket's `GET /api/v1/status` and the demo show. Times are Unix
 * ms, durations and ages ms, sizes bytes. Names are stable; fields are only added.
 */
export interface Status {
  readonly gateway: string
  readonly version: string
  readonly epoch: string
  readonly pid: number
  readonly uptimeMs: number
  readonly clockKnown: boolean
  readonly connections: readonly ConnectionStatus[]
  readonly devices: readonly DeviceStatus[]
  readonly uplinks: readonly UplinkStatus[]
  readonly outbox: OutboxStatus
  readonly inbox: InboxStatus
  readonly storage: StorageStatus
  /** What needs a human, worst first, one sentence each. Empty: nothing does. */
  readonly attention: readonly string[]
}

export interface ConnectionStatus {
  readonly name: string
  readonly type: string
  /** For people: "9600 8N1", or host and port. */
  readonly line: string
  /**
   * paused: open, but not polled while the outbox is full (when_full: pause_polling). lent: a tool has the port for a
   * while, nothing is polled.
   */
  readonly state: 'opening' | 'open' | 'paused' | 'failed' | 'closed' | 'lent'
  /** Short code and sentence of the last failure while not open. */
  readonly problem?: { readonly code: string; readonly message: string; readonly hint?: string }
  readonly exchanges: number
  readonly failures: number
  readonly lastReplyAgeMs?: number
  /** Tries to open the port or socket since the start, and those that failed. */
  readonly opens?: number
  readonly failedOpens?: number
  /** Share of the last minute in which it was in use, 0..1. Absent: all its devices speak by themselves. */
  readonly busy?: number
  /** Polls missed in the last minute because it was in use when they were due. */
  readonly missedPollsLately?: number
  /** What was left out since the start, and other oddities, by their short code. Absent: nothing. */
  readonly troubles?: Readonly<Record<string, number>>
  /** What seems to be wrong with it while it is open: all replies damaged, for one. */
  readonly suspicion?: { readonly code: string; readonly message: string; readonly hint: string }
}

export interface DeviceStatus {
  readonly name: string
  readonly connection: string
  readonly state: 'unknown' | 'online' | 'offline'
  /** Code of the last failure while offline. */
  readonly reason?: string
  readonly sinceMs: number
  /** While offline: when it is probed next. */
  readonly nextProbeInMs?: number
  /** Usual time from request to reply, as far as it was measured. */
  readonly latencyMs?: number
  /** Polls missed since the start because the connection was busy. Absent: it speaks by itself. */
  readonly missedPolls?: number
  readonly points: readonly PointStatus[]
}

export interface PointStatus {
  readonly name: string
  /** A string for 64-bit integers, so that no digit is lost in JSON. */
  readonly value?: number | boolean | string
  readonly error?: string
  readonly quality: 'good' | 'stale' | 'bad' | 'unknown'
  readonly unit?: string
  readonly ageMs?: number
}

export interface UplinkStatus {
  readonly name: string
  readonly type: string
  readonly state: 'connecting' | 'online' | 'offline' | 'stopped'
  readonly sinceMs: number
  /** It is handed no records until an operator resumes it. */
  readonly paused?: boolean
  /** Why it is not online, or what it cannot send although it is. */
  readonly problem?: { readonly code: string; readonly message: string; readonly hint?: string }
  /** What it was asked to do and cannot, while records go on: a subscription that was refused, for one. Absent: nothing. */
  readonly shortfalls?: readonly { readonly code: string; readonly message: string; readonly hint?: string }[]
  readonly nextTryInMs?: number
  /** Numbers of this epoch and of earlier ones that are not settled (P4). */
  readonly issued: number
  readonly delivered: number
  readonly pending: number
  readonly dropped: number
  readonly rejected: number
  readonly notWanted: number
  readonly skipped: number
  readonly inFlight: number
  readonly window: number
  readonly oldestPendingAgeMs?: number
  readonly lastAckAgeMs?: number
  /** From the making of the newest record the cloud took to its acknowledgement. Absent before the first fresh one. */
  readonly deliveryDelayMs?: number
  readonly connects: number
  readonly connectFailures: number
  /** Messages sent since the start, and the bytes of their payloads; what is sent again counts again. */
  readonly sentMessages?: number
  readonly sentBytes?: number
  /** As configured; absent: oldest_first. */
  readonly order?: 'live_first'
  /** As configured; absent: at_least_once. */
  readonly delivery?: 'at_most_once'
  /** What it may send, as configured or as the server made it learn; absent: no limit. */
  readonly pace?: { readonly messagesPerSecond?: number; readonly bytesPerSecond?: number }
}

export interface OutboxStatus {
  readonly head: number
  /** Records in memory that are not on disk (yet). */
  readonly tail: number
  readonly usedBytes: number
  readonly maxBytes: number
  readonly commits: number
  readonly writtenRecords: number
  /** Uplinks that are not in the configuration and keep their records until they are forgotten by hand. */
  readonly absent?: readonly { readonly name: string; readonly pending: number }[]
}

export interface InboxStatus {
  readonly waiting: readonly {
    readonly key: string
    readonly id: string
    readonly value: string
    readonly reason: string
    readonly expiresInMs: number
  }[]
  readonly received: number
  /** Final states since the start, and how many commands ended in each. */
  readonly finished: Readonly<Record<string, number>>
  /** The same by key. Commands whose key is not configured are not among them. */
  readonly keys?: readonly {
    readonly key: string
    /** Waiting or applying. */
    readonly waiting: number
    readonly finished: Readonly<Record<string, number>>
  }[]
  /** Repeats of a known command: answered with its outcome or just confirmed, never run. */
  readonly duplicates?: number
  /** Retained messages that were confirmed and not looked at. */
  readonly retainedIgnored?: number
  /** Writes made again after a lost reply or a crash (repeatable commands only). */
  readonly repeatedWrites?: number
}

export interface StorageStatus {
  readonly state: 'ok' | 'failing'
  readonly problem?: {
    readonly code: string
    readonly message: string
    readonly hint?: string
    readonly sinceMs: number
  }
  readonly file: string
  /** What the database file occupies, without its log. */
  readonly fileBytes?: number
  /** Free on its file system for the agent; absent when the system does not say. */
  readonly freeBytes?: number
  /** Sent to the disk by the storage thread since the start, as the kernel counts; absent when it does not count. */
  readonly writtenBytes?: number
  /** The file that is given back when the disk is full; 0 while there is none. */
  readonly ballastBytes?: number
  /** While records are brought back from a damaged database. */
  readonly salvage?: {
    /** Its name in the state directory. */
    readonly file: string
    readonly pagesDone: number
    readonly pages: number
    readonly salvaged: number
    readonly waitsForRoom: boolean
  }
  /** What was done with a database that was damaged, deleted or replaced, if anything. */
  readonly recovered?: string
}

/**
 * PUBLIC: what the agent's socket answers about devices below `/api/v1/devices` and `/api/v1/connections`, and what the
 * commands `tidegate read`, `write`, `watch`, `probe`, `scan` and `plan` print with `--json`. Times are Unix ms, durations
 * ms. Names are stable; fields are only added.
 */
import type { ByteOrder, LineSettings, PointType, RegisterTable } from './settings.ts'

/** 64-bit integers are strings, so that no digit is lost in JSON. */
export type PlainValue = number | boolean | string

/** What the configuration says of a point, as far as tools need it. */
export interface PointFacts {
  readonly point: string
  readonly type: PointType
  readonly access: 'ro' | 'rw' | 'wo'
  readonly unit?: string
  /** Limits for writes. */
  readonly min?: number
  readonly max?: number
  /** Modbus only. */
  readonly register?: RegisterTable
  /** Counts from 0; in a frame of bytes, the position of its first one. */
  readonly address?: number
  readonly byteOrder?: ByteOrder
}

/** POST /api/v1/devices/NAME/read */
export interface ReadOrder {
  /** Absent: every point that can be read. */
  readonly points?: readonly string[]
  /** With the bytes of the registers; each point is asked for alone then, with its power of ten (Modbus only). */
  readonly raw?: boolean
}

export interface ReadAnswer {
  readonly device: string
  readonly connection: string
  readonly unitId: number
  /** When the answer was there. */
  readonly ts: number
  readonly tookMs: number
  readonly samples: readonly ReadSample[]
}

/** A value or the short code that stands in its place. */
export interface ReadSample extends PointFacts {
  readonly value?: PlainValue
  readonly error?: string
  /** Bytes as they came, hexadecimal, high byte of the first register first; of bits, 00 or 01. */
  readonly raw?: string
}

/** POST /api/v1/devices/NAME/write */
export interface WriteOrder {
  readonly point: string
  /** A string for 64-bit integers, which keep all their digits. */
  readonly value: PlainValue
}

/** POST /api/v1/devices/NAME/check takes a WriteOrder, too: the point takes the value. */
export interface CheckAnswer {
  readonly device: string
  readonly point: string
  /** As it would be sent. */
  readonly value: PlainValue
}

export interface WriteAnswer {
  readonly device: string
  readonly point: string
  /** As it was sent. */
  readonly value: PlainValue
  /** verified: read back and the same. differs: read back and not the same. unread: confirmed, and not read back. */
  readonly result: 'verified' | 'differs' | 'unread'
  readonly readBack?: PlainValue
  /** Why it was not read back: a short code; `write_only` where it cannot be. */
  readonly error?: string
  readonly unit?: string
  readonly tookMs: number
}

/** One raw read, or the question of who a unit is (function 43/14). */
export type RawQuestion =
  | { readonly unitId: number; readonly register: RegisterTable; readonly address: number; readonly count: number }
  | { readonly unitId: number; readonly identify: true }

/** POST /api/v1/connections/NAME/ask */
export interface RawOrder {
  /** Other line settings: the port is closed, used with them, and opened again as it was. Serial ports only. */
  readonly line?: LineSettings
  /** For each answer; absent: that of the connection. */
  readonly timeoutMs?: number
  readonly questions: readonly RawQuestion[]
}

/** In the order of the questions. */
export type RawReply =
  | { readonly ok: true; readonly hex: string; readonly tookMs: number }
  | { readonly ok: true; readonly texts: Readonly<Record<number, string>> }
  | { readonly ok: false; readonly code: string; readonly tookMs?: number }

/** GET /api/v1/connections */
export interface PlanReport {
  /** False: computed from the configuration, nobody polls now. */
  readonly running: boolean
  readonly connections: readonly PlannedConnection[]
}

export interface PlannedConnection {
  readonly name: string
  readonly type: string
  /** For people: "9600 8N1", or host and port. */
  readonly line: string
  /** Absent on a serial port. */
  readonly host?: string
  /** Of the host, or the path of the serial port. */
  readonly port: number | string
  /** Absent without an agent. */
  readonly state?: string
  /** Share of the last minute in which the connection was in use; 1 is all of it. */
  readonly busy?: number
  readonly devices: readonly PlannedDevice[]
}

export interface PlannedDevice {
  readonly name: string
  readonly unitId: number
  readonly profile?: string
  /** Absent without an agent. */
  readonly state?: 'unknown' | 'online' | 'offline'
  /** Usual time from request to reply. */
  readonly latencyMs?: number
  /** Polls missed because the connection was busy, since the start of the agent. */
  readonly missedPolls?: number
  /** Empty: it speaks by itself, or nothing of it is read. */
  readonly polls: readonly PlannedPoll[]
}

/** What is read together, and how often. */
export interface PlannedPoll {
  /** 0: by `schedule`. */
  readonly intervalMs: number
  readonly schedule?: string
  readonly reads: readonly PollRequest[]
}

/** One request. */
export interface PollRequest {
  /** "input 0..33" */
  readonly range: string
  /** Registers or bits asked for, holes included. */
  readonly count: number
  readonly points: readonly string[]
  /** How long the exchange occupies the connection, in ms; 0 where that is not known. */
  readonly wireMs: number
  /** Why it stands alone, if something was learnt from the device. */
  readonly learnt?: string
}

/** A line of GET /api/v1/devices/watch. The first says what is watched; empty lines are signs of life. */
export type WatchLine =
  | { readonly watching: { readonly devices: number; readonly points: number } }
  | {
      readonly ts: number
      readonly device: string
      readonly point: string
      readonly value: PlainValue
      readonly unit?: string
    }
  | { readonly ts: number; readonly device: string; readonly point: string; readonly error: string }
  | { readonly ts: number; readonly device: string; readonly event: string; readonly reason?: string }
  /** So many lines were left out because they were not taken quickly enough. */
  | { readonly missed: number }

/**
 * What tools do with devices. The agent does it between its polls; without one, the tool does it on its own connection.
 * Wrong names are refused with GatewayError('unknown_device'), a connection that is down with GatewayError('bad_answer').
 */
export interface DeviceTools {
  plan(): Promise<PlanReport>
  read(device: string, order: ReadOrder): Promise<ReadAnswer>
  /** Would it be sent? Nothing is. Rejects with GatewayError('usage') when the point does not take the value. */
  check(device: string, order: WriteOrder): Promise<CheckAnswer>
  /** Rejects as `check` does, and when the device refused or did not answer. */
  write(device: string, order: WriteOrder): Promise<WriteAnswer>
  /** Ends early, with GatewayError('conflict'), when the signal says that nobody waits any more. */
  ask(connection: string, order: RawOrder, signal?: AbortSignal): Promise<readonly RawReply[]>
}

export interface DeviceDesk extends DeviceTools {
  /** Calls `onLine` for what is recorded from now on, until the function it gives is called. */
  watch(pattern: string, onLine: (line: WatchLine) => void): () => void
}

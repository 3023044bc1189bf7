/**
 * Simulated devices as the simulator gets them: checked and complete, durations in ms. `config/simulation.ts` makes them
 * from YAML, `drivers/simulator/` plays them. What both need to know of values is here too.
 */
import type { Value } from './model.ts'
import { floatRangeOf, integerRangeOf } from './point-types.ts'
import type { LineSettings, PointSettings } from './settings.ts'

export interface SimulationSettings {
  readonly connections: readonly SimulatedConnection[]
}

export type SimulatedConnection = SimulatedTcp | SimulatedSerial

interface SimulatedCommon {
  readonly name: string
  readonly units: readonly SimulatedUnitSettings[]
}

/** A server that takes connections of any number of clients. */
export interface SimulatedTcp extends SimulatedCommon {
  readonly type: 'modbus-tcp' | 'modbus-rtu-over-tcp'
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** The serial line behind the server, whose time every exchange takes; absent: none, replies come at once. */
  readonly line?: LineSettings
  /** What is answered for a unit that is not there: nothing, or this exception. */
  readonly unknownUnit: 'silent' | 10 | 11
}

export interface SimulatedSerial extends SimulatedCommon {
  readonly type: 'modbus-rtu' | 'modbus-ascii'
  readonly port: string
  readonly line: LineSettings
  /** The port moves bytes at once (pseudo terminals): the time they take on the line is simulated. */
  readonly simulateLine: boolean
}

export interface SimulatedUnitSettings {
  readonly name: string
  readonly unitId: number
  readonly points: readonly SimulatedPointSettings[]
  /** Texts for functions 17 and 43/14 by object id; empty: both are refused (exception 1). */
  readonly identity: Readonly<Record<number, string>>
  /** From the end of a request to the reply. */
  readonly delayMs: number
  /** Absent: all functions there are. */
  readonly functions?: readonly number[]
  /** Registers one request may ask for or write; more is exception 3. */
  readonly registersMax: number
  /** Addresses without a point: exception 2, or 0. */
  readonly holes: 'refuse' | 'zero'
  readonly faults: readonly ScriptedFault[]
}

export interface SimulatedPointSettings {
  readonly point: PointSettings
  /** Absent: something plausible. */
  readonly value?: ValueShape
  /** Nobody declared it: a model code, by which a scan knows the device. */
  readonly isModelCode?: boolean
}

/** How a value behaves over time, in the unit of the point. */
export type ValueShape =
  | { readonly kind: 'fixed'; readonly value: Value }
  | { readonly kind: 'wave'; readonly middle: number; readonly swing: number; readonly periodMs: number }
  | { readonly kind: 'ramp'; readonly from: number; readonly to: number; readonly periodMs: number }
  | { readonly kind: 'counter'; readonly start: number; readonly perSecond: number }
  | {
      readonly kind: 'random'
      readonly min: number
      readonly max: number
      /** Furthest it goes in one step. */
      readonly step: number
      readonly everyMs: number
      readonly seed: number
    }
  | { readonly kind: 'toggle'; readonly everyMs: number }

/**
 * What a simulated unit can do wrong.
 * - dead: no answer, and nothing is done. slow: answers after `ms`. late: the same, meant to be longer than the asker waits.
 * - exception: refuses with this code (MODBUS Application Protocol V1.1b3, section 7), and nothing is done.
 * - foreign: answers in the name of another unit. wrong_function, wrong_length, wrong_transaction: as they say.
 * - torn: only the first `bytes` of the frame. noisy: random bytes before the frame, behind it, or both. crc: one bit is wrong.
 * - doubled: the frame twice. glued: a reply of another unit and this one in one piece. echo: the request comes back first.
 */
export type Fault =
  | { readonly kind: 'none' }
  | { readonly kind: 'dead' }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'exception'; readonly code: number }
  | { readonly kind: 'foreign'; readonly unitId: number }
  | { readonly kind: 'wrong_function' }
  | { readonly kind: 'wrong_length' }
  | { readonly kind: 'wrong_transaction' }
  | { readonly kind: 'torn'; readonly bytes: number }
  | { readonly kind: 'noisy'; readonly where?: 'before' | 'behind' | 'both' }
  | { readonly kind: 'crc' }
  | { readonly kind: 'doubled' }
  | { readonly kind: 'glued' }
  | { readonly kind: 'echo' }

/** A fault and when it is played, in ms since the simulator started. Each condition that is there must hold. */
export interface ScriptedFault {
  readonly fault: Fault
  readonly fromMs: number
  /** Absent: for ever. */
  readonly untilMs?: number
  /** Again and again, beginning at `fromMs`; each time for `forMs`, or for one request when that is absent. */
  readonly everyMs?: number
  readonly forMs?: number
  /** Played for so many requests in all. */
  readonly times?: number
  /** Played by chance, for this share of the requests (0..1). The same seed chooses the same requests. */
  readonly share?: number
  readonly seed: number
}

/** The least and the greatest it can reach, in the end; undefined when it is no number. */
export function reachOf(shape: ValueShape): { readonly min: number; readonly max: number } | undefined {
  switch (shape.kind) {
    case 'fixed':
      return typeof shape.value === 'number' ? { min: shape.value, max: shape.value } : undefined
    case 'wave':
      return { min: shape.middle - Math.abs(shape.swing), max: shape.middle + Math.abs(shape.swing) }
    case 'ramp':
      return { min: Math.min(shape.from, shape.to), max: Math.max(shape.from, shape.to) }
    case 'counter': // beyond what the registers hold it begins again, as a real one does
      return { min: shape.start, max: shape.start }
    case 'random':
      return { min: shape.min, max: shape.max }
    case 'toggle':
      return undefined
  }
}

/** What must be known of a point to say what it can hold. */
export type Holding = Pick<PointSettings, 'type' | 'scale' | 'offset' | 'kind' | 'width'>

/** The values of a number point, after scaling, that its registers can hold; undefined: any. */
export function holdable(point: Holding): { readonly min: number; readonly max: number } | undefined {
  const raw = rawRange(point)
  if (raw === undefined) return undefined
  const ends = [raw.min * point.scale + point.offset, raw.max * point.scale + point.offset]
  return { min: Math.min(...ends), max: Math.max(...ends) }
}

/** Simulated values are numbers: of 64-bit integers those that a number holds exactly. */
function rawRange(point: Holding): { readonly min: number; readonly max: number } | undefined {
  const float = floatRangeOf(point.type)
  if (float) return { min: -float.most, max: float.most }
  const range = integerRangeOf(point)
  if (!range) return undefined
  return {
    min: Math.max(Number(range.least), Number.MIN_SAFE_INTEGER),
    max: Math.min(Number(range.most), Number.MAX_SAFE_INTEGER),
  }
}

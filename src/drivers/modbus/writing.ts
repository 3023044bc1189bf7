/** Writing one point: encode, choose the function, say what became of it. */

import { REGISTERS_WRITTEN_MAX } from '../../modbus-limits.ts'
import type { Value } from '../../model.ts'
import { isBitTable, widthOf } from '../../point-types.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { WriteError } from '../driver.ts'
import type { Outcome, ReadRange } from './client.ts'
import { decodePower } from './codec.ts'
import { applyMasks, encode, encodeBoolean, encodeMasks } from './encode.ts'
import { sourceOf } from './plan.ts'
import { codeOf } from './reading.ts'
import type { Unit } from './unit.ts'

/** MODBUS Application Protocol V1.1b3, section 7. */
const ILLEGAL_FUNCTION = 1
const DEVICE_FAILURE = 4
const ACKNOWLEDGE = 5
const DEVICE_BUSY = 6
const GATEWAY_PATH = 10
const GATEWAY_TARGET_SILENT = 11

type Failure = Outcome<never> & { ok: false }

/**
 * Writes a value: function 5 for a coil, 6 for one register, 16 for several in one request; 15 and 16 throughout for a
 * unit that turns out not to know 5 and 6. Bits of a register go by function 22 as long as the unit knows it; else the
 * register is read, changed and written (nobody else uses the connection meanwhile). Rejects with WriteError, or LinkError
 * when nothing was sent.
 */
export async function writePoint(
  unit: Unit,
  device: DeviceSettings,
  what: { readonly point: PointSettings; readonly value: Value; readonly isWanted: (() => boolean) | undefined },
): Promise<void> {
  const { point, value, isWanted } = what
  const attempt = `writing ${device.name}.${point.name} = ${value}`
  checkPlace(point, attempt)
  const outcome = await write(unit, { point, value, attempt, isWanted, source: sourceOf(point, device.points) })
  if (!outcome.ok) throw refusal(outcome, attempt)
}

interface Order {
  readonly point: PointSettings
  readonly value: Value
  readonly attempt: string
  /** Asked right before the bytes. */
  readonly isWanted: (() => boolean) | undefined
  /** The point that holds the power of ten for this one. */
  readonly source: PointSettings | undefined
}

function checkPlace(point: PointSettings, attempt: string): void {
  const not = { happened: 'no', retriable: false } as const
  if (point.register === 'input' || point.register === 'discrete') {
    throw new WriteError('read_only', `${attempt}: a point of table ${point.register} cannot be written`, not)
  }
  if (point.register === 'holding' && widthOf(point) > REGISTERS_WRITTEN_MAX) {
    const message = `${attempt}: it has ${widthOf(point)} registers, and one request writes ${REGISTERS_WRITTEN_MAX}`
    throw new WriteError('unsupported', message, not)
  }
}

function write(unit: Unit, order: Order): Promise<Outcome<true>> {
  const { point, value } = order
  if (isBitTable(point.register)) return send(unit, order, { on: encodeBoolean(point, value) })
  return point.type === 'bit' || point.type === 'bits' ? writeBits(unit, order) : writeNumber(unit, order)
}

async function writeNumber(unit: Unit, order: Order): Promise<Outcome<true>> {
  const { point, value, attempt, source } = order
  if (!source) return send(unit, order, { bytes: encode(point, value) })
  const read = await unit.read(rangeOf(source))
  if (!read.ok) return unsent(read)
  const power = decodePower(source, read.value)
  if (power === undefined) {
    throw new WriteError('invalid', `${attempt}: ${source.name} holds no power of ten at the moment`, {
      happened: 'no',
      retriable: true,
    })
  }
  return send(unit, order, { bytes: encode(point, value, { power }) })
}

/** A unit that does not know function 22 today may be another one, or have other firmware, tomorrow. */
const UNABLE_MS = 86_400_000

/**
 * A unit that is silent to function 22 and answers a read right after it is one that ignores what it does not know: it is not
 * sent that again, but this time nobody knows what happened.
 */
async function writeBits(unit: Unit, order: Order): Promise<Outcome<true>> {
  const { point, value, isWanted } = order
  const masks = encodeMasks(point, value)
  const { abilities } = unit
  const { maskWrite } = abilities
  if (!maskWrite || maskWrite.known || unit.now - maskWrite.since >= UNABLE_MS) {
    const outcome = await unit.maskWrite(point.address, { ...masks, probe: probeOf(point), isWanted })
    if (outcome.ok) abilities.maskWrite = { known: true, since: unit.now }
    else if (await ignoresWhatItDoesNotKnow(unit, point, outcome))
      abilities.maskWrite = { known: false, since: unit.now }
    if (!isUnknownFunction(unit, outcome)) return outcome
    abilities.maskWrite = { known: false, since: unit.now }
  }
  const before = await unit.read(rangeOf(point))
  return before.ok ? send(unit, order, { bytes: applyMasks(before.value, masks) }) : unsent(before)
}

async function ignoresWhatItDoesNotKnow(
  unit: Unit,
  point: PointSettings,
  outcome: Extract<Outcome<true>, { ok: false }>,
): Promise<boolean> {
  if (unit.abilities.maskWrite?.known) return false
  if (outcome.exception !== undefined || outcome.unsent || outcome.code !== 'timeout') return false
  const read = await unit.read(rangeOf(point))
  return read.ok || read.exception !== undefined
}

type Content = { readonly on: boolean } | { readonly bytes: Uint8Array }

async function send(unit: Unit, order: Order, content: Content): Promise<Outcome<true>> {
  const { abilities } = unit
  const outcome = await sendBy(unit, order, { ...content, multiple: abilities.multipleOnly })
  if (abilities.multipleOnly || !isUnknownFunction(unit, outcome)) return outcome
  const second = await sendBy(unit, order, { ...content, multiple: true })
  if (second.ok) abilities.multipleOnly = true
  return second
}

function sendBy(
  unit: Unit,
  { point, isWanted }: Order,
  what: Content & { readonly multiple: boolean },
): Promise<Outcome<true>> {
  const probe = probeOf(point)
  if ('on' in what) return unit.writeCoil(point.address, { on: what.on, multiple: what.multiple, probe, isWanted })
  const multiple = what.multiple || what.bytes.length > 2
  return unit.writeRegisters(point.address, { bytes: what.bytes, multiple, probe, isWanted })
}

/** An exception that may be a late one says nothing about this request. */
function isUnknownFunction(unit: Unit, outcome: Outcome<true>): boolean {
  return !outcome.ok && outcome.exception === ILLEGAL_FUNCTION && !unit.isDoubtful
}

function unsent(failure: Outcome<unknown> & { ok: false }): Failure & { unsent: true } {
  return { ...failure, unsent: true }
}

function probeOf(point: PointSettings): ReadRange | undefined {
  return point.access === 'wo' ? undefined : rangeOf(point)
}

function rangeOf(point: PointSettings): ReadRange {
  return { register: point.register, address: point.address, count: widthOf(point) }
}

function refusal(outcome: Failure & { unsent?: true }, attempt: string): WriteError {
  const code = codeOf(outcome)
  if (outcome.exception === undefined) {
    const happened = outcome.unsent ? 'no' : 'maybe'
    return new WriteError(code, `${attempt}: no valid reply (${code})`, { happened, retriable: true })
  }
  const { exception } = outcome
  // 4 may come half way, 5 means "accepted, takes long", and behind 11 the unit may have heard and only its reply be lost.
  const maybe = [DEVICE_FAILURE, ACKNOWLEDGE, GATEWAY_TARGET_SILENT].includes(exception)
  return new WriteError(code, `${attempt}: the device refused with exception ${exception}`, {
    happened: maybe && !outcome.unsent ? 'maybe' : 'no',
    retriable: maybe || exception === DEVICE_BUSY || exception === GATEWAY_PATH,
  })
}

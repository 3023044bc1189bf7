/** Writing one point: encode, choose the function, say what became of it. */
import type { Value } from '../../model.ts'
import type { DeviceSettings, PointSettings } from '../../settings.ts'
import { WriteError } from '../driver.ts'
import type { Outcome } from './client.ts'
import { encode, encodeBoolean, withBit } from './codec.ts'
import { codeOf } from './reading.ts'
import { isBitTable, widthOf } from './registers.ts'
import type { Unit } from './unit.ts'

/** MODBUS Application Protocol V1.1b3, section 7. */
const ILLEGAL_FUNCTION = 1
const DEVICE_FAILURE = 4
const ACKNOWLEDGE = 5
const DEVICE_BUSY = 6
const GATEWAY_PATH = 10
const GATEWAY_TARGET_SILENT = 11

/**
 * Writes a value: function 5 for a coil, 6 for one register, 16 for several in one request; 15 and 16 throughout for a
 * unit that turns out not to know 5 and 6. A bit of a register is read, changed and written (nobody else uses the
 * connection meanwhile). Rejects with WriteError, or LinkError when nothing was sent.
 */
export async function writePoint(
  unit: Unit,
  device: DeviceSettings,
  what: { readonly point: PointSettings; readonly value: Value },
): Promise<void> {
  const { point, value } = what
  const attempt = `writing ${device.name}.${point.name} = ${value}`
  if (point.register === 'input' || point.register === 'discrete') {
    throw new WriteError('read_only', `${attempt}: a point of table ${point.register} cannot be written`, {
      happened: 'no',
      retriable: false,
    })
  }
  const content = await contentOf(unit, point, value)
  if ('refused' in content) throw refusal({ ...content.refused, unsent: true }, attempt)
  let outcome = await send(unit, point, { ...content, multiple: unit.multipleOnly })
  const unknownFunction = !outcome.ok && outcome.exception === ILLEGAL_FUNCTION
  if (unknownFunction && !unit.multipleOnly && !unit.isDoubtful) {
    outcome = await send(unit, point, { ...content, multiple: true })
    if (outcome.ok) unit.multipleOnly = true
  }
  if (!outcome.ok) throw refusal(outcome, attempt)
}

type Content = { readonly on: boolean } | { readonly bytes: Uint8Array }
type Refused = { readonly refused: Outcome<never> & { ok: false } }

async function contentOf(unit: Unit, point: PointSettings, value: Value): Promise<Content | Refused> {
  if (isBitTable(point.register)) return { on: encodeBoolean(point, value) }
  if (point.type !== 'bit') return { bytes: encode(point, value) }
  const on = encodeBoolean(point, value)
  const before = await unit.read(rangeOf(point))
  return before.ok ? { bytes: withBit(point, before.value, on) } : { refused: before }
}

function send(
  unit: Unit,
  point: PointSettings,
  what: Content & { readonly multiple: boolean },
): Promise<Outcome<true>> {
  const probe = point.access === 'wo' ? undefined : rangeOf(point)
  if ('on' in what) return unit.writeCoil(point.address, { on: what.on, multiple: what.multiple, probe })
  const multiple = what.multiple || what.bytes.length > 2
  return unit.writeRegisters(point.address, { bytes: what.bytes, multiple, probe })
}

function rangeOf(point: PointSettings) {
  return { register: point.register, address: point.address, count: widthOf(point) }
}

function refusal(outcome: Outcome<unknown> & { ok: false; unsent?: true }, attempt: string): WriteError {
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

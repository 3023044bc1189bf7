import assert from 'node:assert/strict'
import { createDriver } from '../../src/drivers/catalog.ts'
import type { Driver } from '../../src/drivers/driver.ts'
import { rtuFrame } from '../../src/drivers/modbus/frame.ts'
import type { SimulatedPoint } from '../../src/drivers/simulator/registers.ts'
import { SimulatedUnit } from '../../src/drivers/simulator/unit.ts'
import type { Sample, Value } from '../../src/model.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import { type HeardRequest, ScriptedBus } from './bus.ts'
import { VirtualClock } from './bus-clock.ts'
import { deviceWith, pointWith, rtuSettings } from './bus-settings.ts'

/** A driver and one unit on a line inside the process. */
export interface UnitRig {
  readonly clock: VirtualClock
  readonly driver: Driver
  readonly device: DeviceSettings
  readonly unit: SimulatedUnit
  readonly bus: ScriptedBus
  /** Exception for a request; 0: none; undefined: no reply at all. */
  refuse: (request: HeardRequest) => number | undefined
  /** Values, or codes in their place; of all points, or of those named. */
  read(...names: readonly string[]): Promise<Readonly<Record<string, Value>>>
  write(name: string, value: Value): Promise<void>
  /** `function address+count` of the requests since the last call. */
  asked(): readonly string[]
}

export async function rigWith(
  points: readonly PointSettings[],
  registers: readonly SimulatedPoint[],
  options: { readonly refuse?: UnitRig['refuse']; readonly device?: Partial<DeviceSettings> } = {},
): Promise<UnitRig> {
  const clock = new VirtualClock()
  const unit = new SimulatedUnit(1, registers)
  const bus = new ScriptedBus(clock, (request) => {
    const [functionCode = 0] = request.pdu
    const exception = rig.refuse(request)
    if (exception === undefined) return []
    const pdu = exception > 0 ? Uint8Array.of(functionCode | 0x80, exception) : unit.answer(request.pdu, 0)
    return [{ afterMs: 2, bytes: rtuFrame(1, pdu) }]
  })
  const device = deviceWith({ name: 'plc', points, ...options.device })
  const driver = createDriver(rtuSettings([device]), { clock, openPort: () => bus.openPort })
  const rig: UnitRig = {
    clock,
    driver,
    device,
    unit,
    bus,
    refuse: options.refuse ?? (() => 0),
    read: async (...names) => {
      const some = points.filter(({ name }) => names.length === 0 || names.includes(name))
      return record(await clock.run(driver.read(device, some)))
    },
    write: (name, value) => {
      const point = points.find((candidate) => candidate.name === name)
      assert.ok(point)
      return clock.run(driver.write(device, point, value))
    },
    asked: () =>
      bus.heard.splice(0).map(({ pdu }) => {
        const view = new DataView(pdu.buffer, pdu.byteOffset, pdu.length)
        return `${pdu[0]} ${view.getUint16(1)}+${view.getUint16(3)}`
      }),
  }
  await clock.run(driver.open())
  return rig
}

function record(samples: readonly Sample[]): Readonly<Record<string, Value>> {
  return Object.fromEntries(samples.map((sample) => [sample.point, sample.error ?? sample.value]))
}

/** Writable registers that hold their own address. */
export function holding(...addresses: readonly number[]): readonly SimulatedPoint[] {
  return addresses.map((address) => ({ register: 'holding', address, type: 'uint16', value: address, writable: true }))
}

/** A point for each address, named r0, r1 ... */
export function pointsAt(...addresses: readonly number[]): readonly PointSettings[] {
  return addresses.map((address) => pointWith({ name: `r${address}`, address, access: 'rw' }))
}

/**
 * A small plant for the demo and for tests: a Modbus TCP server with a healthy meter, a boiler that does not answer until
 * it is revived, a slow chiller, a writable controller, and a truck scale on a serial line inside this process.
 *
 * | unit | what | points |
 * |---|---|---|
 * | 1 meter | healthy | input 0 voltage float32 V, 2 current float32 A, 4 power float32 W, 6 energy uint32 Wh |
 * | 2 boiler | dead until `revive` | holding 0 supply_temp int16 0.1 degC, holding 1 setpoint int16 0.1 degC (writable) |
 * | 3 chiller | slow, 400 ms | holding 0 flow uint16 0.1 l/min, holding 1 return_temp int16 0.1 degC |
 * | 4 controller | healthy | holding 0 speed uint16 1/min, holding 10 target uint16 (writable), coil 0 pump (writable) |
 */
import type { Clock } from '../../clock.ts'
import type { Fault } from '../../simulation.ts'
import type { OpenPort } from '../port/port.ts'
import { noFault } from './fault.ts'
import { ModbusServer } from './modbus-server.ts'
import { SimulatedTextPort } from './text-port.ts'
import { SimulatedUnit } from './unit.ts'
import { counter, truck, wave } from './waveform.ts'

export interface SiteOptions {
  readonly clock?: Clock
  /** 0 (default): any free one. */
  readonly port?: number
  /** How the boiler begins. Default: dead. */
  readonly boilerFault?: Fault
  /** Delay of the chiller. */
  readonly slowMs?: number
  /** How often the scale speaks. */
  readonly scaleIntervalMs?: number
}

export interface SimulatedSite {
  readonly host: string
  readonly port: number
  readonly units: {
    readonly meter: SimulatedUnit
    readonly boiler: SimulatedUnit
    readonly chiller: SimulatedUnit
    readonly controller: SimulatedUnit
  }
  readonly server: ModbusServer
  readonly scale: SimulatedTextPort
  /** The serial line of the scale: `ST,GS,+12340kg` and CR LF, for `DriverOptions.openPort`. */
  readonly textPort: OpenPort
  /** The dead boiler answers from now on. */
  revive(): void
  close(): Promise<void>
}

const HOST = '127.0.0.1'
const SLOW_MS = 400
const SCALE_INTERVAL_MS = 500

export async function startSimulatedSite(options: SiteOptions = {}): Promise<SimulatedSite> {
  const units = { meter: meter(), boiler: boiler(), chiller: chiller(), controller: controller() }
  units.boiler.fault = options.boilerFault ?? { kind: 'dead' }
  units.chiller.fault = { kind: 'slow', ms: options.slowMs ?? SLOW_MS }
  const clock = options.clock && { clock: options.clock }
  const server = await ModbusServer.start(Object.values(units), { host: HOST, port: options.port ?? 0, ...clock })
  const scale = new SimulatedTextPort(scaleLine, { intervalMs: options.scaleIntervalMs ?? SCALE_INTERVAL_MS, ...clock })
  return {
    host: HOST,
    port: server.port,
    units,
    server,
    scale,
    textPort: scale.open,
    revive() {
      units.boiler.fault = noFault
    },
    async close() {
      scale.unplug()
      await server.close()
    },
  }
}

/** `ST,GS,+12340kg` or `US,GS,+08730kg`. */
function scaleLine(seconds: number): string {
  const { stable, kilograms } = truck(seconds)
  return `${stable ? 'ST' : 'US'},GS,+${String(kilograms).padStart(5, '0')}kg\r\n`
}

function meter(): SimulatedUnit {
  const voltage = wave({ middle: 230.4, swing: 2.5, periodSeconds: 40 })
  const current = wave({ middle: 11.8, swing: 4.2, periodSeconds: 25 })
  return new SimulatedUnit(1, [
    { register: 'input', address: 0, type: 'float32', value: voltage },
    { register: 'input', address: 2, type: 'float32', value: current },
    { register: 'input', address: 4, type: 'float32', value: (seconds) => voltage(seconds) * current(seconds) },
    { register: 'input', address: 6, type: 'uint32', value: counter({ start: 1_204_331, perSecond: 0.75 }) },
  ])
}

function boiler(): SimulatedUnit {
  return new SimulatedUnit(2, [
    {
      register: 'holding',
      address: 0,
      type: 'int16',
      scale: 0.1,
      value: wave({ middle: 61.3, swing: 1.8, periodSeconds: 60 }),
    },
    { register: 'holding', address: 1, type: 'int16', scale: 0.1, value: 60, writable: true },
  ])
}

function chiller(): SimulatedUnit {
  return new SimulatedUnit(3, [
    {
      register: 'holding',
      address: 0,
      type: 'uint16',
      scale: 0.1,
      value: wave({ middle: 84, swing: 6, periodSeconds: 30 }),
    },
    {
      register: 'holding',
      address: 1,
      type: 'int16',
      scale: 0.1,
      value: wave({ middle: -4.5, swing: 3, periodSeconds: 50 }),
    },
  ])
}

function controller(): SimulatedUnit {
  return new SimulatedUnit(4, [
    {
      register: 'holding',
      address: 0,
      type: 'uint16',
      value: (seconds) => Math.round(wave({ middle: 1440, swing: 25, periodSeconds: 15 })(seconds)),
    },
    { register: 'holding', address: 10, type: 'uint16', value: 20, writable: true },
    { register: 'coil', address: 0, type: 'bool', value: false, writable: true },
  ])
}

import type { Clock } from '../../clock.ts'
import type {
  SimulatedConnection,
  SimulatedSerial,
  SimulatedTcp,
  SimulatedUnitSettings,
  SimulationSettings,
} from '../../simulation.ts'
import { LinkError } from '../driver.ts'
import { openSerialPort } from '../port/serial.ts'
import type { SimulatedBus } from './bus.ts'
import { ModbusServer } from './modbus-server.ts'
import { defaultShape } from './plausible.ts'
import { SerialServer } from './serial-server.ts'
import { SimulatedUnit } from './unit.ts'
import { sourceOf } from './waveform.ts'

/** One connection being served. */
export interface RunningConnection {
  readonly settings: SimulatedConnection
  /** Where it is reached: `127.0.0.1:1502`, or the path of the port. */
  readonly address: string
  readonly bus: SimulatedBus
  /** Clients connected now; undefined on a serial line. */
  clients(): number | undefined
}

export interface RunningSimulation {
  readonly connections: readonly RunningConnection[]
  close(): Promise<void>
}

export interface SimulationOptions {
  readonly clock?: Clock
  /** A serial port is gone, or (undefined) back. */
  readonly onState?: (connection: string, lost: LinkError | undefined) => void
}

type Served = RunningConnection & { close(): Promise<void> }

/** Serves all connections. Rejects with LinkError, serving none, when one of them cannot be served. */
export async function startSimulation(
  settings: SimulationSettings,
  options: SimulationOptions = {},
): Promise<RunningSimulation> {
  const served: Served[] = []
  const close = async () => {
    await Promise.all(served.map((one) => one.close()))
  }
  try {
    for (const connection of settings.connections) {
      served.push('host' in connection ? await serveTcp(connection, options) : await serveSerial(connection, options))
    }
  } catch (error) {
    await close()
    throw error
  }
  return { connections: served, close }
}

/** The unit with its points, ready to be asked. */
function unitOf(settings: SimulatedUnitSettings): SimulatedUnit {
  const factors = new Set(settings.points.map(({ point }) => point.scaleFrom))
  const points = settings.points.map(({ point, value }) => {
    // A scale factor of 10 ** 0 suits whatever is scaled by it.
    const shape = value ?? (factors.has(point.name) ? { kind: 'fixed' as const, value: 0 } : defaultShape(point))
    return {
      ...point,
      value: shape.kind === 'fixed' ? shape.value : sourceOf(shape),
      writable: point.access !== 'ro',
    }
  })
  return new SimulatedUnit(settings.unitId, points, {
    name: settings.name,
    identity: settings.identity,
    delayMs: settings.delayMs,
    functions: settings.functions,
    registersMax: settings.registersMax,
    zeroHoles: settings.holes === 'zero',
    faults: settings.faults,
  })
}

async function serveTcp(settings: SimulatedTcp, options: SimulationOptions): Promise<Served> {
  const { host, port, line, unknownUnit } = settings
  const server = await ModbusServer.start(settings.units.map(unitOf), {
    host,
    port,
    line,
    frames: settings.type === 'modbus-tcp' ? 'tcp' : 'rtu',
    unknownUnit: unknownUnit === 'silent' ? undefined : unknownUnit,
    ...(options.clock && { clock: options.clock }),
  }).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, settings)
  })
  return {
    settings,
    address: `${host}:${server.port}`,
    bus: server.bus,
    clients: () => server.clients,
    close: () => server.close(),
  }
}

async function serveSerial(settings: SimulatedSerial, options: SimulationOptions): Promise<Served> {
  const { name, port, line, simulateLine } = settings
  const server = await SerialServer.start(settings.units.map(unitOf), {
    openPort: openSerialPort(port, line),
    frames: settings.type === 'modbus-ascii' ? 'ascii' : 'rtu',
    line,
    simulateLine,
    ...(options.clock && { clock: options.clock }),
    onState: (lost) => options.onState?.(name, lost),
  })
  return { settings, address: port, bus: server.bus, clients: () => undefined, close: () => server.close() }
}

function listenError(error: NodeJS.ErrnoException, { name, host, port }: SimulatedTcp): LinkError {
  const what = `serving ${name} on ${host}:${port}`
  switch (error.code) {
    case 'EADDRINUSE':
      return new LinkError('busy', `${what}: another program has this port`, {
        hint: `give ${name} another port, or find the program with: ss -tlnp sport = :${port}`,
        cause: error,
      })
    case 'EACCES':
      return new LinkError('permission', `${what}: ports below 1024 need root`, {
        hint: `give ${name} a port above 1023, such as 1502`,
        cause: error,
      })
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new LinkError('open_failed', `${what}: this machine has no such address`, {
        hint: 'write 127.0.0.1 for this machine only, or 0.0.0.0 for the whole network',
        cause: error,
      })
    default:
      return new LinkError('open_failed', `${what}: ${error.message}`, { cause: error })
  }
}

import type { RunningSimulation } from '../../drivers/simulator/simulation.ts'

/** What a simulation has done so far; printed with --json. */
export interface SimulationFacts {
  readonly seconds: number
  readonly requests: number
  readonly exceptions: number
  readonly faults: number
  readonly connections: readonly ConnectionFacts[]
  readonly devices: readonly DeviceFacts[]
}

export interface ConnectionFacts {
  readonly name: string
  readonly type: string
  /** Host and port, or the path of the serial port. */
  readonly address: string
  /** Clients connected now; absent on a serial line. */
  readonly clients?: number
  /** Requests to units that are not there. */
  readonly unknownUnits: number
  readonly broadcasts: number
  /** Bytes that were no request. */
  readonly noise: number
  /** Transmissions that met another one on the simulated line. */
  readonly collisions: number
}

export interface DeviceFacts {
  readonly name: string
  readonly connection: string
  readonly unitId: number
  readonly requests: number
  readonly exceptions: number
  /** Faults played, by kind. */
  readonly faults: Readonly<Record<string, number>>
}

export function factsOf(simulation: RunningSimulation, seconds: number): SimulationFacts {
  const connections = simulation.connections.map(({ settings, address, bus, clients }): ConnectionFacts => {
    const connected = clients()
    return {
      name: settings.name,
      type: settings.type,
      address,
      ...(connected === undefined ? {} : { clients: connected }),
      unknownUnits: bus.unknownUnits,
      broadcasts: bus.broadcasts,
      noise: bus.noise,
      collisions: bus.collisions,
    }
  })
  const devices = simulation.connections.flatMap(({ settings, bus }) =>
    [...bus.units.values()].map(
      (unit): DeviceFacts => ({
        name: unit.name,
        connection: settings.name,
        unitId: unit.unitId,
        requests: unit.requests,
        exceptions: unit.exceptions,
        faults: Object.fromEntries(unit.faults),
      }),
    ),
  )
  const sum = (count: (device: DeviceFacts) => number) => devices.reduce((total, device) => total + count(device), 0)
  return {
    seconds,
    requests: sum(({ requests }) => requests),
    exceptions: sum(({ exceptions }) => exceptions),
    faults: sum(faultsOf),
    connections,
    devices,
  }
}

function faultsOf({ faults }: DeviceFacts): number {
  return Object.values(faults).reduce((total, count) => total + count, 0)
}

/** The configuration of the demo: what a person would write for the simulated plant. */
export function demoConfig(ports: { readonly modbus: number; readonly mqtt: number }): string {
  return `version: 1
gateway: { id: ${GATEWAY}, clock: trusted }

connections:
  plant: { type: modbus-tcp, host: 127.0.0.1, port: ${ports.modbus}, timeout: 700ms }
  scale-port: { type: serial-text, port: /dev/serial/by-id/simulated, line: 9600 8N1, ends_with: "\\r\\n" }

devices:
  meter:
    connection: plant
    unit_id: 1
    interval: 500ms
    points:
      voltage: { register: input, address: 0, type: float32, unit: V, precision: 1 }
      current: { register: input, address: 2, type: float32, unit: A, precision: 2 }
      power: { register: input, address: 4, type: float32, unit: W, precision: 0 }
      energy: { register: input, address: 6, type: uint32, unit: Wh, kind: counter }
  boiler: # dead at first
    connection: plant
    unit_id: 2
    interval: 500ms
    points:
      supply_temp: { address: 0, type: int16, scale: 0.1, unit: °C }
      setpoint: { address: 1, type: int16, scale: 0.1, unit: °C, access: rw, min: 20, max: 75 }
  chiller: # slow: takes 400 ms to answer
    connection: plant
    unit_id: 3
    interval: 2s
    points:
      flow: { address: 0, type: uint16, scale: 0.1, unit: l/min }
      return_temp: { address: 1, type: int16, scale: 0.1, unit: °C }
  truck-scale: # speaks by itself
    connection: scale-port
    pattern: '^(?<stable>ST|US),GS,(?<weight>[-+.\\d]+)kg$'
    points:
      weight: { unit: kg }
      stable: { type: string }

commands:
  boiler-setpoint: { write: boiler.setpoint, expires_after: 10m, verify: read_back }

uplinks:
  cloud:
    type: mqtt
    url: "mqtt://127.0.0.1:${ports.mqtt}"
    protocol: 3.1.1
    backoff: { min: 200ms, max: 1s }
    commands: { subscribe: "tidegate/{gateway}/command/+" }

outbox: { commit_interval: 1s }
`
}

export const GATEWAY = 'demo'
/** The key of the command that the demo sends. */
export const COMMAND = 'boiler-setpoint'

/** Configurations of the end-to-end runs, as text: what an operator would write. */

/** The points of field-device.py. The setpoint is read once in a while only: its reads are not counted. */
const countingPoints = `
      n:        { register: input, address: 0, type: uint32 }
      low:      { register: input, address: 2, type: int16, scale: 0.1 }
      total:    { register: input, address: 3, type: uint64 }
      real:     { register: input, address: 7, type: float32, byte_order: CDAB }
      setpoint: { address: 0, type: int16, access: rw, interval: 1h }`

export interface FieldConfig {
  /** The connection "line", in YAML flow style. */
  readonly connection: string
  /** Port of the broker, or of the network before it. */
  readonly cloudPort: number
  readonly interval?: string
  readonly window?: number
  readonly commitInterval?: string
}

/** One counting device on one connection, one uplink, one command. */
export function countingConfig(options: FieldConfig): string {
  return `
version: 1
gateway: { id: gw, clock: trusted }
connections:
  line: ${options.connection}
devices:
  meter:
    connection: line
    unit_id: 1
    interval: ${options.interval ?? '20ms'}
    points:${countingPoints}
commands:
  setpoint: { write: meter.setpoint }
uplinks:
  cloud: ${uplink(options.cloudPort, options.window === undefined ? {} : { window: options.window })}
outbox: { commit_interval: ${options.commitInterval ?? '200ms'} }
`
}

/** Comes back quickly, so that tests need not wait. */
export function uplink(port: number, { window = 1000, more = 'topic_aliases: true' } = {}): string {
  return `{ type: mqtt, url: "mqtt://127.0.0.1:${port}", window: ${window}, backoff: { min: 20ms, max: 200ms }, commands: {}, ${more} }`
}

export function modbusTcp(port: number, timeoutMs = 300): string {
  return `{ type: modbus-tcp, host: 127.0.0.1, port: ${port}, timeout: ${timeoutMs}ms, min_timeout: ${timeoutMs}ms }`
}

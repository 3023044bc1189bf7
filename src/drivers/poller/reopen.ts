import type { ConnectionSettings } from '../../settings.ts'

/** A local port is looked for often: a replugged adapter must be back within two seconds. */
const SERIAL = { minMs: 250, maxMs: 1_500 }
/** A device that is down is not hammered with connections, which small ones count and refuse. */
const NETWORK = { minMs: 500, maxMs: 30_000 }

/** Limits of the pauses between tries to open a connection. */
export function reopenPauses(type: ConnectionSettings['type']): { readonly minMs: number; readonly maxMs: number } {
  return type === 'modbus-tcp' || type === 'modbus-rtu-over-tcp' ? NETWORK : SERIAL
}

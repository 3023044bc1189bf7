import type { MqttSettings } from '../../../uplink-settings.ts'
import { ConnectError, type Shortfall } from '../../transport.ts'
import { CONNACK_CUT } from './failures.ts'

/** "Not MQTT 5": 0x84, 1 as MQTT 3.1.1 has it, or cut by a server that could not even read CONNECT. */
const REFUSALS: ReadonlySet<string> = new Set(['refused_132', 'refused_1', CONNACK_CUT])

const FALLBACK: Shortfall = {
  reason: 'protocol_3',
  detail:
    'the broker does not speak MQTT 5: this session is MQTT 3.1.1, in which it cannot refuse a message nor say how much it takes',
  hint: 'write "protocol: 3.1.1" to have it so from the start, or 5 to insist',
}

/** Opens a connection in this version of the protocol. */
type Open<S> = (version: 4 | 5, shortfalls: readonly Shortfall[]) => Promise<S>

/**
 * Falls back to MQTT 3.1.1, where that is allowed, with servers that do not know 5: as part of one opening, and, where the
 * server said so, remembered for the next ones for as long as it goes well.
 */
export class OldServers {
  readonly #settings: Pick<MqttSettings, 'protocol' | 'fallback'>
  readonly #known = new Set<string>()

  constructor(settings: Pick<MqttSettings, 'protocol' | 'fallback'>) {
    this.#settings = settings
  }

  async open<S>(url: string, open: Open<S>): Promise<S> {
    if (this.#settings.protocol === 3) return open(4, [])
    let isSaid = true
    if (!this.#known.has(url)) {
      try {
        return await open(5, [])
      } catch (error) {
        const reason = error instanceof ConnectError ? error.closed.reason : ''
        if (!this.#settings.fallback || !REFUSALS.has(reason)) throw error
        // A link that broke at this moment looks the same.
        isSaid = reason !== CONNACK_CUT
      }
    }
    try {
      const session = await open(4, [FALLBACK])
      if (isSaid) this.#known.add(url)
      return session
    } catch (error) {
      // Whatever it is, the server may be another one when it is back.
      this.#known.delete(url)
      throw error
    }
  }
}

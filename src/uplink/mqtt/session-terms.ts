import type { MqttSettings } from '../../uplink-settings.ts'
import type { Closed, Shortfall } from '../transport.ts'
import { FOUR_BYTES_MAX } from './bytes.ts'
import { codeName, subackShortfall } from './fates.ts'
import type { ServerTerms } from './opening/phase.ts'
import { type PublishTerms, REMAINING_LENGTH_MAX } from './packets.ts'
import type { Suspect } from './sizes.ts'

/** Packet ids of publishes; those above are left to the library, for its SUBSCRIBE. */
export const PUBLISH_ID_MAX = 65_000

/** What we ask the server to keep a session for, in seconds; the most that can be said means for ever (MQTT 5.0 section 3.1.2.11.2). */
export function sessionExpirySeconds({ sessionExpiryMs }: Pick<MqttSettings, 'sessionExpiryMs'>): number {
  return Math.min(FOUR_BYTES_MAX, Math.round(sessionExpiryMs / 1000))
}

/** What a session may do, after what the server said about itself and what we learned of it. */
export interface SessionTerms extends PublishTerms {
  readonly windowMax: number
  readonly batchBytesMax: number
  readonly suspect?: Suspect | undefined
  /** 0: nothing that we send is answered. */
  readonly qosMax: 0 | 1
  readonly sessionPresent: boolean
  /** The server says `offline` for us when we are gone. */
  readonly hasWill: boolean
  readonly shortfalls: readonly Shortfall[]
}

/** What the server refused although it had announced nothing of the kind; absent: nothing. */
export interface LearnedLimits {
  readonly windowMax?: number | undefined
  readonly packetBytesMax?: number | undefined
  readonly batchBytesMax?: number | undefined
  readonly suspect?: Suspect | undefined
  readonly topicAliases: boolean
}

export function sessionTerms(server: ServerTerms, settings: MqttSettings, learned: LearnedLimits): SessionTerms {
  const { version, sessionPresent, receiveMaximum, maximumPacketSize, topicAliasMaximum } = server
  return {
    version,
    windowMax: Math.min(receiveMaximum ?? PUBLISH_ID_MAX, PUBLISH_ID_MAX, learned.windowMax ?? PUBLISH_ID_MAX),
    packetBytesMax: Math.min(
      maximumPacketSize ?? REMAINING_LENGTH_MAX,
      REMAINING_LENGTH_MAX,
      settings.packetBytesMax ?? REMAINING_LENGTH_MAX,
      learned.packetBytesMax ?? REMAINING_LENGTH_MAX,
    ),
    batchBytesMax: learned.batchBytesMax ?? REMAINING_LENGTH_MAX,
    ...(learned.suspect === undefined ? {} : { suspect: learned.suspect }),
    topicAliasMax: settings.topicAliases && learned.topicAliases ? (topicAliasMaximum ?? 0) : 0,
    qosMax: server.maximumQoS === 0 ? 0 : 1,
    retainAvailable: server.retainAvailable !== false,
    sessionPresent,
    hasWill: settings.surface.state !== undefined,
    shortfalls: shortfallsOf(server, settings),
  }
}

function shortfallsOf(server: ServerTerms, settings: MqttSettings): Shortfall[] {
  const shortfalls: Shortfall[] = []
  const { surface, commands } = settings
  if (server.retainAvailable === false && Object.values(surface).some((topic) => topic !== undefined)) {
    shortfalls.push({
      reason: 'no_retain',
      detail: 'the broker keeps no retained messages: who subscribes later sees nothing until the next change',
      hint: 'allow retained messages on the broker, or switch the surface topics off',
    })
  }
  if (server.maximumQoS === 0) {
    shortfalls.push({
      reason: 'no_qos_1',
      detail: 'the broker takes messages at QoS 0 only: it acknowledges nothing',
      hint: 'allow QoS 1 on the broker',
    })
  }
  const asked = sessionExpirySeconds(settings)
  const given = server.sessionExpirySeconds
  if (commands && given !== undefined && given < asked) {
    shortfalls.push({
      reason: 'session_expiry',
      detail: `the broker keeps our session for ${given} s, not ${asked} s: commands for a gateway that is away longer are lost`,
      hint: 'raise the limit on the broker, or lower session_expiry',
    })
  }
  return shortfalls
}

/** The reason why this server cannot serve us, or undefined. */
export function unusable(server: ServerTerms, { delivery }: Pick<MqttSettings, 'delivery'>): Closed | undefined {
  if (server.maximumQoS !== 0 || delivery === 'at_most_once') return undefined
  return {
    reason: 'no_qos_1',
    detail: `the broker announced: ${codeName(0x9b)}; it takes messages at QoS 0 only, so none would ever be acknowledged`,
    hurry: 'slow',
    hint: 'allow QoS 1 on the broker; or, if records may get lost on the way, write delivery: at_most_once',
  }
}

/** Why this server would end the connection at a SUBSCRIBE to `filter` (MQTT 5.0 sections 3.2.2.3.11 and 3.2.2.3.13), or undefined. */
export function unsubscribable(server: ServerTerms, filter: string): Shortfall | undefined {
  if (server.wildcardSubscriptions === false && /[+#]/.test(filter)) return subackShortfall(0xa2, filter)
  if (server.sharedSubscriptions === false && filter.startsWith('$share/')) return subackShortfall(0x9e, filter)
  return undefined
}

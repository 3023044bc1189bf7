import type { IConnackPacket } from 'mqtt-packet'
import { present } from '../../present.ts'
import type { ServerTerms } from './phase.ts'

/** What CONNACK says about the server, without what it leaves open. */
export function termsOf(connack: IConnackPacket | undefined, version: 4 | 5): ServerTerms {
  const said = version === 5 ? connack?.properties : undefined
  return {
    version,
    sessionPresent: connack?.sessionPresent ?? false,
    ...present('receiveMaximum', said?.receiveMaximum),
    ...present('maximumPacketSize', said?.maximumPacketSize),
    ...present('maximumQoS', said?.maximumQoS),
    ...present('retainAvailable', said?.retainAvailable),
    ...present('topicAliasMaximum', said?.topicAliasMaximum),
    ...present('serverKeepAliveSeconds', said?.serverKeepAlive),
    ...present('sessionExpirySeconds', said?.sessionExpiryInterval),
    ...present('assignedClientId', said?.assignedClientIdentifier),
    ...present('wildcardSubscriptions', said?.wildcardSubscriptionAvailable),
    ...present('sharedSubscriptions', said?.sharedSubscriptionAvailable),
  }
}

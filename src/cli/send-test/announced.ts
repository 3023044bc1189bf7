/** What a broker announces with CONNACK (MQTT 5.0 section 3.2.2.3), and what that means for an uplink. Pure. */
import type { ServerTerms } from '../../uplink/mqtt/opening/phase.ts'
import type { MqttSettings } from '../../uplink-settings.ts'
import { formatCount, formatDuration, formatSize } from '../format.ts'

export interface Limit {
  readonly what: string
  readonly value: string
  readonly meaning: string
}

/** What of it matters to this uplink; the time from PUBLISH to PUBACK is in ms, undefined when there was no answer. */
export function limitsOf(terms: ServerTerms, uplink: MqttSettings, roundTripMs: number | undefined): Limit[] {
  return [
    ...inFlight(terms, uplink, roundTripMs),
    packet(terms, uplink),
    ...quality(terms),
    ...retain(terms, uplink),
    ...aliases(terms, uplink),
    ...keepAlive(terms, uplink),
    ...clientId(terms),
  ]
}

/** At most once nothing is acknowledged, so nothing is in flight and no window holds anything back. */
function inFlight({ receiveMaximum }: ServerTerms, uplink: MqttSettings, roundTripMs: number | undefined): Limit[] {
  if (uplink.delivery === 'at_most_once') return []
  const what = 'in flight'
  const isLess = receiveMaximum !== undefined && receiveMaximum < uplink.window
  const window = isLess ? receiveMaximum : uplink.window
  const value = receiveMaximum === undefined ? 'no limit' : messages(receiveMaximum)
  const whose = isLess ? `less than window (${formatCount(uplink.window)})` : `window (${formatCount(window)}) counts`
  if (roundTripMs === undefined || roundTripMs < SHORTEST_ROUND_TRIP_MS) return [{ what, value, meaning: whose }]
  const rate = Math.floor((window * 1000) / roundTripMs)
  return [{ what, value, meaning: `${whose}; over this link at most ${formatCount(rate)} messages/s` }]
}

/** With a broker nearer than this it is not the link that limits the rate. */
const SHORTEST_ROUND_TRIP_MS = 2

function messages(count: number): string {
  return `${formatCount(count)} message${count === 1 ? '' : 's'}`
}

function packet({ maximumPacketSize }: ServerTerms, { batch }: MqttSettings): Limit {
  const what = 'packet'
  if (maximumPacketSize === undefined) return { what, value: 'no limit', meaning: 'records of any size are taken' }
  const rejected = 'a larger record is rejected'
  const isLess = batch !== undefined && batch.bytesMax > maximumPacketSize
  const meaning = isLess ? `batches end there, before max_bytes (${formatSize(batch.bytesMax)}); ${rejected}` : rejected
  return { what, value: formatSize(maximumPacketSize), meaning }
}

function quality({ maximumQoS }: ServerTerms): Limit[] {
  if (maximumQoS !== 0) return []
  return [{ what: 'QoS', value: '0 at most', meaning: 'the broker acknowledges nothing, this test neither' }]
}

function retain({ retainAvailable }: ServerTerms, { surface }: MqttSettings): Limit[] {
  if (retainAvailable !== false || Object.keys(surface).length === 0) return []
  return [{ what: 'retain', value: 'no', meaning: 'state, info, health ... reach only who is subscribed at the time' }]
}

function aliases({ topicAliasMaximum = 0 }: ServerTerms, { topicAliases }: MqttSettings): Limit[] {
  if (!topicAliases) return []
  const what = 'topic aliases'
  if (topicAliasMaximum === 0) return [{ what, value: 'none', meaning: 'every message carries its whole topic' }]
  return [{ what, value: formatCount(topicAliasMaximum), meaning: 'so many topics are sent in full only once' }]
}

function keepAlive({ serverKeepAliveSeconds: seconds }: ServerTerms, { keepaliveMs }: MqttSettings): Limit[] {
  if (seconds === undefined) return []
  const value = seconds === 0 ? 'none' : formatDuration(seconds * 1000)
  const own = `instead of keepalive (${formatDuration(keepaliveMs)})`
  return [{ what: 'keep-alive', value, meaning: `${own}: the broker says so` }]
}

function clientId({ assignedClientId: id }: ServerTerms): Limit[] {
  if (id === undefined) return []
  return [
    { what: 'client id', value: id, meaning: 'given by the broker: with every connection the session is another' },
  ]
}

import type { Closed, Fate, Shortfall } from '../transport.ts'

/**
 * What each answer of an MQTT server means for us: pure tables. Codes are those of MQTT 5.0 section 2.4 and of MQTT 3.1.1
 * table 3.1; what to do about them is the gateway's decision and stands in one place, here.
 */

/** The code is rarer than its cure: after so many refusals without a stated reason the message itself is to blame. */
const UNEXPLAINED_TRIES_MAX = 8
/** First pause after a refusal that says nothing about when to come back. */
const UNEXPLAINED_PAUSE_MS = 1_000
/** First pause after "quota exceeded": rates are counted per second by the brokers that have them. */
const QUOTA_PAUSE_MS = 1_000
/** A missing permission, or a topic the server does not want, is corrected by a human: asking every second only fills its log. */
const TOPIC_PAUSE_MS = 60_000

/** One object for every success of a kind, because there are as many of them as records. */
const ACCEPTED: Fate = { fate: 'accepted' }
const UNHEARD: Fate = { fate: 'accepted', unheard: true }

/** MQTT 5.0 section 2.4, as far as a server sends them. */
const NAMES: Readonly<Record<number, string>> = {
  16: 'no matching subscribers',
  128: 'unspecified error',
  129: 'malformed packet',
  130: 'protocol error',
  131: 'implementation specific error',
  132: 'unsupported protocol version',
  133: 'client identifier not valid',
  134: 'bad user name or password',
  135: 'not authorized',
  136: 'server unavailable',
  137: 'server busy',
  138: 'banned',
  139: 'server shutting down',
  140: 'bad authentication method',
  141: 'keep alive timeout',
  142: 'session taken over',
  143: 'topic filter invalid',
  144: 'topic name invalid',
  145: 'packet identifier in use',
  146: 'packet identifier not found',
  147: 'receive maximum exceeded',
  148: 'topic alias invalid',
  149: 'packet too large',
  150: 'message rate too high',
  151: 'quota exceeded',
  152: 'administrative action',
  153: 'payload format invalid',
  154: 'retain not supported',
  155: 'QoS not supported',
  156: 'use another server',
  157: 'server moved',
  158: 'shared subscriptions not supported',
  159: 'connection rate exceeded',
  160: 'maximum connect time',
  161: 'subscription identifiers not supported',
  162: 'wildcard subscriptions not supported',
}

/** Packet identifier in use: the only answer to a publish that ends the session (the two sides disagree on its state). */
export const PACKET_ID_IN_USE = 0x91

/** "not authorized (0x87)". */
export function codeName(code: number): string {
  return `${NAMES[code] ?? 'unknown reason'} (0x${code.toString(16).padStart(2, '0')})`
}

/** What to do about a message that is not taken now. */
const PUBLISH_HINTS = {
  135: 'allow this gateway to publish there, in the access rules of the broker',
  137: 'the broker has too much to do; it is tried again',
  144: 'the broker does not take this topic: correct topic, event_topic or result_topic of the uplink',
  151: 'a limit of the broker: raise it there, or set pace for the uplink',
} as const

/** MQTT 5 PUBACK. MQTT 3.1.1 has no negative one: there every PUBACK is 0x00. `said` is the reason string, for humans. */
export function pubackFate(code: number, said?: string): Fate {
  const reason = () => `${codeName(code)}${said ? `, "${said}"` : ''}`
  switch (code) {
    case 0x00:
      return ACCEPTED
    // 0x10: no subscriber now. An EMQX queue has stored the message all the same, and a plain broker would have
    // answered 0x00 before MQTT 5: either way the server has taken it.
    case 0x10:
      return UNHEARD
    // The topic is at fault and not the record: it waits until the rights, or our configuration, are corrected.
    case 0x87:
    case 0x90:
      return { fate: 'kept', reason: reason(), hint: PUBLISH_HINTS[code], delayMs: TOPIC_PAUSE_MS, onlyTopic: true }
    case PACKET_ID_IN_USE:
      return { fate: 'kept', reason: reason() }
    // 0x93 and 0x96 are for DISCONNECT by the standard, but what they mean in an answer is clear.
    case 0x93:
    case 0x96:
    case 0x97:
      return { fate: 'kept', reason: reason(), hint: PUBLISH_HINTS[0x97], delayMs: QUOTA_PAUSE_MS, shrinkWindow: true }
    // Nothing is wrong with the message; the server says that it cannot now.
    case 0x88:
    case 0x89:
    case 0x8b:
      return { fate: 'kept', reason: reason(), hint: PUBLISH_HINTS[0x89], delayMs: UNEXPLAINED_PAUSE_MS }
    // Not for a PUBACK by the standard; mosquitto answers so to what is above its message_size_limit.
    case 0x95:
    case 0x99:
      return { fate: 'rejected', reason: reason() }
    default:
      return {
        fate: 'kept',
        reason: reason(),
        hint: 'the log of the broker says why',
        delayMs: UNEXPLAINED_PAUSE_MS,
        triesMax: UNEXPLAINED_TRIES_MAX,
      }
  }
}

/** Codes that a human, a permission or the configuration has to cure; knocking fast makes some of them worse. */
const SLOW: ReadonlySet<number> = new Set([
  // ours to correct: 0x81, 0x82 and 0x94 say that we broke the protocol
  0x81, 0x82, 0x94,
  // credentials and permissions; 0x86 is also what clouds with signed passwords answer to a wrong clock
  0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c,
  // somebody else uses our client id: reconnecting at once would only throw them out in turn
  0x8e,
  // what we ask for does not exist there
  0x8f, 0x90, 0x9a, 0x9b, 0x9d, 0x9e, 0xa1, 0xa2,
])

/** Names of their own, because operators search for them; all others are `refused_` and the decimal code. */
const SHORT: Readonly<Record<number, string>> = {
  141: 'keepalive',
  142: 'taken_over',
  // the server has not said its limit, so the transport has to learn it
  149: 'packet_too_large',
}

/** MQTT 5 CONNACK other than success. `said` is the server's reason string, for humans only. */
export function connackClosed(code: number, said?: string): Closed {
  return closed(code, 'the broker refused the connection', said)
}

/** MQTT 5 DISCONNECT sent by the server. 0x00 is a normal end, for whatever reason. */
export function disconnectClosed(code: number, said?: string): Closed {
  if (code === 0) return { reason: 'closed', detail: 'the broker ended the connection', hurry: 'soon' }
  return closed(code, 'the broker ended the connection', said)
}

/** What to do about a refused subscription. */
const SUBSCRIBE_HINTS: Readonly<Record<number, string>> = {
  135: 'allow the gateway to subscribe there, or correct commands.subscribe',
  143: 'correct commands.subscribe: the broker does not take this filter',
  151: 'raise the limit of subscriptions or of queues on the broker',
  158: 'this broker has no shared subscriptions: write the filter without $share',
  162: 'this broker has no wildcards in subscriptions: write the topic in full',
}

/** SUBACK with a failure code, of MQTT 5 or 3.1.1 (only 0x80): no commands come, but records go. */
export function subackShortfall(code: number, filter: string): Shortfall {
  return {
    reason: `subscribe_${code}`,
    detail: `the broker refused the subscription to ${filter}: ${codeName(code)}`,
    hint: SUBSCRIBE_HINTS[code] ?? 'see what the broker allows this user to subscribe to (commands.subscribe)',
  }
}

/** MQTT 3.1.1 section 3.2.2.3. */
export function returnCodeClosed(code: number): Closed {
  const names = [
    'accepted',
    'unacceptable protocol version',
    'identifier rejected',
    'server unavailable',
    'bad user name or password',
    'not authorized',
  ]
  return {
    reason: `refused_${code}`,
    detail: `the broker refused the connection: ${names[code] ?? 'unknown reason'} (${code})`,
    hurry: code === 3 ? 'soon' : 'slow',
  }
}

function closed(code: number, what: string, said: string | undefined): Closed {
  return {
    reason: SHORT[code] ?? `refused_${code}`,
    detail: `${what}: ${codeName(code)}${said ? `, "${said}"` : ''}`,
    hurry: SLOW.has(code) ? 'slow' : 'soon',
  }
}

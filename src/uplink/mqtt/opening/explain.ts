import type { MqttSettings } from '../../../uplink-settings.ts'
import type { Closed } from '../../transport.ts'

/** How long to leave a server alone, by reason. The loop waits longer than that, by a random part. */
const PAUSES_MS: Readonly<Record<string, number>> = {
  // Clouds that ban do it for five minutes, and begin anew when one knocks meanwhile.
  refused_138: 300_000,
  // At once would throw the other one out in turn.
  taken_over: 60_000,
  // Busy, and the limits on rates: counted per second, or per few.
  refused_137: 5_000,
  refused_150: 5_000,
  refused_151: 5_000,
  refused_159: 5_000,
  refused_3: 5_000,
}
/** A clock that is not known yet: a time service that is there at all answers within less. */
const CLOCK_PAUSE_MS = 30_000

/** Refusals that a signed password with a time in it gets on a gateway whose clock is wrong (MQTT 5, MQTT 3.1.1). */
const CREDENTIALS: ReadonlySet<string> = new Set(['refused_134', 'refused_135', 'refused_4', 'refused_5'])

const OUR_FAULT = 'the broker says that the gateway broke the protocol: please report this, with the log of the broker'
const LOG = 'the log of the broker says more'
const BUSY = 'the broker is busy or limits how often one connects: it is tried again after a while'

const HINTS: Readonly<Record<string, (settings: MqttSettings) => string>> = {
  refused_1: oldProtocol,
  refused_132: oldProtocol,
  refused_2: otherId,
  refused_133: otherId,
  refused_3: () => BUSY,
  refused_4: credentials,
  refused_134: credentials,
  refused_5: permission,
  refused_135: permission,
  refused_129: () => OUR_FAULT,
  refused_130: () => OUR_FAULT,
  refused_148: () => OUR_FAULT,
  refused_136: () => 'the broker is there but not ready: it is tried again',
  refused_137: () => BUSY,
  refused_159: () => BUSY,
  refused_138: () =>
    'this user, client id or address is banned on the broker: lift the ban there (it may end by itself)',
  refused_139: () => 'it is tried again until it is back',
  refused_140: () => 'the broker wants another kind of login than user name and password',
  refused_144: () =>
    'the broker does not take the topic of the will: correct surface.root of the uplink, or write surface: { state: false }',
  refused_147: () => 'lower window of the uplink: the broker takes fewer messages at a time than it says',
  packet_too_large: () => 'what is larger goes to the rejected records from now on; raise the limit on the broker',
  keepalive: () => 'the link is broken or slow, or the broker overloaded; a slow link may need a longer keepalive',
  refused_150: () => 'send less: pace, batch, include or thin_to of the uplink',
  refused_151: () => 'raise the quota on the broker, or send less: pace, batch, include or thin_to of the uplink',
  refused_152: () => 'somebody ended the connection on the broker, by hand or by a rule: its log says more',
  refused_154: () => 'allow retained messages on the broker, or switch the surface topics off',
  refused_155: () => 'allow QoS 1 on the broker',
  refused_156: elsewhere,
  refused_157: elsewhere,
  refused_160: () => 'the broker ends every connection after a while: it is opened again',
  taken_over: twice,
  cut_again: (settings) =>
    `${twice(settings)}; or the broker cuts who publishes or subscribes where it may not, or a message that is too large for it (max_packet): its log says which`,
}

export interface Circumstances {
  readonly settings: MqttSettings
  /** False: the wall clock is not known; absent: nobody can say. */
  readonly clockKnown?: boolean | undefined
  /** Unix time in ms, as the machine believes. */
  readonly wall: number
}

/** Adds to the reason for an end what to do about it, how long to wait, and whether the clock may be to blame. Pure. */
export function explained(closed: Closed, circumstances: Circumstances): Closed {
  const { settings, clockKnown, wall } = circumstances
  if (closed.reason === 'tls_untrusted' || closed.reason === 'tls_self_signed') return untrusted(closed, settings)
  if (closed.reason === 'tls_clock' || closed.reason === 'tls_expired') return dated(closed, circumstances)
  if (clockKnown === false && CREDENTIALS.has(closed.reason)) {
    const hint = `${clockSays(wall)}, and passwords that are signed with the time fail meanwhile; else ${credentials(settings)}`
    return { ...closed, hurry: 'soon', pauseMinMs: CLOCK_PAUSE_MS, hint }
  }
  const hint = closed.hint ?? HINTS[closed.reason]?.(settings) ?? (/^refused_/.test(closed.reason) ? LOG : undefined)
  const pauseMinMs = closed.pauseMinMs ?? PAUSES_MS[closed.reason]
  return {
    ...closed,
    ...(hint === undefined ? {} : { hint }),
    ...(pauseMinMs === undefined ? {} : { pauseMinMs }),
  }
}

/** The certificate of the broker is of nobody we know. */
function untrusted(closed: Closed, { tls }: MqttSettings): Closed {
  const own = closed.reason === 'tls_self_signed'
  const hint = () => {
    if (tls.psk)
      return 'the broker has a certificate at this port and no shared key: look at the port, or remove tls.psk'
    if (tls.ca !== undefined) {
      return own
        ? 'the broker signed its certificate itself, and it is not the one in tls.ca: write it there'
        : 'no certificate in tls.ca has signed that of the broker: write the certificate of its authority there'
    }
    return own
      ? 'the broker signed its certificate itself: write that certificate, as PEM, into tls.ca'
      : 'no authority that we know vouches for the broker: write the certificate of its authority into tls.ca'
  }
  return { ...closed, reason: 'tls', hint: hint() }
}

/** A certificate that is not valid at the time our clock shows. */
function dated(closed: Closed, { clockKnown, wall }: Circumstances): Closed {
  if (clockKnown === false) {
    const hint = `${clockSays(wall)}: this ends when a time service answers (timedatectl)`
    return { ...closed, reason: 'tls_clock', hurry: 'soon', hint }
  }
  const unless = `unless the clock of this machine is wrong (it says ${day(wall)})`
  if (closed.reason === 'tls_expired') {
    return { ...closed, reason: 'tls', hint: `renew the certificate of the broker, ${unless}` }
  }
  if (clockKnown) {
    return { ...closed, reason: 'tls', hurry: 'slow', hint: `have the certificate of the broker made anew, ${unless}` }
  }
  return { ...closed, hint: `the clock of this machine says ${day(wall)}: is that right (timedatectl)?` }
}

function clockSays(wall: number): string {
  return `the clock of this gateway is not known yet (it says ${day(wall)})`
}

function day(wall: number): string {
  return new Date(wall).toISOString().slice(0, 10)
}

function credentials({ username, tls }: MqttSettings): string {
  if (username === undefined) {
    return `username and password of the uplink are missing${tls.cert === undefined ? '' : ', or the broker does not take the certificate for them'}`
  }
  return `username (${username}) or password of the uplink is wrong, or the broker does not know this user`
}

/** Some brokers say so to a wrong password as well. */
function permission(settings: MqttSettings): string {
  const { username, clientId } = settings
  const who = username === undefined ? `client ${clientId}` : `user ${username} with client id ${clientId}`
  return `${credentials(settings)}; or allow ${who} on the broker (some want a user name that belongs to the client id)`
}

function otherId({ clientId }: MqttSettings): string {
  return `the broker does not take client id ${clientId}: write the one that it expects as client_id`
}

function oldProtocol({ protocol }: MqttSettings): string {
  return protocol === 5
    ? 'this broker does not know MQTT 5: write "protocol: 3.1.1", or "[5, 3.1.1]" for whichever it knows'
    : 'this broker does not know MQTT 3.1.1: write "protocol: 5"'
}

function elsewhere(): string {
  return 'the broker sends us to another one, which we do not follow by ourselves: write its address into url'
}

function twice({ clientId }: MqttSettings): string {
  return `somebody else connects with client id ${clientId}: is there a second gateway with this configuration (a copied card), or another program? Give each its own gateway.id, or client_id`
}

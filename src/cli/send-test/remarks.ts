/** What is worth saying beside the steps. Pure. */
import type { ServerTerms } from '../../uplink/mqtt/opening/phase.ts'
import { type Certificate, dayOf } from './details.ts'

export interface Facts {
  /** Undefined: there was no CONNACK. */
  readonly terms: ServerTerms | undefined
  readonly certificate: Certificate | undefined
  /** The broker has the message, as far as it says. */
  readonly taken: boolean
  /** It said that nobody is subscribed. */
  readonly unheard: boolean
  /** Unix time in ms. */
  readonly now: number
}

/** A certificate that ends within this time is worth a word. */
const SOON_DAYS = 30
const DAY_MS = 86_400_000

export function remarksOn(facts: Facts): string[] {
  return [...onCertificate(facts), ...onOldProtocol(facts), ...onUnheard(facts)]
}

function onCertificate({ certificate, now }: Facts): string[] {
  if (!certificate) return []
  const days = Math.floor((Date.parse(certificate.validTo) - now) / DAY_MS)
  if (!(days < SOON_DAYS)) return []
  const when = days < 0 ? 'ended' : 'ends'
  return [`The certificate of the broker ${when} on ${dayOf(certificate.validTo)}.`]
}

function onOldProtocol({ terms, taken }: Facts): string[] {
  if (terms?.version !== 4 || !taken) return []
  return [
    'MQTT 3.1.1 cannot refuse a message: a broker whose access rules forbid the topic says the same and drops it.',
  ]
}

function onUnheard({ unheard }: Facts): string[] {
  if (!unheard) return []
  return [
    'The broker said that nobody is subscribed to this topic: unless it stores for others (a queue), it threw it away.',
  ]
}

/** For a shell, to see what comes on the topic; undefined for a broker that mosquitto_sub does not reach with so few words. */
export function lineToSee(what: {
  readonly url: string
  readonly topic: string
  readonly username: string | undefined
}): string | undefined {
  const { topic, username } = what
  const { protocol, hostname, port } = new URL(what.url)
  if (protocol !== 'mqtt:') return undefined
  const host = hostname.replace(/^\[|\]$/g, '')
  const user = username === undefined ? '' : ` -u ${quoted(username)} -P PASSWORD`
  return `mosquitto_sub -h ${host}${port === '' ? '' : ` -p ${port}`}${user} -v -t ${quoted(topic)}`
}

/** For a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

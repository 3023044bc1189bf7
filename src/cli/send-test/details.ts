/** What came of the steps of a connection, for people. Pure. */
import type { Finding, ServerTerms } from '../../uplink/mqtt/opening/phase.ts'
import type { StepName } from './steps.ts'

type Found<What extends Finding['what']> = Extract<Finding, { readonly what: What }>

/** What a broker showed of itself. */
export type Certificate = NonNullable<Found<'tls'>['certificate']>

/** The step a finding belongs to, and its words. */
export function detailOf(finding: Finding): { readonly step: StepName; readonly text: string } {
  switch (finding.what) {
    case 'address':
      return { step: 'tcp', text: addressText(finding) }
    case 'tls':
      return { step: 'tls', text: tlsText(finding) }
    case 'connack':
      return { step: 'connack', text: connackText(finding.terms) }
  }
}

/** "192.0.2.7:8883", "[2001:db8::7]:8883" */
function addressText({ address, port }: Found<'address'>): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

function tlsText({ protocol, cipher, alpn, certificate }: Found<'tls'>): string {
  const parts = [protocol, cipher]
  if (alpn !== undefined) parts.push(`ALPN ${alpn}`)
  if (certificate) {
    const names = certificate.subject.replaceAll(/\b(DNS|IP Address):/g, '')
    parts.push(`certificate of ${names} by ${certificate.issuer}, until ${dayOf(certificate.validTo)}`)
  } else parts.push('shared key')
  return parts.join(', ')
}

function connackText({ version, sessionPresent }: ServerTerms): string {
  return `MQTT ${version === 5 ? '5' : '3.1.1'}${sessionPresent ? ', the session of the gateway goes on' : ''}`
}

/** "Oct 28 06:40:07 2126 GMT" -> "2126-10-28"; as it is where it is no time. */
export function dayOf(time: string): string {
  const ts = Date.parse(time)
  return Number.isNaN(ts) ? time : new Date(ts).toISOString().slice(0, 10)
}

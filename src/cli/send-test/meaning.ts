/** What it means that a step failed. Pure. */
import type { StepName } from './steps.ts'

export interface Failure {
  readonly step: StepName
  /** As in `tidegate status`. */
  readonly code: string
  readonly message: string
  /** What to look at or to do. */
  readonly hint?: string
}

/** What is known to be good when a step fails, and what is not. */
const meanings: Readonly<Record<StepName, string>> = {
  dns: 'The name of the broker has no address here. Nothing was sent.',
  tcp: 'Nobody takes connections at that address and port, or something in between drops them.',
  proxy: 'The proxy is there, but gives no way to the broker.',
  tls: 'The port is open, but TLS was not agreed on. User name, password and data have not been sent.',
  websocket: 'Something answers there, but it opens no WebSocket at this path.',
  connack: 'The way to the broker is open, but it does not let the gateway in.',
  suback: 'The gateway is let in, but would not get commands. Records do not need this.',
  puback: 'The gateway is let in, but its message was not taken: records would wait or be rejected.',
}

export function meaningOf(step: StepName): string {
  return meanings[step]
}

/** What came with the failure; all that is known about each is said where it is found (`uplink/mqtt/opening/failures.ts`). */
export function hintOf({ hint }: Failure): string {
  return hint ?? 'the log of the broker says more'
}

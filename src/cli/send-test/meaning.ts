/** What it means that a step failed, and what to do about it. Pure. */
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
  websocket: 'A server is there, but it opens no WebSocket at this path.',
  connack: 'The way to the broker is open, but it does not let the gateway in.',
  suback: 'The gateway is let in, but would not get commands. Records do not need this.',
  puback: 'The gateway is let in, but its message was not taken: records would wait or be rejected.',
}

const hints: Readonly<Record<StepName, string>> = {
  dns: 'look at the spelling of url and at the name server: getent hosts NAME',
  tcp: 'look at host and port of url, at the firewall, and whether the broker runs',
  proxy: 'look at proxy, its user name and password, and whether it allows this host and port',
  tls: 'look at tls in docs/security.md: ca, server_name, cert and key; and at the clock of this machine',
  websocket: 'look at the path of url (EMQX and mosquitto: /mqtt) and at the port',
  connack: "look at username, password and client_id, and at the broker's log",
  suback: "look at the broker's access rules for commands.subscribe",
  puback: "look at the broker's access rules for publishing, and at its log",
}

export function meaningOf(step: StepName): string {
  return meanings[step]
}

/** The hint that came with the failure is nearer to it than what is known about the step. */
export function hintOf(failure: Failure): string {
  return failure.hint ?? hints[failure.step]
}

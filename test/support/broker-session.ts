import type { IPublishPacket } from 'mqtt-packet'

/** A command to send to the gateway. */
export interface Outbound {
  readonly topic: string
  readonly payload: string
  readonly qos?: 0 | 1
  readonly retain?: boolean
  readonly properties?: NonNullable<IPublishPacket['properties']>
}

/** What is remembered of a client between connections. */
export interface ClientSession {
  readonly unconfirmed: { readonly id: number; readonly message: Outbound; sent: boolean }[]
  nextId: number
}

export function enqueue(session: ClientSession, message: Outbound): void {
  session.unconfirmed.push({ id: session.nextId, message, sent: false })
  session.nextId = (session.nextId % 65_535) + 1
}

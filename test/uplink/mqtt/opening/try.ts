import assert from 'node:assert/strict'
import { MqttTransport, type MqttTransportOptions } from '../../../../src/uplink/mqtt/mqtt.ts'
import type { Finding } from '../../../../src/uplink/mqtt/opening/phase.ts'
import { type Closed, ConnectError, type Fate, type Session } from '../../../../src/uplink/transport.ts'
import type { MqttSettings } from '../../../../src/uplink-settings.ts'
import { mqttSettings } from '../../../support/uplink-settings.ts'

/** What a try to connect and to send one message came to. */
export interface Trial {
  /** Of the message; undefined: there was no session. */
  readonly fate?: Fate['fate']
  readonly closed?: Closed
  readonly shortfalls: readonly string[]
  readonly phases: readonly string[]
  readonly findings: readonly Finding[]
}

/** One connection with one message, closed again. */
export async function tryOnce(
  url: string,
  settings: Partial<MqttSettings> = {},
  options: Pick<MqttTransportOptions, 'clockKnown'> = {},
): Promise<Trial> {
  const phases: string[] = []
  const findings: Finding[] = []
  const transport = new MqttTransport(mqttSettings(url, settings), {
    ...options,
    onPhase: (phase) => phases.push(phase),
    onFinding: (finding) => findings.push(finding),
  })
  let session: Session
  try {
    session = await transport.connect({ onDelivery() {}, onClosed() {} }, new AbortController().signal)
  } catch (error) {
    assert.ok(error instanceof ConnectError)
    return { closed: error.closed, shortfalls: [], phases, findings }
  }
  const fate = await new Promise<Fate>((resolve) => session.publish({ topic: 't/x', payload: '{}' }, resolve))
  const shortfalls = session.shortfalls.map(({ reason }) => reason)
  await session.close()
  return { fate: fate.fate, shortfalls, phases, findings }
}

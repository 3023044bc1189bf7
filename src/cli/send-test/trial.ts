import { systemClock } from '../../clock.ts'
import type { ServerTerms } from '../../uplink/mqtt/opening/phase.ts'
import type { Message } from '../../uplink/transport.ts'
import type { MqttSettings } from '../../uplink-settings.ts'
import { type Limit, limitsOf } from './announced.ts'
import { Attempt } from './attempt.ts'
import type { Failure } from './meaning.ts'
import { prepare, type TrialOptions } from './prepare.ts'
import { lineToSee, remarksOn } from './remarks.ts'
import type { Step, StepName } from './steps.ts'

/** What became of one try. */
export interface Trial {
  readonly uplink: string
  readonly url: string
  readonly clientId: string
  readonly topic: string
  readonly good: boolean
  readonly steps: readonly Step[]
  /** What came of a step, for people. */
  readonly details: Readonly<Partial<Record<StepName, string>>>
  readonly failures: readonly Failure[]
  /** As announced with CONNACK; absent when there was none. */
  readonly terms?: ServerTerms
  readonly limits: readonly Limit[]
  readonly remarks: readonly string[]
  /** A line for a shell that shows the message as it arrives. */
  readonly see?: string
}

/** Where it is tried. */
export interface Target {
  readonly gateway: string
  readonly uplink: MqttSettings
  readonly url: string
}

/**
 * Connects as the gateway would, sends one message that says what it is, waits for the answer and ends the connection in
 * good order. What fails is in the result. Aborting the signal gives up.
 */
export async function tryUplink(target: Target, options: TrialOptions, signal: AbortSignal): Promise<Trial> {
  const { settings, topic, remarks } = prepare(target.uplink, target.url, options)
  const attempt = new Attempt(settings)
  await attempt.run(messageFor(target, topic), signal)
  const { steps, failures, details, terms, certificate } = attempt
  const roundTripMs = details.puback === undefined ? undefined : steps.find(({ step }) => step === 'puback')?.ms
  const limits = terms?.version === 5 ? limitsOf(terms, target.uplink, roundTripMs) : []
  const taken = roundTripMs !== undefined
  const see = taken ? lineToSee({ url: target.url, topic, username: settings.username }) : undefined
  return {
    uplink: target.uplink.name,
    url: target.url,
    clientId: settings.clientId,
    topic,
    good: failures.length === 0,
    steps,
    details,
    failures,
    ...(terms && { terms }),
    limits,
    remarks: [
      ...remarks,
      ...attempt.remarks,
      ...remarksOn({ terms, certificate, unheard: attempt.unheard, taken, now: systemClock.wall() }),
    ],
    ...(see === undefined ? {} : { see }),
  }
}

/** It cannot be mistaken for a record: it has no id. */
function messageFor({ gateway, uplink }: Target, topic: string): Message {
  const content = { test: 'tidegate send-test', gateway, uplink: uplink.name, ts: systemClock.wall() }
  return { topic, payload: JSON.stringify(content) }
}

import { loadSettings } from '../../config/load.ts'
import { nearest } from '../../config/suggest.ts'
import { checkTopic } from '../../config/topics.ts'
import { GatewayError } from '../../errors.ts'
import type { Settings } from '../../settings.ts'
import type { UplinkSettings } from '../../uplink-settings.ts'
import { isRunning } from '../client.ts'
import { untilInterrupted } from '../devices/until-interrupted.ts'
import { trialDocument, trialText } from './report.ts'
import { type Trial, tryUplink } from './trial.ts'

export interface SendTestFlags {
  readonly config: string
  readonly stateDir: string
  readonly json: boolean
  readonly asGateway: boolean
  readonly topic?: string
}

/**
 * `tidegate send-test`: tries every url of an uplink, or of all, and says what each step took and what it means when it
 * fails. No agent is needed, and one that runs is not disturbed. Status 0 when every message was taken.
 */
export async function sendTest(name: string | undefined, flags: SendTestFlags): Promise<number> {
  const { settings } = loadSettings(flags.config)
  const uplinks = name === undefined ? settings.uplinks : [uplinkNamed(name, settings)]
  checkTestTopic(flags.topic)
  if (flags.asGateway && (await isRunning(flags.stateDir))) throw running(flags.stateDir)
  return await untilInterrupted(async ({ stopped, signal }) => {
    const trials: Trial[] = []
    for (const uplink of uplinks) {
      for (const url of uplink.urls) {
        if (stopped()) break
        const trial = await tryUplink({ gateway: settings.gateway.id, uplink, url }, flags, signal)
        if (!flags.json) console.log([...(trials.length === 0 ? [] : ['']), ...trialText(trial)].join('\n'))
        trials.push(trial)
      }
    }
    if (flags.json) console.log(JSON.stringify(trialDocument(trials), null, 2))
    return !stopped() && trials.every(({ good }) => good) ? 0 : 1
  })
}

function uplinkNamed(name: string, { uplinks }: Settings): UplinkSettings {
  const found = uplinks.find((uplink) => uplink.name === name)
  if (found) return found
  const names = uplinks.map((uplink) => uplink.name)
  const near = nearest(name, names)
  throw new GatewayError('unknown_uplink', `there is no uplink ${name} in the configuration`, {
    hint: near === undefined ? `one of ${names.join(', ')}` : `tidegate send-test ${near}`,
  })
}

function checkTestTopic(topic: string | undefined): void {
  const problem = topic === undefined ? undefined : topic === '' ? 'empty' : checkTopic(topic, [])[0]?.problem
  if (problem === undefined) return
  throw new GatewayError('usage', `--topic ${topic} is no topic: ${problem}`, {
    hint: 'a topic without wildcards and placeholders, such as tidegate/plant7-gw01/send-test',
  })
}

function running(stateDir: string): GatewayError {
  return new GatewayError(
    'conflict',
    `the agent of ${stateDir} runs: with its client id the broker would throw it out`,
    {
      hint: 'without --as-gateway the test has a client id of its own; or stop the agent: systemctl stop tidegate',
    },
  )
}

import type { DeviceTools, ReadAnswer } from '../../device-api.ts'
import { splitName } from './names.ts'
import { readText } from './read-text.ts'
import { type DeviceFlags, withDevice } from './source.ts'
import { untilInterrupted } from './until-interrupted.ts'

export interface ReadFlags extends DeviceFlags {
  readonly raw: boolean
  readonly repeat?: Repetition
}

/** `--repeat 10/2s` */
export interface Repetition {
  readonly times: number
  readonly everyMs: number
}

/** `tidegate read`: one reading now. Status 0 when every value is there. */
export function read(name: string, flags: ReadFlags): Promise<number> {
  const { device, point } = splitName(name)
  const order = { raw: flags.raw, ...(point === undefined ? {} : { points: [point] }) }
  return withDevice({ ...flags, device }, (tools) =>
    untilInterrupted(async ({ stopped, wait }) => {
      const { times, everyMs } = flags.repeat ?? { times: 1, everyMs: 0 }
      let bad = 0
      for (let done = 0; done < times && !stopped(); done++) {
        if (done > 0) await wait(everyMs)
        if (stopped()) break
        bad += await once(tools, { device, order, json: flags.json, again: flags.repeat !== undefined })
      }
      return bad === 0 ? 0 : 1
    }),
  )
}

/** Prints one reading; gives how many values are missing. */
async function once(
  tools: DeviceTools,
  { device, order, json, again }: { device: string; order: object; json: boolean; again: boolean },
): Promise<number> {
  const answer: ReadAnswer = await tools.read(device, order)
  // Several readings are lines for programs, one is a document.
  if (json) console.log(JSON.stringify(answer, null, again ? 0 : 2))
  else console.log(readText(answer).join('\n'))
  return answer.samples.filter(({ error }) => error !== undefined).length
}

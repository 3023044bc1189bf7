import type { PlainValue, ReadSample, WriteAnswer } from '../../device-api.ts'
import { GatewayError } from '../../errors.ts'
import { confirmed } from '../ask.ts'
import { explained } from './codes.ts'
import { splitName } from './names.ts'
import { valueText } from './read-text.ts'
import { type DeviceFlags, withDevice } from './source.ts'
import { typedValue } from './value.ts'

export interface WriteFlags extends DeviceFlags {
  readonly yes: boolean
}

/** `tidegate write`: reads, asks, writes, reads back. Status 0 when the point has the value, as far as it can be read. */
export function write(
  { name, text }: { readonly name: string; readonly text: string },
  flags: WriteFlags,
): Promise<number> {
  const { device, point } = splitName(name)
  if (point === undefined) {
    throw new GatewayError('usage', `"${name}" names no point`, { hint: `tidegate write ${device}.POINT ${text}` })
  }
  return withDevice({ ...flags, device }, async (tools, running) => {
    const now = (await tools.read(device, { points: [point] })).samples[0]
    if (!now) throw new Error('a point that is there has a sample')
    const { value } = await tools.check(device, { point, value: typedValue({ ...now, point: name }, text) })
    if (!(await confirmed(question(name, { now, value }), { yes: flags.yes }))) {
      console.error('Nothing was changed.')
      return 1
    }
    const answer = await tools.write(device, { point, value })
    if (!running) console.error('No event record was made of it: only the agent makes records.')
    console.log(flags.json ? JSON.stringify(answer, null, 2) : writtenText(answer))
    return answer.result === 'differs' ? 1 : 0
  })
}

function question(name: string, { now, value }: { readonly now: ReadSample; readonly value: PlainValue }): string {
  const wanted = valueText({ ...now, value })
  if (now.value !== undefined) return `${name} is ${valueText(now)}. Write ${wanted}?`
  return now.access === 'wo'
    ? `Write ${wanted} to ${name}?`
    : `${name} could not be read (${now.error}). Write ${wanted}?`
}

/** What `tidegate write` prints. Pure. */
function writtenText(answer: WriteAnswer): string {
  const { device, point, result, readBack, error, unit } = answer
  const written = `${device}.${point}: ${valueText({ ...answer, value: answer.value })} written`
  const found = valueText({ value: readBack, unit })
  if (result === 'verified') {
    return readBack === undefined || readBack === answer.value
      ? `${written} and read back.`
      : `${written}, device holds ${found}: the nearest that the point can hold.`
  }
  if (result === 'differs') {
    return `${written}, but read back as ${found}: the device limits it, or writes it elsewhere.`
  }
  return `${written} and confirmed by the device; not read back (${explained(error ?? 'io')}).`
}

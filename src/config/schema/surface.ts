import { z } from 'zod'
import { duration, flag, text } from '../field.ts'
import { shown } from '../shown.ts'

/** Topics that tell others about the gateway, beside the records. */

const switches = z.strictObject({
  root: text().prefault('tidegate/{gateway}').meta({
    description: 'What the topics below begin with; {gateway} is replaced.',
  }),
  state: flag().prefault(true).meta({ description: 'ROOT/state: online or offline, also by the last will.' }),
  info: flag().prefault(true).meta({ description: 'ROOT/info: versions, uplinks, what this gateway can do.' }),
  health: z
    .union([z.literal(false), duration({ min: '10s', max: '1d' })], {
      error: ({ input }) =>
        `expected a duration such as 5m, or false, got ${shown(input)}${input === true ? '\nremove it: it is sent without it' : ''}`,
    })
    .prefault('5m')
    .meta({ description: 'ROOT/health: how it is, this often and at every change; false: never.' }),
  devices: flag().prefault(true).meta({ description: 'ROOT/devices: devices with their points, units and access.' }),
  availability: flag().prefault(true).meta({
    description: 'ROOT/DEVICE/availability: whether the device answers, and if not, why.',
  }),
})

export const surface = z
  .union([z.literal(false), switches], {
    error: ({ input }) =>
      `expected false or a block, got ${shown(input)}${input === true ? '\nremove it: all of them are sent without it' : ''}`,
  })
  .prefault({})
  .meta({ description: 'Retained topics that tell about the gateway itself; false: none of them.' })

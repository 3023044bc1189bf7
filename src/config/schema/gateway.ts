import { z } from 'zod'
import { choice, text } from '../field.ts'

/** A label is shown, never interpreted. */
const labelLengthMax = 200

export function labels() {
  return z
    .record(z.string(), text({ max: labelLengthMax }))
    .prefault({})
    .meta({ description: 'Words of your own for sorting and finding, such as site: plant7. Default: none.' })
}

export const gateway = z
  .strictObject({
    id: text({ max: 64 }).optional().meta({
      description:
        'Name of this gateway: part of every record id, topic level, client id. Letters, digits, _ - and dots. Default: the host name.',
    }),
    labels: labels(),
    clock: choice(['auto', 'trusted']).prefault('auto').meta({
      description: 'auto: the wall clock counts once a time service says that it is right. trusted: it always counts.',
    }),
  })
  .prefault({})
  .meta({ description: 'The gateway itself.' })

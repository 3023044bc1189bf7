import { z } from 'zod'
import { choice, duration, flag, text } from '../field.ts'

export const command = z.strictObject({
  write: text({ max: 200 }).meta({ description: 'What it writes, as device.point; the point needs access rw or wo.' }),
  expires_after: duration({ min: '1s', max: '365d' }).prefault('1h').meta({
    description: 'A command older than this is never applied, unless its sender set another time.',
  }),
  verify: choice(['none', 'read_back'])
    .prefault('none')
    .meta({ description: 'read_back: read the point after writing and compare.' }),
  repeatable: flag().prefault(true).meta({ description: 'May be written again after a lost reply or a crash.' }),
  accept_retained: flag()
    .prefault(false)
    .meta({ description: 'Accept a retained message, which returns with every connect.' }),
})

export type Command = z.output<typeof command>

import { z } from 'zod'
import { shown } from '../shown.ts'
import { command } from './command.ts'
import { connection } from './connection.ts'
import { device } from './device.ts'
import { gateway } from './gateway.ts'
import { inbox, outbox } from './storage.ts'
import { uplink } from './uplink.ts'

/** Version of the configuration's language. It changes only when old files would mean something else. */
const languageVersion = 1

/**
 * The whole file. The schema knows shapes, ranges and defaults, and is what the documentation and the JSON Schema are
 * made from; what one part says about another is checked in `checks/`.
 */
export const file = z.strictObject({
  version: z
    .literal(languageVersion, {
      error: (issue) =>
        `expected ${languageVersion}, got ${shown(issue.input)}\nthis program reads version ${languageVersion} only`,
    })
    .meta({ description: 'Version of the configuration language: 1.' }),
  gateway,
  connections: z
    .record(z.string(), connection)
    .meta({ description: 'One entry per wire or socket, by name.', minProperties: 1 }),
  devices: z
    .record(z.string(), device)
    .meta({ description: 'The devices on the connections, by name.', minProperties: 1 }),
  commands: z.record(z.string(), command).prefault({}).meta({
    description: 'What may be written from outside, by command name. Nothing else can be written. Default: none.',
  }),
  uplinks: z
    .record(z.string(), uplink)
    .meta({ description: 'Where records go and commands come from, by name.', minProperties: 1 }),
  outbox,
  inbox,
})

/** What the schema makes of a file: durations in ms, sizes in bytes, defaults filled in. */
export type File = z.output<typeof file>

import { z } from 'zod'
import { choice, duration, size } from '../field.ts'

/** Below this there would be next to no room for records beside the log. */
const maxSizeMin = '16MiB'
const logShare = 'the log is part of it'

export const outbox = z
  .strictObject({
    commit_interval: duration({ max: '10m' }).prefault('1s').meta({
      description: 'Readings of at most this long are lost by a power cut; 0s syncs every batch.',
    }),
    max_age: duration({ min: '1m', max: '3650d' })
      .prefault('30d')
      .meta({ description: 'Readings older than this are given up, counted and reported.' }),
    max_size: size({ min: maxSizeMin, max: '1TiB', note: logShare }).prefault('1GiB').meta({
      description: 'Space on disk, with the log; beyond it the oldest readings are given up, counted and reported.',
    }),
    min_free_disk: size({ max: '1TiB' })
      .prefault('256MiB')
      .meta({
        description: `While the disk has less free than this, the store does not grow beyond what it has (${maxSizeMin} it always has): new readings take the place of the oldest.`,
      }),
    when_full: choice(['drop_oldest', 'pause_polling']).prefault('drop_oldest').meta({
      description:
        'drop_oldest: new readings take the place of the oldest. pause_polling: nothing is read until there is room again; commands still go through.',
    }),
    keep_delivered: duration({ max: '3650d' }).prefault('0s').meta({
      description:
        'How long what every uplink has is kept, to be sent again on demand. It is the first to go when space is short. Above 0s every reading is written to flash.',
    }),
  })
  .prefault({})
  .meta({ description: 'The store of records that are not delivered yet.' })

export const inbox = z
  .strictObject({
    default_mode: choice(['last_value', 'queue']).prefault('last_value').meta({
      description: 'mode of the commands that do not say theirs.',
    }),
    keep_history: duration({ min: '1m', max: '3650d' })
      .prefault('7d')
      .meta({ description: 'How long finished commands are remembered, to answer repeats.' }),
  })
  .prefault({})
  .meta({ description: 'The store of commands.' })

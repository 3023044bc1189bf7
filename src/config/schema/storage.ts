import { z } from 'zod'
import { duration, size } from '../field.ts'

export const outbox = z
  .strictObject({
    commit_interval: duration({ max: '10m' }).prefault('1s').meta({
      description: 'Readings of at most this long are lost by a power cut; 0s syncs every batch.',
    }),
    max_age: duration({ min: '1m', max: '3650d' })
      .prefault('30d')
      .meta({ description: 'Readings older than this are given up, counted and reported.' }),
    max_size: size({ min: '4MiB', max: '1TiB' })
      .prefault('1GiB')
      .meta({ description: 'Space on disk; beyond it the oldest readings are given up, counted and reported.' }),
  })
  .prefault({})
  .meta({ description: 'The store of records that are not delivered yet.' })

export const inbox = z
  .strictObject({
    keep_history: duration({ min: '1m', max: '3650d' })
      .prefault('7d')
      .meta({ description: 'How long finished commands are remembered, to answer repeats.' }),
  })
  .prefault({})
  .meta({ description: 'The store of commands.' })

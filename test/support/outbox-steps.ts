/** What can happen to an outbox, as plain data: a list of steps can be kept as a case and run again. */
import fc from 'fast-check'
import type { RecordKind } from '../../src/model.ts'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import type { FilterSettings } from '../../src/uplink-settings.ts'
import type { DiskMood } from './outbox-storage.ts'

const NAMES = ['north', 'south', 'west'] as const
/** The name that another one gets in a later configuration. */
const NEW_NAME = 'east'
const ABSENT = 'elsewhere'

/** Configuration of one life of the agent. */
export interface Life {
  readonly uplinks: readonly UplinkIdentity[]
  /** The machine was booted, not only the agent started. */
  readonly newBoot: boolean
  /** Delivered rows are kept for replay. */
  readonly keeps: boolean
  /** Sessions begin at once. */
  readonly connected?: boolean
}

export interface NewStep {
  readonly kind: RecordKind
  readonly source?: string
  readonly to?: string
  readonly expiresAfterMs?: number
}

export type Step =
  | { readonly do: 'append'; readonly records: readonly NewStep[]; readonly how: 'later' | 'durable' | 'report' }
  | { readonly do: 'read'; readonly uplink: string; readonly max: number }
  | {
      readonly do: 'answer'
      readonly uplink: string
      /** Which of those in flight, by their place. */
      readonly picks: readonly number[]
      readonly rejected: boolean
      /** All picks in one call: as answers, or settled before they are sent. */
      readonly together?: 'delivered' | 'spent'
    }
  | { readonly do: 'read live'; readonly uplink: string; readonly max: number }
  | { readonly do: 'thread'; readonly works: number; readonly arrives: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'step the clock'; readonly ms: number; readonly clockKnown: boolean }
  | { readonly do: 'drop'; readonly count: number; readonly kinds: 'data' | 'all' }
  | { readonly do: 'rewind'; readonly uplink: string }
  | { readonly do: 'crash'; readonly next: Life }
  | { readonly do: 'stop'; readonly next: Life }
  | { readonly do: 'thread dies' }
  | { readonly do: 'end loss episodes' }
  | { readonly do: 'disk'; readonly mood: DiskMood }
  | { readonly do: 'pause' | 'resume' | 'forget'; readonly uplink: string }
  /** `from` and `through` as parts of the numbers issued. */
  | { readonly do: 'replay'; readonly uplink: string; readonly from: number; readonly through: number }
  | { readonly do: 'release kept'; readonly through: number }
  | { readonly do: 'drop before'; readonly part: number; readonly uplink?: string }
  | { readonly do: 'retry' | 'discard'; readonly uplink: string }

const uplink = fc.constantFrom(...NAMES, NEW_NAME)
const part = fc.constantFrom(0, 0.3, 0.6, 1)

const startAt: fc.Arbitrary<UplinkIdentity['startAt']> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('head' as const, 'tail' as const) },
  { weight: 1, arbitrary: fc.record({ seq: fc.integer({ min: 0, max: 60 }) }) },
  // The model's clock begins at this time; the steps of the wall clock go far beyond on both sides.
  { weight: 1, arbitrary: fc.record({ ts: fc.integer({ min: 1_763_683_200_000, max: 1_763_683_600_000 }) }) },
)

const filter: fc.Arbitrary<FilterSettings> = fc
  .record({ devices: fc.constantFrom(undefined, ['meter'], ['pump']), thinToMs: fc.constantFrom(undefined, 1_000) })
  .map(({ devices, thinToMs }) => ({ ...(devices && { devices }), ...(thinToMs && { thinToMs }) }))

/** Half of the uplinks are as plain as can be. */
const identity = (name: string): fc.Arbitrary<UplinkIdentity> =>
  fc.record({ startAt, isLive: fc.boolean(), isFiltered: fc.boolean(), filter }).map((one) => ({
    name,
    startAt: one.startAt,
    ...(one.isLive && { order: 'live_first' as const }),
    ...(one.isFiltered && { filter: one.filter }),
  }))

/** Which uplinks the configuration names, in a random order; now and then one of them has got a new name. */
const uplinks: fc.Arbitrary<UplinkIdentity[]> = fc
  .shuffledSubarray([...NAMES])
  .chain((names) => fc.tuple(fc.nat(9), fc.tuple(...names.map(identity))))
  .map(([pick, all]) =>
    all.map((one, index) => (index === pick ? { ...one, name: NEW_NAME, formerly: one.name } : one)),
  )

export const anyLife: fc.Arbitrary<Life> = fc.record({
  uplinks,
  newBoot: fc.boolean(),
  keeps: fc.integer({ min: 0, max: 2 }).map((one) => one === 0),
  connected: fc.boolean(),
})

const record: fc.Arbitrary<NewStep> = fc.record(
  {
    kind: fc.constantFrom('data' as const, 'data' as const, 'event' as const, 'outcome' as const),
    source: fc.constantFrom('meter', 'meter', 'pump', ''),
    to: fc.constantFrom(...NAMES, NEW_NAME, ABSENT),
    expiresAfterMs: fc.constantFrom(300, 5_000, 50_000),
  },
  { requiredKeys: ['kind', 'source'] },
)

/** Most records are for everybody and for ever. */
const records = fc.array(
  fc.tuple(record, fc.nat(3)).map(
    ([{ kind, source, to, expiresAfterMs }, which]): NewStep => ({
      kind,
      // Readings are always of a device.
      source: source === '' && kind === 'data' ? 'pump' : (source ?? 'meter'),
      ...(which === 1 && to !== undefined ? { to } : {}),
      ...(which === 2 && expiresAfterMs !== undefined ? { expiresAfterMs } : {}),
    }),
  ),
  { minLength: 1, maxLength: 6 },
)

const step = <Do extends Step['do']>(
  what: Do,
  fields: { [Field in keyof Omit<Step & { do: Do }, 'do'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<Step> => fc.record({ do: fc.constant(what), ...fields }) as fc.Arbitrary<Step>

const count = fc.integer({ min: 0, max: 3 })
const how = fc.constantFrom('later', 'later', 'durable', 'report')
const picks = fc.array(fc.nat(20), { minLength: 1, maxLength: 8 })
const rejected = fc.integer({ min: 0, max: 5 }).map((one) => one === 0)
const together = fc.constantFrom(undefined, 'delivered', 'spent')
const max = fc.integer({ min: 1, max: 8 })
const kinds = fc.constantFrom('data', 'all')
const mood = fc.constantFrom('full', 'full', 'unsynced', 'unsynced', 'ok')

export const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: step('append', { records, how }) },
  { weight: 20, arbitrary: step('read', { uplink, max }) },
  { weight: 20, arbitrary: step('read live', { uplink, max }) },
  { weight: 26, arbitrary: step('answer', { uplink, picks, rejected, together }) },
  { weight: 20, arbitrary: step('thread', { works: count, arrives: count }) },
  { weight: 6, arbitrary: step('wait', { ms: fc.constantFrom(10, 400, 1_100, 6_000, 61_000) }) },
  { weight: 6, arbitrary: step('drop', { count: fc.integer({ min: 1, max: 6 }), kinds }) },
  { weight: 6, arbitrary: step('rewind', { uplink }) },
  { weight: 2, arbitrary: step('crash', { next: anyLife }) },
  { weight: 2, arbitrary: step('stop', { next: anyLife }) },
  {
    weight: 2,
    arbitrary: step('step the clock', { ms: fc.constantFrom(-4e11, -1e9, 1e9, 4e11), clockKnown: fc.boolean() }),
  },
  { weight: 2, arbitrary: step('thread dies', {}) },
  { weight: 2, arbitrary: step('end loss episodes', {}) },
  { weight: 4, arbitrary: step('disk', { mood }) },
  { weight: 1, arbitrary: step('pause', { uplink }) },
  { weight: 2, arbitrary: step('resume', { uplink }) },
  { weight: 2, arbitrary: step('forget', { uplink }) },
  { weight: 5, arbitrary: step('replay', { uplink, from: part, through: part }) },
  { weight: 1, arbitrary: step('release kept', { through: part }) },
  { weight: 2, arbitrary: fc.oneof(step('drop before', { part, uplink }), step('drop before', { part })) },
  { weight: 12, arbitrary: step('retry', { uplink }) },
  { weight: 1, arbitrary: step('discard', { uplink }) },
)

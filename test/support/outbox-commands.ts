import fc from 'fast-check'
import type { UplinkIdentity } from '../../src/outbox/opening.ts'
import type { Life, OutboxRun } from './outbox-run.ts'

const NAMES = ['north', 'south', 'west'] as const
const ABSENT = 'elsewhere'

/** One thing that happens to an outbox; shows itself as its name in a counterexample. */
export class Command {
  readonly name: string
  readonly act: (run: OutboxRun) => void | Promise<void>

  constructor(name: string, act: (run: OutboxRun) => void | Promise<void>) {
    this.name = name
    this.act = act
  }

  [fc.toStringMethod](): string {
    return this.name
  }
}

const uplinkName = fc.constantFrom(...NAMES)
const startAt = fc.constantFrom('head' as const, 'tail' as const)

/** Which uplinks the configuration names, in a random order. */
const uplinks: fc.Arbitrary<UplinkIdentity[]> = fc
  .shuffledSubarray([...NAMES])
  .chain((names) => fc.tuple(...names.map((name) => startAt.map((start) => ({ name, startAt: start })))))

export const anyLife: fc.Arbitrary<Life> = fc.record({ uplinks, newBoot: fc.boolean() })

export function lifeName(life: Life): string {
  return life.uplinks.map(({ name, startAt: start }) => `${name} from ${start}`).join(', ') || 'no uplink'
}

const record = fc.record(
  {
    kind: fc.constantFrom('data' as const, 'data' as const, 'event' as const, 'outcome' as const),
    to: fc.constantFrom(...NAMES, ABSENT),
  },
  { requiredKeys: ['kind'] },
)

const append = fc
  .tuple(
    fc.array(record, { minLength: 1, maxLength: 6 }),
    fc.constantFrom('later' as const, 'later' as const, 'durable' as const, 'report' as const),
  )
  .map(([records, how]) => {
    const words = records.map(({ kind, to }) => (to === undefined ? kind : `${kind} to ${to}`))
    return new Command(`append ${how}: ${words}`, (run) => run.append(records, how))
  })

const read = fc
  .tuple(uplinkName, fc.integer({ min: 1, max: 8 }))
  .map(([uplink, max]) => new Command(`read ${uplink} ${max}`, (run) => run.read(uplink, max)))

const answer = fc
  .tuple(uplinkName, fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 5 }))
  .map(([uplink, picks, kind]) => {
    const isRejected = kind === 0
    const name = `${isRejected ? 'reject' : 'ack'} ${uplink} ${picks}`
    return new Command(name, (run) => run.answer(uplink, picks, isRejected))
  })

const thread = fc
  .tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('work', 'arrive', 'work and arrive'))
  .map(([count, what]) => {
    return new Command(`${what} ${count}`, async (run) => {
      if (what.startsWith('work')) run.work(count)
      if (what.endsWith('arrive')) await run.arrive(count)
    })
  })

const time = fc
  .constantFrom(10, 400, 1_100, 6_000, 61_000)
  .map((ms) => new Command(`wait ${ms}`, (run) => run.clock.advance(ms)))

const step = fc.tuple(fc.constantFrom(-4e11, -1e9, 1e9, 4e11), fc.boolean()).map(
  ([ms, clockKnown]) =>
    new Command(`step the clock ${ms}`, (run) => {
      run.clock.stepWall(ms)
      run.outbox.boots.observe({ mono: run.clock.mono(), wall: run.clock.wall(), clockKnown })
      run.outbox.storeBoot()
    }),
)

const drop = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom('data' as const, 'all' as const))
  .map(([count, kinds]) => new Command(`drop ${count} ${kinds}`, (run) => run.dropOldest(count, kinds)))

const rewind = uplinkName.map((uplink) => new Command(`rewind ${uplink}`, (run) => run.rewind(uplink)))

const crash = anyLife.map(
  (life) =>
    new Command(`crash, then ${lifeName(life)}`, async (run) => {
      await run.crash()
      await run.open(life)
    }),
)

const restart = anyLife.map(
  (life) =>
    new Command(`stop, then ${lifeName(life)}`, async (run) => {
      await run.stop()
      await run.open(life)
    }),
)

const threadDies = fc.constant(new Command('thread dies', (run) => run.restartThread()))
const endLosses = fc.constant(new Command('end loss episodes', (run) => run.endLossEpisodes()))

export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: append },
  { weight: 10, arbitrary: read },
  { weight: 10, arbitrary: answer },
  { weight: 10, arbitrary: thread },
  { weight: 3, arbitrary: time },
  { weight: 3, arbitrary: drop },
  { weight: 2, arbitrary: rewind },
  { weight: 1, arbitrary: crash },
  { weight: 1, arbitrary: restart },
  { weight: 1, arbitrary: step },
  { weight: 1, arbitrary: threadDies },
  { weight: 1, arbitrary: endLosses },
)

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Candidate, whoseTurn } from '../../../src/drivers/poller/whose-turn.ts'

const NEVER = Number.NEGATIVE_INFINITY
const limits = { now: 1_000, probeMs: 200, patienceMs: 5_000, lastProbeAt: NEVER, isOverloaded: false }

function poll(name: string, dueAt: number, given: Partial<Candidate> = {}) {
  return { name, dueAt, doubt: 0, busyMs: 0, servedAt: 0, ...given }
}

function probe(name: string, dueAt: number, given: Partial<Candidate> = {}) {
  return poll(name, dueAt, { doubt: 1, ...given })
}

describe('whose turn it is', () => {
  const table: readonly {
    readonly name: string
    readonly candidates: readonly ReturnType<typeof poll>[]
    readonly limits?: Partial<typeof limits>
    readonly next?: string
    readonly inMs: number
  }[] = [
    { name: 'nobody, for ever', candidates: [], inMs: Number.POSITIVE_INFINITY },
    { name: 'nobody yet', candidates: [poll('a', 1_400), poll('b', 1_300)], inMs: 300 },
    { name: 'the one that is due', candidates: [poll('a', 1_400), poll('b', 1_000)], next: 'b', inMs: 0 },
    {
      name: 'the one that waited longest',
      candidates: [poll('a', 900, { servedAt: 600 }), poll('b', 950, { servedAt: 500 })],
      next: 'b',
      inMs: 0,
    },
    {
      name: 'the one that waited longest, however much it used the connection, while there is time for all',
      candidates: [poll('slow', 990, { busyMs: 30_000 }), poll('quick', 990, { busyMs: 900, servedAt: 800 })],
      next: 'slow',
      inMs: 0,
    },
    {
      name: 'the one that used the connection least, where there is not',
      candidates: [poll('slow', 100, { busyMs: 30_000 }), poll('quick', 990, { busyMs: 900, servedAt: 800 })],
      limits: { isOverloaded: true },
      next: 'quick',
      inMs: 0,
    },
    { name: 'a poll before a probe', candidates: [probe('dead', 0), poll('a', 1_000)], next: 'a', inMs: 0 },
    {
      name: 'a probe where the gap is long enough',
      candidates: [probe('dead', 900), poll('a', 1_200)],
      next: 'dead',
      inMs: 0,
    },
    { name: 'a probe that waits for a longer gap', candidates: [probe('dead', 900), poll('a', 1_199)], inMs: 199 },
    { name: 'a probe that is not due yet', candidates: [probe('dead', 1_050)], inMs: 50 },
    {
      name: 'a probe that waited long enough, also before a poll',
      candidates: [probe('dead', -4_000), poll('a', 900, { busyMs: 50 })],
      next: 'dead',
      inMs: 0,
    },
    {
      name: 'a poll where another probe was made just now',
      candidates: [probe('dead', -4_000), poll('a', 900, { busyMs: 50 })],
      limits: { lastProbeAt: -3_000 },
      next: 'a',
      inMs: 0,
    },
    {
      name: 'of two dead devices the one that waited longest',
      candidates: [probe('dead', 100, { servedAt: 20 }), probe('gone', 500, { servedAt: 10 })],
      next: 'gone',
      inMs: 0,
    },
    {
      name: 'of two dead devices the one that failed fewer probes, however long the other waited',
      candidates: [probe('gone', 100, { doubt: 8 }), probe('dead', 500, { servedAt: 10 })],
      next: 'dead',
      inMs: 0,
    },
    {
      name: 'nobody, where a likelier one will be due too soon',
      candidates: [probe('gone', 900, { doubt: 8 }), probe('dead', 1_199)],
      inMs: 199,
    },
    {
      name: 'the unlikely one, when it has waited long enough for the likelier one',
      candidates: [probe('gone', -4_000, { doubt: 8 }), probe('dead', 1_199)],
      next: 'gone',
      inMs: 0,
    },
    {
      name: 'nobody until the patience of a probe is over',
      candidates: [probe('dead', 900), poll('a', Number.POSITIVE_INFINITY)],
      limits: { probeMs: Number.POSITIVE_INFINITY },
      next: 'dead',
      inMs: 0,
    },
  ]
  for (const { name, candidates, limits: given, next, inMs } of table) {
    it(name, () => {
      const turn = whoseTurn(candidates, { ...limits, ...given })
      assert.equal(turn.next?.name, next)
      assert.equal(turn.inMs, inMs)
    })
  }
})

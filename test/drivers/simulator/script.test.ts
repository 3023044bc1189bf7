/** When which fault is played. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FaultScript } from '../../../src/drivers/simulator/script.ts'
import { sourceOf } from '../../../src/drivers/simulator/waveform.ts'
import type { Fault, ScriptedFault, ValueShape } from '../../../src/simulation.ts'

const dead: Fault = { kind: 'dead' }
const torn: Fault = { kind: 'torn', bytes: 3 }

function played(script: readonly Partial<ScriptedFault>[], times: readonly number[]): string[] {
  const player = new FaultScript(script.map((one) => ({ fault: dead, fromMs: 0, seed: 1, ...one })))
  return times.map((ms) => player.next(ms).kind)
}

describe('a script of faults', () => {
  it('plays between two times', () => {
    assert.deepEqual(played([{ fromMs: 100, untilMs: 200 }], [99, 100, 199, 200]), ['none', 'dead', 'dead', 'none'])
  })

  it('plays periodically, as long as it says or for one request', () => {
    const times = [0, 20, 60, 110, 115, 160, 220]
    const lasting = ['dead', 'dead', 'none', 'dead', 'dead', 'none', 'dead']
    assert.deepEqual(played([{ everyMs: 100, forMs: 50 }], times), lasting)
    const once = ['dead', 'none', 'none', 'dead', 'none', 'none', 'dead']
    assert.deepEqual(played([{ everyMs: 100 }], times), once)
  })

  it('plays so many times', () => {
    assert.deepEqual(played([{ fromMs: 10, times: 2 }], [5, 10, 11, 12]), ['none', 'dead', 'dead', 'none'])
  })

  it('plays a share of the requests, the same ones with the same seed', () => {
    const times = Array.from({ length: 10_000 }, (_, index) => index)
    const first = played([{ share: 0.1, seed: 7 }], times)
    assert.deepEqual(played([{ share: 0.1, seed: 7 }], times), first)
    assert.notDeepEqual(played([{ share: 0.1, seed: 8 }], times), first)
    const share = first.filter((kind) => kind === 'dead').length / first.length
    assert.ok(share > 0.08 && share < 0.12, String(share))
  })

  it('the first entry that applies wins, and shifts no chance of the others', () => {
    const times = Array.from({ length: 200 }, (_, index) => index)
    const alone = played([{ share: 0.5, seed: 3 }], times)
    const behind = played(
      [
        { fault: torn, untilMs: 50 },
        { share: 0.5, seed: 3 },
      ],
      times,
    )
    assert.deepEqual([...new Set(behind.slice(0, 50))], ['torn'])
    assert.deepEqual(behind.slice(50), alone.slice(50))
  })
})

describe('values over time', () => {
  const at = (shape: ValueShape, ...seconds: number[]) => {
    const source = sourceOf(shape)
    return seconds.map((one) => source(one))
  }

  it('are what they say', () => {
    assert.deepEqual(at({ kind: 'fixed', value: 'text' }, 0, 9), ['text', 'text'])
    assert.deepEqual(at({ kind: 'ramp', from: 10, to: 20, periodMs: 10_000 }, 0, 5, 10), [10, 15, 10])
    assert.deepEqual(at({ kind: 'counter', start: 100, perSecond: 0.5 }, 0, 10), [100, 105])
    assert.deepEqual(at({ kind: 'toggle', everyMs: 1_000 }, 0, 1, 2), [false, true, false])
    assert.deepEqual(at({ kind: 'wave', middle: 5, swing: 2, periodMs: 4_000 }, 0, 1, 3), [5, 7, 3])
  })

  it('a random walk stays inside, moves by at most its step, and comes again with its seed', () => {
    const walk = { kind: 'random', min: 0, max: 10, step: 1.5, everyMs: 1_000, seed: 5 } as const
    const seconds = Array.from({ length: 2_000 }, (_, second) => second)
    const values = at(walk, ...seconds).map(Number)
    assert.deepEqual(at(walk, ...seconds), values)
    assert.ok(values.every((value) => value >= 0 && value <= 10))
    const steps = values.slice(1).map((value, index) => Math.abs(value - (values[index] ?? 0)))
    assert.ok(Math.max(...steps) <= 1.5 && new Set(values).size > 1_000)
    assert.ok(Math.min(...values) < 1 && Math.max(...values) > 9)
  })
})

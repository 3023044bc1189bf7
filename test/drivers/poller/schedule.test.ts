import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  GARBLED_POLLS_MAX,
  type Health,
  offline,
  onAnswer,
  onSilence,
  probePauseMs,
  silenceOf,
} from '../../../src/drivers/poller/health.ts'
import {
  dueNow,
  groupsOf,
  nextDueAt,
  onNearestMultiple,
  onNextMultiple,
  takeTurn,
} from '../../../src/drivers/poller/schedule.ts'
import { deviceWith, pointWith } from '../../support/bus-settings.ts'

const device = deviceWith({
  name: 'meter',
  points: [
    pointWith({ name: 'fast', intervalMs: 1_000 }),
    pointWith({ name: 'slow', intervalMs: 5_000 }),
    pointWith({ name: 'fast2', intervalMs: 1_000 }),
    pointWith({ name: 'order', intervalMs: 1_000, access: 'wo' }),
  ],
})

function names(points: readonly { readonly name: string }[]): string {
  return points.map((point) => point.name).join(' ')
}

describe('schedule', () => {
  it('intervals that divide each other fall together and are read in one go', () => {
    let groups = groupsOf(device, 10_000)
    const seen: string[] = []
    for (let now = 10_000; now <= 15_000; now += 1_000) {
      const turn = takeTurn(groups, now)
      groups = turn.groups
      seen.push(names(turn.points))
    }
    const fast = 'fast fast2'
    assert.deepEqual(seen, [`${fast} slow`, fast, fast, fast, fast, `${fast} slow`])
  })

  it('missed turns are counted, never made up for', () => {
    const turn = takeTurn(groupsOf(device, 10_000), 13_400)
    assert.equal(turn.missed, 3)
    assert.equal(nextDueAt(turn.groups), 14_000)
    assert.equal(takeTurn(turn.groups, 13_999).points.length, 0)
  })

  it('a device that answers again is read at once and then at its old times', () => {
    const { groups } = takeTurn(groupsOf(device, 10_000), 10_000)
    const again = takeTurn(dueNow(groups, 10_300), 10_300)
    assert.equal(names(again.points), 'fast fast2 slow')
    assert.equal(again.missed, 0)
    assert.equal(nextDueAt(again.groups), 11_000)
  })

  it('however late the turns come, due times stay on the grid and never more than one interval lies between', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4_000 }), { minLength: 1, maxLength: 30 }), (delays) => {
        let groups = groupsOf(deviceWith({ name: 'm', points: [pointWith({ name: 'p', intervalMs: 1_000 })] }), 0)
        let now = 0
        let turns = 0
        let missed = 0
        for (const delay of delays) {
          now = Math.max(now, nextDueAt(groups)) + delay
          const turn = takeTurn(groups, now)
          groups = turn.groups
          turns += 1
          missed += turn.missed
          assert.equal(nextDueAt(groups) % 1_000, 0)
          assert.ok(nextDueAt(groups) > now && nextDueAt(groups) <= now + 1_000)
        }
        assert.equal((turns + missed) * 1_000, nextDueAt(groups), 'every due time was used or counted')
      }),
    )
  })
})

describe('due times on the multiples of the wall clock', () => {
  const group = (dueAt: number, intervalMs = 10_000) => [{ intervalMs, points: [], dueAt }]

  it('after the first turn, at the next one', () => {
    const groups = [...group(63_300), ...group(113_300, 60_000)]
    const aligned = onNextMultiple(groups, { now: 53_300, offsetMs: 1_000_004_000 })
    assert.deepEqual(
      aligned.map((each) => each.dueAt + 1_000_004_000),
      [1_000_060_000, 1_000_080_000],
    )
  })

  it('when the clock is set, at the nearest one', () => {
    const wallAt = (dueAt: number, offsetMs: number) =>
      nextDueAt(onNearestMultiple(group(dueAt), { now: 50_000, offsetMs })) + offsetMs
    assert.equal(wallAt(60_000, 4_000), 60_000)
    assert.equal(wallAt(60_000, 6_000), 70_000)
    assert.equal(wallAt(60_000, -63_000), 0)
    assert.equal(wallAt(52_000, 1_999), 60_000, 'the nearest one has passed')
  })

  it('what is due stays due', () => {
    const due = group(49_000)
    assert.deepEqual(onNearestMultiple(due, { now: 50_000, offsetMs: 7 }), due)
    assert.deepEqual(onNextMultiple(due, { now: 50_000, offsetMs: 7 }), due)
  })

  it('however the clock is set, half an interval lies between two turns at least, and one and a half at most', () => {
    const offsets = fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(offsets, fc.integer({ min: 2, max: 5_000 }), (steps, half) => {
        const intervalMs = half * 2
        let groups = onNextMultiple(group(intervalMs, intervalMs), { now: 0, offsetMs: 0 })
        let last = 0
        for (const offsetMs of steps) {
          const now = nextDueAt(groups)
          assert.ok(now - last >= half && now - last <= 3 * half, `${now - last} of ${intervalMs}`)
          last = now
          groups = onNearestMultiple(takeTurn(groups, now).groups, { now, offsetMs })
          assert.equal(Math.abs((nextDueAt(groups) + offsetMs) % intervalMs), 0)
        }
      }),
    )
  })
})

describe('health', () => {
  const fresh: Health = { state: 'unknown', since: 0, garbled: 0 }
  const at = { now: 500, intervalMs: 1_000 }

  it('one poll without any reply takes a device offline', () => {
    assert.deepEqual(onSilence(fresh, 'timeout', at), {
      state: 'offline',
      since: 500,
      reason: 'timeout',
      probes: 0,
      probeAt: 1_500,
    })
  })

  it(`damaged replies do so after ${GARBLED_POLLS_MAX} polls in a row, and an answer between starts the count anew`, () => {
    const twice = onSilence(onSilence(onAnswer(fresh, 0), 'crc', at), 'noise', at)
    assert.equal(twice.state, 'online')
    assert.equal(onSilence(twice, 'crc', at).state, 'offline')
    assert.equal(onSilence(onAnswer(twice, 500), 'crc', at).state, 'online')
  })

  it('the pauses between probes double up to a minute', () => {
    const pauses = Array.from({ length: 9 }, (_, probes) => probePauseMs(probes, 1_000))
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
    assert.equal(probePauseMs(5, 300_000), 300_000)
  })

  it('a failed probe does not change since when it is offline', () => {
    const gone = offline('timeout', at)
    const probed = onSilence(gone, 'crc', { now: 9_000, intervalMs: 1_000 })
    assert.deepEqual(probed, { state: 'offline', since: 500, reason: 'crc', probes: 1, probeAt: 11_000 })
  })

  it('a device that refuses, or whose value is invalid, has answered', () => {
    assert.equal(silenceOf([{ point: 'a', error: 'exception_2' }]), undefined)
    assert.equal(
      silenceOf([
        { point: 'a', error: 'timeout' },
        { point: 'b', error: 'invalid' },
      ]),
      undefined,
    )
    assert.equal(
      silenceOf([
        { point: 'a', value: 1 },
        { point: 'b', error: 'timeout' },
      ]),
      undefined,
    )
    assert.equal(
      silenceOf([
        { point: 'a', error: 'timeout' },
        { point: 'b', error: 'timeout' },
      ]),
      'timeout',
    )
    assert.equal(silenceOf([]), undefined)
  })
})

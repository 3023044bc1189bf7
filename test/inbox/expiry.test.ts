import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadlineOf, isRecent, judge, type Lifetime, type Now } from '../../src/inbox/expiry.ts'

const HOUR = 3_600_000
const WALL = 1_763_683_200_000
const known: Now = { boot: 'a', mono: 50_000, wall: WALL, clockKnown: true }
const unknown: Now = { boot: 'a', mono: 50_000, wall: 60_000, clockKnown: false }
const noOffset = () => undefined

interface Case {
  readonly claim: string
  readonly lifetime: Lifetime
  readonly arrived: Now
  readonly now: Now
  /** wall - mono of boot a. */
  readonly offset?: number
  readonly expected: string
}

const later = (now: Now, ms: number): Now => ({ ...now, mono: now.mono + ms, wall: now.wall + ms })
/** Boot b, `wallMs` after the arrival, `upMs` after power came back. */
const rebooted = (wallMs: number, upMs: number, clockKnown: boolean): Now => ({
  boot: 'b',
  mono: upMs,
  wall: clockKnown ? WALL + wallMs : upMs,
  clockKnown,
})
const own = { defaultMs: HOUR }

const cases: readonly Case[] = [
  {
    claim: 'lives until its own limit',
    lifetime: own,
    arrived: known,
    now: later(known, HOUR - 1),
    expected: 'live 1',
  },
  { claim: 'is over at its own limit', lifetime: own, arrived: known, now: later(known, HOUR), expected: 'expired' },
  {
    claim: 'does not expire when the wall clock jumps ahead by years',
    lifetime: own,
    arrived: known,
    now: { ...later(known, 1000), wall: WALL * 2 },
    expected: `live ${HOUR - 1000}`,
  },
  {
    claim: 'expires although the wall clock jumped back',
    lifetime: { expiresAt: WALL + 1000, defaultMs: HOUR },
    arrived: known,
    now: { ...later(known, 1000), wall: 0 },
    expected: 'expired',
  },
  {
    claim: 'takes the earliest of what the sender and the protocol said',
    lifetime: { expiresAt: WALL + 9000, expiresInMs: 4000, defaultMs: 1000 },
    arrived: known,
    now: known,
    expected: 'live 4000',
  },
  {
    claim: 'may live longer than the default when the sender says so',
    lifetime: { expiresAt: WALL + 5 * HOUR, defaultMs: HOUR },
    arrived: known,
    now: later(known, 4 * HOUR),
    expected: `live ${HOUR}`,
  },
  {
    claim: 'needs no clock when the sender gave no time',
    lifetime: own,
    arrived: unknown,
    now: later(unknown, 1000),
    expected: `live ${HOUR - 1000}`,
  },
  {
    claim: 'is held while the time the sender gave cannot be read',
    lifetime: { expiresAt: WALL + 1000, defaultMs: HOUR },
    arrived: unknown,
    now: later(unknown, 2000),
    expected: `held ${HOUR - 2000}`,
  },
  {
    claim: 'is given up when the clock stays unknown',
    lifetime: { expiresAt: WALL + 1000, defaultMs: HOUR },
    arrived: unknown,
    now: later(unknown, HOUR),
    expected: 'expired',
  },
  {
    claim: 'is judged once the clock is known, past the time it would have been held',
    lifetime: { expiresAt: WALL + 3 * HOUR, defaultMs: HOUR },
    arrived: unknown,
    now: { boot: 'a', mono: 50_000 + 2 * HOUR, wall: WALL, clockKnown: true },
    expected: `live ${3 * HOUR}`,
  },
  {
    claim: 'keeps the limit of the protocol beside a time that could not be read',
    lifetime: { expiresAt: WALL + 3 * HOUR, expiresInMs: 1000, defaultMs: HOUR },
    arrived: unknown,
    now: { boot: 'a', mono: 51_000, wall: WALL, clockKnown: true },
    expected: 'expired',
  },
  {
    claim: 'is held after a reboot until the clock is known',
    lifetime: own,
    arrived: known,
    now: rebooted(60_000, 5_000, false),
    expected: `held ${HOUR - 5_000}`,
  },
  {
    claim: 'goes on after a reboot when the clock says that there is time left',
    lifetime: own,
    arrived: known,
    now: rebooted(60_000, 5_000, true),
    expected: `live ${HOUR - 60_000}`,
  },
  {
    claim: 'is over after a reboot that took too long',
    lifetime: own,
    arrived: known,
    now: rebooted(HOUR, 5_000, true),
    expected: 'expired',
  },
  {
    claim: 'is over after a reboot, clock or not, when the machine is up for its whole life',
    lifetime: own,
    arrived: known,
    now: rebooted(2 * HOUR, HOUR, false),
    expected: 'expired',
  },
  {
    claim: 'is judged after a reboot by the offset of the boot it came in, when that became known later',
    lifetime: own,
    arrived: unknown,
    now: rebooted(60_000, 5_000, true),
    offset: WALL - 50_000,
    expected: `live ${HOUR - 60_000}`,
  },
  {
    claim: 'is over after a reboot when nobody knows when it came',
    lifetime: own,
    arrived: unknown,
    now: rebooted(60_000, 5_000, true),
    expected: 'expired',
  },
  {
    claim: 'is judged after a reboot by the time the sender gave, although nobody knows when it came',
    lifetime: { expiresAt: WALL + HOUR, defaultMs: HOUR },
    arrived: unknown,
    now: rebooted(60_000, 5_000, true),
    expected: `live ${HOUR - 60_000}`,
  },
]

for (const { claim, lifetime, arrived, now, offset, expected } of cases) {
  test(`a command ${claim}`, () => {
    const verdict = judge(deadlineOf(lifetime, arrived), now, () => offset)
    const text = verdict.verdict === 'expired' ? 'expired' : `${verdict.verdict} ${verdict.remainingMs}`
    assert.equal(text, expected)
  })
}

test('a command whose time was over when it came is expired at once', () => {
  const deadline = deadlineOf({ expiresAt: WALL - 1, defaultMs: HOUR }, known)
  assert.equal(judge(deadline, known, noOffset).verdict, 'expired')
})

test('a fingerprint counts for a limited time, and counts when its age cannot be told', () => {
  const stamp = { boot: 'a', mono: 50_000, wall: WALL }
  assert.equal(isRecent(stamp, later(known, HOUR - 1), HOUR), true)
  assert.equal(isRecent(stamp, later(known, HOUR), HOUR), false)
  assert.equal(isRecent(stamp, rebooted(HOUR, 0, true), HOUR), false)
  assert.equal(isRecent(stamp, rebooted(5 * HOUR, HOUR - 1, false), HOUR), true)
  assert.equal(isRecent({ boot: 'a', mono: 0 }, rebooted(0, HOUR, true), HOUR), false)
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Outage, outageRecord } from '../../src/uplink/outage.ts'

const counts = (now: number, late = 0, dropped = 0) => ({ now, late, dropped })

describe('the books of an outage', () => {
  test('there is none before something went wrong', () => {
    const outage = new Outage()
    outage.up(10)
    assert.equal(outage.isReportDue, false)
    assert.equal(outage.take(counts(20)), undefined)
  })

  test('one cut: how long, what came late, what had no answer, what is lost', () => {
    const outage = new Outage()
    outage.cut('closed', 7, counts(1_000, 50, 3))
    assert.equal(outage.isReportDue, false)
    assert.equal(outage.take(counts(1_500, 50, 3)), undefined, 'there is no session yet')
    outage.up(3_500)
    assert.equal(outage.isReportDue, true)
    assert.deepEqual(outage.take(counts(9_000, 150, 5)), {
      reason: 'closed',
      cuts: 1,
      durationMs: 2_500,
      late: 100,
      unanswered: 7,
      missing: 2,
    })
    assert.equal(outage.take(counts(9_100, 150, 5)), undefined, 'it is told once')
  })

  test('failed tries in between belong to it and do not begin it anew', () => {
    const outage = new Outage()
    outage.cut('closed', 0, counts(0))
    outage.failed('tcp', counts(100, 0, 1))
    outage.failed('tcp', counts(200, 0, 2))
    outage.up(300)
    assert.deepEqual(outage.take(counts(300, 0, 2)), {
      reason: 'closed',
      cuts: 1,
      durationMs: 300,
      late: 0,
      unanswered: 0,
      missing: 2,
    })
  })

  test('a cut before all is delivered goes on with the same outage; its time with a session does not count', () => {
    const outage = new Outage()
    outage.cut('keepalive', 4, counts(0, 10, 0))
    outage.up(1_000)
    outage.cut('closed', 5, counts(5_000, 30, 0))
    outage.up(5_250)
    assert.deepEqual(outage.take(counts(6_000, 90, 0)), {
      reason: 'keepalive',
      cuts: 2,
      durationMs: 1_250,
      late: 80,
      unanswered: 9,
      missing: 0,
    })
  })

  test('a gateway that found no server when it started had an outage without a cut', () => {
    const outage = new Outage()
    outage.failed('dns', counts(0))
    outage.up(60_000)
    const report = outage.take(counts(60_000))
    assert.deepEqual([report?.reason, report?.cuts, report?.durationMs], ['dns', 0, 60_000])
  })

  test('the next one begins at nothing', () => {
    const outage = new Outage()
    outage.cut('closed', 7, counts(0, 0, 0))
    outage.up(10)
    outage.take(counts(20, 5, 1))
    outage.cut('tcp', 1, counts(30, 6, 1))
    outage.up(40)
    assert.deepEqual(outage.take(counts(50, 9, 1)), {
      reason: 'tcp',
      cuts: 1,
      durationMs: 10,
      late: 3,
      unanswered: 1,
      missing: 0,
    })
  })
})

describe('the event', () => {
  const report = { reason: 'closed', cuts: 2, durationMs: 1_234.6, late: 80, unanswered: 9, missing: 0 }

  test('goes to the uplink it is about', () => {
    assert.deepEqual(outageRecord(report, { uplink: 'cloud', mono: 5 }), {
      kind: 'event',
      source: '',
      body: '"event":"outage","reason":"closed","cuts":2,"duration_ms":1235,"late":80,"duplicates":9,"missing":0',
      to: 'cloud',
      mono: 5,
    })
  })
})

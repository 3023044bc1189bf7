/** The broker is stopped, killed and started again: nothing is missing, and little comes twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  drainAndJudge,
  fieldFolder,
  hasField,
  numbersIn,
  startAgent,
  startCloud,
  startDevice,
} from '../support/field.ts'
import { countingConfig, modbusTcp } from '../support/field-config.ts'
import { until } from '../support/until.ts'

const WINDOW = 16
/** Acknowledgements are held back so long that some are always missing when the broker goes. */
const ACKS_LATE_MS = 100
const OUTAGES = ['SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGKILL', 'SIGKILL'] as const

test('a broker that stops and dies loses nothing, and an outage costs at most a window of duplicates', async (t) => {
  if (!hasField(t)) return
  const folder = fieldFolder(t)
  const cloud = await startCloud(t, folder)
  cloud.network.delayMs = ACKS_LATE_MS
  const device = await startDevice(t, folder)
  const connection = modbusTcp(device.port, 3_000)
  const agent = startAgent(t, {
    folder,
    config: countingConfig({ connection, cloudPort: cloud.network.port, window: WINDOW }),
  })
  const interruptions: number[] = []
  for (const signal of OUTAGES) {
    const before = cloud.arrivals().length
    await until(() => cloud.arrivals().length > before + 10, { what: 'records to arrive again', timeoutMs: 20_000 })
    await agent.reaches(({ uplinks: [uplink] }) => (uplink?.inFlight ?? 0) > 0, { what: 'records in flight' })
    interruptions.push(cloud.arrivals().length)
    await cloud.stop(signal)
    await agent.reaches(({ uplinks: [uplink] }) => (uplink?.pending ?? 0) > 2 * WINDOW, { what: 'a backlog' })
    await cloud.start()
  }
  await device.end()
  const { exitStatus, head, verdict } = await drainAndJudge(agent, cloud, interruptions)

  t.diagnostic(`${verdict.records.length} records, duplicates ${verdict.bursts.map((burst) => burst.duplicates)}`)
  assert.equal(exitStatus, 0)
  assert.deepEqual(verdict.faults, [])
  assert.deepEqual(verdict.excused, [])
  assert.equal(verdict.epochs.length, 1)
  assert.equal(verdict.epochs[0]?.arrivedThrough, head)
  const onTheWire = device.served().at(-1)
  assert.deepEqual(
    device.served().filter((number) => number !== onTheWire),
    numbersIn(verdict.records).filter((number) => number !== onTheWire),
  )
  assert.ok(verdict.bursts.length <= OUTAGES.length, `${verdict.bursts.length} bursts of duplicates`)
  assert.ok(verdict.duplicates > 0, 'no outage hit a record in flight: this run shows nothing about duplicates')
  for (const burst of verdict.bursts) assert.ok(burst.duplicates <= WINDOW, `${burst.duplicates} duplicates at once`)
})

/** What tools do with a connection between the polls. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Explorer, LinkError } from '../../../src/drivers/driver.ts'
import { deviceWith, pointWith } from '../../support/bus-settings.ts'
import { meter, rigWith } from '../../support/poller-rig.ts'

const range = { register: 'holding', address: 0, count: 1 } as const

/** Answers after 50 ms, and not at all above unit 9. */
function explorerOf({ clock }: Pick<ReturnType<typeof rigWith>, 'clock'>): Explorer {
  return {
    async readRaw(unitId) {
      await clock.wait(50)
      if (unitId > 9) return { ok: false, code: 'timeout', tookMs: 50 }
      return { ok: true, bytes: new Uint8Array([0, unitId]), tookMs: 50 }
    },
    async identify() {
      await clock.wait(50)
      return { ok: false, code: 'exception_1' }
    },
  }
}

describe('exploring', () => {
  it('is a job between polls: they wait for it and go on at their old times', async () => {
    const rig = rigWith([meter('a')])
    const { clock, driver, poller, times } = rig
    driver.explorer = explorerOf(rig)
    poller.start()
    await clock.advance(980)
    const bytes = await clock.run(
      poller.explore(async (explorer) => {
        const answer = await explorer.readRaw(7, range)
        return answer.ok ? [...answer.bytes] : []
      }),
    )
    assert.deepEqual(bytes, [0, 7])
    await clock.advance(2_000)
    assert.deepEqual(times('read a'), [0, 1_030, 2_000, 3_000])
    await poller.stop()
  })

  it('counts as calls: replies and refusals are answers, silence is none', async () => {
    const rig = rigWith([])
    const { clock, driver, poller } = rig
    driver.explorer = explorerOf(rig)
    poller.start()
    await clock.advance(10)
    await clock.run(
      poller.explore(async (explorer) => {
        for (const unitId of [1, 12]) await explorer.readRaw(unitId, range)
        await explorer.identify(1)
      }),
    )
    const { exchanges, failures } = poller.status().connection
    assert.deepEqual({ exchanges, failures }, { exchanges: 3, failures: 1 })
    await poller.stop()
  })

  it('is refused clearly by a driver that has no registers, and while there is no connection', async () => {
    const rig = rigWith([meter('a')], { random: 0.5 })
    const { clock, driver, poller } = rig
    await assert.rejects(
      poller.explore(async () => 1),
      (error) =>
        error instanceof LinkError && error.code === 'unsupported' && /^lan has no registers/.test(error.message),
    )
    driver.explorer = explorerOf(rig)
    driver.openFails = new LinkError('refused', 'refused')
    poller.start()
    await clock.advance(10)
    await assert.rejects(
      poller.explore(async () => 1),
      (error) => error instanceof LinkError && error.code === 'refused',
    )
    await poller.stop()
  })

  it('that fails in the tool fails there, and the connection stays', async () => {
    const rig = rigWith([meter('a')])
    const { clock, driver, poller, times } = rig
    driver.explorer = explorerOf(rig)
    poller.start()
    await clock.advance(100)
    const failing = poller.explore(async () => {
      throw new RangeError('a mistake')
    })
    await assert.rejects(clock.run(failing), RangeError)
    await clock.advance(1_000)
    assert.deepEqual(times('open'), [0])
    await poller.stop()
  })

  it('is cut off when it does not end, and polls go on', async () => {
    const rig = rigWith([meter('a')])
    const { clock, driver, poller, times } = rig
    driver.explorer = explorerOf(rig)
    poller.start()
    await clock.advance(500)
    const late: unknown[] = []
    const hanging = poller.explore(async (explorer) => {
      await clock.wait(300_000)
      await explorer.readRaw(1, range).catch((error) => late.push(error))
    })
    const cutOff = assert.rejects(hanging, (error) => error instanceof LinkError && error.code === 'stuck')
    const busy = poller.explore(async (explorer) => {
      for (;;) await explorer.readRaw(1, range)
    })
    const alsoCutOff = assert.rejects(busy, (error) => error instanceof LinkError && error.code === 'stuck')
    await clock.advance(100_000)
    await Promise.all([cutOff, alsoCutOff])
    assert.ok(times('read a').length > 30)
    assert.equal(poller.overdueMs(), 0)
    assert.deepEqual(times('open'), [0])
    await clock.advance(300_000)
    assert.equal(late.length, 1, 'what it asks afterwards is refused')
    await poller.stop()
  })
})

describe('a tool that asks without a pause', () => {
  /** One question after the other, as a scan does. */
  async function asks(rig: ReturnType<typeof rigWith>, until: () => boolean): Promise<number> {
    let asked = 0
    while (!until()) {
      await rig.poller.explore((explorer) => explorer.readRaw(12, range))
      asked += 1
    }
    return asked
  }

  for (const schedule of [undefined, '* * * * * *']) {
    it(`gives way to polls by ${schedule ?? 'interval'}: none is missed, none waits for two questions`, async () => {
      const point = pointWith({
        name: 'power',
        intervalMs: schedule === undefined ? 1_000 : 0,
        ...(schedule && { schedule }),
      })
      const rig = rigWith([deviceWith({ name: 'a', points: [point] }), deviceWith({ name: 'b', points: [point] })])
      const { clock, driver, poller, times } = rig
      driver.explorer = explorerOf(rig)
      for (const name of ['a', 'b']) driver.slowMs.set(name, 300)
      poller.start()
      await clock.advance(10)
      let over = false
      const asked = asks(rig, () => over)
      await clock.advance(19_990)
      over = true
      const polls = [...times('read a'), ...times('read b')].sort((one, other) => one - other)
      assert.ok(polls.length >= 38, `${polls.length} polls in 20 s`)
      // Both are due at full seconds: one waits for the question under way, the other for its neighbour, too.
      const late = polls.slice(2).map((at) => at % 1_000)
      assert.ok(
        late.every((ms) => ms <= 50 + 310),
        `${Math.max(...late)} ms late`,
      )
      assert.equal(late.filter((ms) => ms <= 50).length, Math.ceil(late.length / 2))
      assert.ok((await clock.run(asked)) >= 100, "the time between them is the tool's")
      await poller.stop()
    })
  }

  it('is not kept from asking by polls that are always due, and commands go before both', async () => {
    const rig = rigWith([meter('a'), meter('b')])
    const { clock, driver, poller, times } = rig
    driver.explorer = explorerOf(rig)
    for (const name of ['a', 'b']) driver.slowMs.set(name, 900)
    poller.start()
    await clock.advance(10)
    let over = false
    const asked = asks(rig, () => over)
    await clock.advance(20_000)
    const written = poller.write('a', 'power', 1)
    const before = clock.mono()
    await clock.run(written)
    assert.ok(clock.mono() - before <= 905, 'the command waited for the call under way only')
    over = true
    const count = await clock.run(asked)
    assert.ok(count >= 3 && count <= 8, `${count} questions beside ${times('read').length} polls`)
    await poller.stop()
  })
})

describe('lending the port', () => {
  it('closes the driver, declares nobody dead, and counts the polls that were missed', async () => {
    const { clock, driver, poller, events, times } = rigWith([meter('a')])
    poller.start()
    await clock.advance(1_500)
    const seen: string[] = []
    const lent = poller.lend(async () => {
      seen.push(poller.status().connection.state, driver.calls.at(-1)?.what ?? '')
      await clock.wait(5_000)
      return 'found'
    })
    await clock.advance(100)
    await assert.rejects(poller.readNow('a'), (error) => error instanceof LinkError && error.code === 'lent')
    assert.equal(await clock.run(lent), 'found')
    await clock.advance(2_000)
    assert.deepEqual(seen, ['lent', 'close'])
    assert.deepEqual(times('open'), [0, 6_500])
    assert.deepEqual(times('read a'), [0, 1_000, 6_500, 7_000, 8_000])
    assert.equal(poller.status().devices[0]?.missedPolls, 4)
    assert.deepEqual(events, [{ event: 'device_online', device: 'a' }])
    assert.equal(poller.status().connection.state, 'open')
    await poller.stop()
  })

  it('waits for the poll under way, and tools take turns', async () => {
    const { clock, driver, poller } = rigWith([meter('a')])
    driver.slowMs.set('a', 500)
    poller.start()
    await clock.advance(100)
    const order: string[] = []
    const tool = (name: string) =>
      poller.lend(async () => {
        order.push(`${name} from ${clock.mono() - 1_000_000}`)
        await clock.wait(100)
      })
    await clock.run(Promise.all([tool('one'), tool('two')]))
    assert.deepEqual(order, ['one from 500', 'two from 600'])
    await poller.stop()
  })

  it('works while the connection cannot be opened, which is tried again right after', async () => {
    const { clock, driver, poller, times } = rigWith([meter('a')], { random: 0.999 })
    driver.openFails = new LinkError('silent', 'nobody answers')
    poller.start()
    await clock.advance(20_000)
    const before = times('open').length
    assert.equal(await clock.run(poller.lend(async () => 5)), 5)
    await clock.advance(0)
    assert.equal(times('open').length, before + 1)
    await poller.stop()
  })

  it('fails as the tool does, and polling goes on', async () => {
    const { clock, poller, times } = rigWith([meter('a')])
    poller.start()
    await clock.advance(100)
    const failing = poller.lend(async () => {
      throw new RangeError('a mistake')
    })
    await assert.rejects(clock.run(failing), RangeError)
    await clock.advance(1_000)
    assert.equal(times('read a').length, 2)
    await poller.stop()
  })

  it('is given up when the tool has gone before its turn', async () => {
    const { clock, driver, poller, times } = rigWith([meter('a')])
    driver.slowMs.set('a', 500)
    poller.start()
    await clock.advance(100)
    const gone = new AbortController()
    const lent = poller.lend(async () => assert.fail('it went'), gone.signal)
    const over = assert.rejects(lent, { name: 'AbortError' })
    gone.abort()
    await over
    await assert.rejects(
      poller.lend(async () => 1, gone.signal),
      { name: 'AbortError' },
    )
    await clock.advance(2_000)
    assert.deepEqual(times('open'), [0])
    await poller.stop()
  })

  it('is taken back from a tool that does not return it, and the tool is told', async () => {
    const { clock, poller, times } = rigWith([meter('a')])
    poller.start()
    await clock.advance(100)
    let told = false
    const lent = poller.lend(
      (signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            told = true
          })
        }),
    )
    const late = assert.rejects(lent, (error) => error instanceof LinkError && error.code === 'stuck')
    await clock.advance(500_000)
    assert.deepEqual([told, poller.status().connection.state, poller.overdueMs()], [false, 'lent', 0])
    await clock.advance(120_000)
    await late
    assert.deepEqual([told, poller.status().connection.state], [true, 'open'])
    assert.equal(times('open').length, 2)
    await poller.stop()
  })

  it('does not keep the gateway from stopping, and the tool is told', async () => {
    const { clock, poller } = rigWith([meter('a')])
    poller.start()
    await clock.advance(100)
    let told = false
    const lent = poller.lend(
      (signal) =>
        new Promise<string>((resolve) => {
          signal.addEventListener('abort', () => {
            told = true
            resolve('gave up')
          })
        }),
    )
    const waiting = assert.rejects(
      poller.lend(async () => 1),
      (error) => error instanceof LinkError && error.code === 'closed',
    )
    await clock.advance(100)
    await clock.run(poller.stop())
    assert.equal(told, true)
    assert.equal(await lent, 'gave up')
    await waiting
    await assert.rejects(
      poller.lend(async () => 1),
      LinkError,
    )
  })
})

describe('the plan', () => {
  it('says what is read together and when, as the driver makes requests of it', () => {
    const device = deviceWith({
      name: 'a',
      points: [
        pointWith({ name: 'power', intervalMs: 1_000 }),
        pointWith({ name: 'energy', intervalMs: 60_000 }),
        pointWith({ name: 'day', intervalMs: 0, schedule: '0 0 * * *' }),
        pointWith({ name: 'reset', access: 'wo' }),
      ],
    })
    const { driver, poller } = rigWith([device])
    assert.deepEqual(poller.plan(), [
      { device: 'a', intervalMs: 1_000, points: ['power'], reads: [] },
      { device: 'a', intervalMs: 60_000, points: ['energy'], reads: [] },
      { device: 'a', schedule: '0 0 * * *', points: ['day'], reads: [] },
    ])
    const withPlan = Object.assign(driver, {
      plan: (_device: unknown, points: readonly { readonly name: string }[]) =>
        points.map(({ name }) => ({ range: 'holding 0', count: 1, points: [name], wireMs: 5 })),
    })
    assert.equal(withPlan.plan(undefined, []).length, 0)
    assert.deepEqual(poller.plan()[1]?.reads, [{ range: 'holding 0', count: 1, points: ['energy'], wireMs: 5 }])
  })
})

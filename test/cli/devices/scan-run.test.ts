/** A scan against units that are described here, without any wire. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../../../src/cli/devices/scan-order.ts'
import { Scan, type ScanOptions } from '../../../src/cli/devices/scan-run.ts'
import type { Target } from '../../../src/cli/devices/source.ts'
import { loadProfile } from '../../../src/config/profiles.ts'
import type { RawOrder, RawQuestion, RawReply } from '../../../src/device-api.ts'
import { describeLine } from '../../../src/drivers/line.ts'
import { GatewayError } from '../../../src/errors.ts'
import type { LineSettings } from '../../../src/settings.ts'

const fast: LineSettings = { baud: 19200, dataBits: 8, parity: 'even', stopBits: 1 }

type Answer = (question: RawQuestion, line: string | undefined) => RawReply | undefined

interface Rig {
  readonly scan: Scan
  readonly orders: RawOrder[]
  readonly progress: string[]
  readonly stop: AbortController
}

/** `answer` plays all units; undefined is silence. */
function rig(answer: Answer, changes: Partial<ScanOptions> = {}): Rig {
  const orders: RawOrder[] = []
  const progress: string[] = []
  const stop = new AbortController()
  const ask = async (_connection: string, order: RawOrder): Promise<RawReply[]> => {
    orders.push(order)
    const line = order.line && describeLine(order.line)
    return order.questions.map((question) => answer(question, line) ?? { ok: false, code: 'timeout', tookMs: 200 })
  }
  const target = { tools: { ask }, connection: { name: 'bus' } } as unknown as Target
  const scan = new Scan(target, {
    timeoutMs: 500,
    profiles: [],
    signal: stop.signal,
    onProgress: (asked, of, { title, found }) => progress.push(`${asked}/${of} ${title} ${found}`),
    ...changes,
  })
  return { scan, orders, progress, stop }
}

function stage(units: readonly number[], more: Partial<Stage> & { readonly line?: LineSettings } = {}): Stage {
  const { line, ...rest } = more
  const steps = units.map((unitId) => ({ unitId, known: false, ...(line ? { line } : {}) }))
  return { title: 'units', lastResort: false, steps, ...rest }
}

const refusal = (code: number): RawReply => ({ ok: false, code: `exception_${code}`, tookMs: 9 })
const zeros: RawReply = { ok: true, hex: '00000000', tookMs: 7 }

test('who answers or refuses is there; who is silent, or absent by the word of a gateway, is not', async () => {
  const { scan } = rig(({ unitId }) => [undefined, zeros, refusal(2), refusal(11), refusal(10), refusal(1)][unitId])
  const { found, asked, of, stopped } = await scan.run([stage([1, 2, 3, 4, 5, 6])])
  assert.deepEqual(
    found.map(({ unitId, holding, tookMs }) => [unitId, holding, tookMs]),
    [
      [1, 'ok', 7],
      [2, 'exception_2', 9],
      [5, 'exception_1', 9],
    ],
  )
  assert.deepEqual([asked, of, stopped], [6, 6, false])
})

test('a damaged reply is told, and is nobody that was found', async () => {
  const { scan } = rig(({ unitId }) => (unitId === 3 ? { ok: false, code: 'crc', tookMs: 9 } : undefined))
  const { found, damaged } = await scan.run([stage([2, 3])])
  assert.deepEqual([found.length, damaged.map(({ unitId }) => unitId)], [0, [3]])
})

test('questions go in batches of two seconds; the progress says where it is', async () => {
  const { scan, orders, progress } = rig(() => undefined)
  await scan.run([stage([1, 2, 3, 4, 5]), stage([6], { line: fast, title: 'other' })])
  assert.deepEqual(
    orders.map(({ questions, line, timeoutMs }) => [questions.length, line && describeLine(line), timeoutMs]),
    [
      [4, undefined, 500],
      [1, undefined, 500],
      [1, '19200 8E1', 500],
    ],
  )
  assert.deepEqual(progress, ['0/6 units 0', '4/6 units 0', '5/6 other 0'])
})

for (const code of ['foreign_reply', 'crc', 'short_reply', 'noise', 'io']) {
  test(`a unit that gave ${code} once is asked again and found`, async () => {
    let asked = 0
    const { scan } = rig(({ unitId }) => {
      if (unitId !== 3) return undefined
      asked += 1
      return asked === 1 ? { ok: false, code, tookMs: 9 } : zeros
    })
    const { found, damaged } = await scan.run([stage([2, 3, 4])])
    assert.deepEqual([found.map(({ unitId }) => unitId), damaged], [[3], []])
  })

  test(`a unit that gives nothing but ${code} is named, after three tries`, async () => {
    const { scan, orders } = rig(({ unitId }) => (unitId === 3 ? { ok: false, code, tookMs: 9 } : undefined))
    const { found, damaged } = await scan.run([stage([3])])
    assert.deepEqual([found.length, damaged.map(({ unitId, code }) => [unitId, code])], [0, [[3, code]]])
    assert.equal(orders.length, 3)
  })
}

test('a reply that comes while the next unit is asked belongs to a slow one, which is asked with more time', async () => {
  const { scan, orders } = rig(
    ({ unitId }) => {
      if (unitId === 6 && orders.length === 1) return { ok: false, code: 'foreign_reply', tookMs: 100 }
      return unitId === 5 && (orders.at(-1)?.timeoutMs ?? 0) > 400 ? zeros : undefined
    },
    { timeoutMs: 200 },
  )
  const { found, damaged } = await scan.run([stage([4, 5, 6, 7])])
  assert.deepEqual(
    found.map(({ unitId }) => unitId),
    [5],
  )
  assert.deepEqual(
    damaged.map(({ unitId }) => unitId),
    [6],
  )
})

test('on a disturbed line, the silent ones are asked once more; on a sound one, they are not', async () => {
  const again = (disturbed: boolean) => {
    const asked: number[] = []
    const one = rig(({ unitId }) => {
      asked.push(unitId)
      if (disturbed && unitId === 9) return { ok: false, code: 'crc', tookMs: 9 }
      return unitId === 2 && asked.filter((other) => other === 2).length === 2 ? zeros : undefined
    })
    return one.scan.run([stage([1, 2, 9])])
  }
  assert.deepEqual(
    (await again(true)).found.map(({ unitId }) => unitId),
    [2],
  )
  const { found, asked } = await again(false)
  assert.deepEqual([found.length, asked], [0, 3])
})

test('what is configured is asked twice before it counts as absent', async () => {
  let asked = 0
  const { scan } = rig((question) => {
    if ('register' in question && question.register === 'holding') asked += 1
    return asked === 2 ? zeros : undefined
  })
  const { found } = await scan.run([{ title: 'known', lastResort: false, steps: [{ unitId: 4, known: true }] }])
  assert.deepEqual(
    found.map(({ unitId }) => unitId),
    [4],
  )
})

test('a connection that is gone ends the scan with what was found until then', async () => {
  const { scan } = rig(({ unitId }) => {
    if (unitId === 6) throw new GatewayError('bad_answer', 'the port is gone (no_such_port)')
    return unitId === 1 ? zeros : undefined
  })
  const { found, problem, stopped } = await scan.run([stage([1, 2, 3, 4, 5, 6])])
  assert.deepEqual(
    [found.map(({ unitId }) => unitId), problem?.message, stopped],
    [[1], 'the port is gone (no_such_port)', false],
  )
})

test('a last resort is asked only when nobody was found', async () => {
  const stages = [stage([1]), stage([9], { lastResort: true, line: fast })]
  const none = rig(() => undefined)
  assert.equal((await none.scan.run(stages)).asked, 2)
  const one = rig(({ unitId }) => (unitId === 1 ? zeros : undefined))
  const { asked, of } = await one.scan.run(stages)
  assert.deepEqual([asked, of], [1, 1])
})

test('whoever has had enough gets what was found until then', async () => {
  const { scan, stop } = rig(({ unitId }) => {
    if (unitId === 6) {
      stop.abort()
      throw new Error('hung up')
    }
    return unitId === 1 ? zeros : undefined
  })
  const { found, asked, of, stopped } = await scan.run([stage([1, 2, 3, 4, 5, 6, 7, 8, 9])])
  assert.deepEqual([found.length, asked, of, stopped], [1, 4, 9, true])
})

test('a failure that nobody asked for is no end of a scan, but an error', async () => {
  const { scan } = rig(() => {
    throw new Error('the port is gone')
  })
  await assert.rejects(scan.run([stage([1])]), /the port is gone/)
})

test('a unit is known by its essential points, and named by who explains most of it', async () => {
  const profiles = ['eastron/sdm120', 'eastron/sdm630', 'abb/b23'].map((name) => loadProfile(name))
  const sdm120 = profiles[0]
  assert.ok(sdm120)
  const answers = new Map<number, Buffer>()
  for (const { address, plausible } of sdm120.points) {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatBE(plausible ? (plausible.min + plausible.max) / 2 : 1)
    answers.set(address, bytes.subarray(0, 2)).set(address + 1, bytes.subarray(2))
  }
  const answer: Answer = (question) => {
    if ('identify' in question) return { ok: true, texts: { 0: 'Eastron' } }
    const { register, address, count } = question
    if (register !== 'input') return refusal(1)
    const words = Array.from({ length: count }, (_, index) => answers.get(address + index))
    if (words.some((word) => word === undefined)) return refusal(2)
    return { ok: true, hex: Buffer.concat(words as Buffer[]).toString('hex'), tookMs: 5 }
  }
  const { scan, orders } = rig(answer, { profiles })
  const [unit] = (await scan.run([stage([3])])).found
  assert.deepEqual([unit?.match?.profile.name, unit?.texts], ['eastron/sdm120', { 0: 'Eastron' }])
  assert.equal(unit?.match?.plausible, unit?.match?.of)
  const asked = orders.flatMap(({ questions }) => questions.map((question) => JSON.stringify(question)))
  // The first question found it, and is asked once more while it is described; nothing else is.
  assert.ok(asked.length <= new Set(asked).size + 1)
})

/** Values with the bytes they were made of, from an explorer that plays the device. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Explorer, RawAnswer, RawRange } from '../../src/drivers/driver.ts'
import type { DeviceSettings, PointSettings } from '../../src/settings.ts'
import { askAll, rawSample } from '../../src/workbench/raw-access.ts'

type Image = Readonly<Record<string, string>>

/** Bytes by `input 0 2`; what is not there is refused. `after`: from the second time on that it is asked. */
function playing(
  registers: Image,
  { after = {} }: { readonly after?: Image } = {},
): Explorer & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    async readRaw(unitId, { register, address, count }: RawRange): Promise<RawAnswer> {
      const range = `${register} ${address} ${count}`
      const isSecond = asked.includes(`${unitId} ${range}`)
      asked.push(`${unitId} ${range}`)
      const hex = (isSecond ? after[range] : undefined) ?? registers[range]
      if (hex === undefined) return { ok: false, code: 'exception_2', tookMs: 4 }
      return { ok: true, bytes: Buffer.from(hex, 'hex'), tookMs: 4 }
    },
    async identify() {
      return { ok: true, objects: { 0: 'ACME' } }
    },
  }
}

function point(name: string, more: Partial<PointSettings>): PointSettings {
  const plain = {
    access: 'ro',
    intervalMs: 1000,
    bit: 0,
    length: 1,
    scale: 1,
    offset: 0,
    invalid: [],
    kind: 'gauge',
  } as const
  return { name, ...plain, type: 'int16', register: 'input', address: 0, byteOrder: 'ABCD', ...more }
}

function deviceOf(...points: PointSettings[]): DeviceSettings {
  return { name: 'd', unitId: 3, registersMax: 125, holeMax: 0, points } as unknown as DeviceSettings
}

test('value, bytes and power of ten are of one reply', async () => {
  const power = point('power', { scaleFrom: 'power_sf' })
  const device = deviceOf(power, point('power_sf', { address: 1 }))
  const explorer = playing({ 'input 0 2': '0905fffe' })
  assert.deepEqual(await rawSample(explorer, device, power), { point: 'power', value: 23.09, raw: '0905' })
  assert.deepEqual(explorer.asked, ['3 input 0 2'])
})

test('a power of ten that cannot be read together with the value is read before and after it', async () => {
  const power = point('power', { scaleFrom: 'power_sf' })
  const device = deviceOf(power, point('power_sf', { address: 1 }))
  const explorer = playing({ 'input 0 1': '0905', 'input 1 1': 'fffe' })
  assert.deepEqual(await rawSample(explorer, device, power), { point: 'power', value: 23.09, raw: '0905' })
  assert.deepEqual(explorer.asked, ['3 input 0 2', '3 input 1 1', '3 input 0 1', '3 input 1 1'])
  const without = playing({ 'input 0 1': '0905' })
  assert.deepEqual(await rawSample(without, device, power), { point: 'power', error: 'exception_2', raw: '0905' })
  const far = deviceOf(power, point('power_sf', { address: 900 }))
  const changing = playing({ 'input 0 1': '0905', 'input 900 1': 'fffe' }, { after: { 'input 900 1': 'ffff' } })
  assert.deepEqual(await rawSample(changing, far, power), { point: 'power', error: 'invalid', raw: '0905' })
})

test('coils are bits, inverted where the point says so; a refusal is a code', async () => {
  const coil = point('run', { register: 'coil', type: 'bool', address: 4 })
  const explorer = playing({ 'coil 4 1': '01' })
  assert.deepEqual(await rawSample(explorer, deviceOf(coil), coil), { point: 'run', value: true, raw: '01' })
  const inverted = { ...coil, invert: true }
  assert.deepEqual(await rawSample(explorer, deviceOf(inverted), inverted), { point: 'run', value: false, raw: '01' })
  const missing = point('gone', { address: 9 })
  assert.deepEqual(await rawSample(explorer, deviceOf(missing), missing), { point: 'gone', error: 'exception_2' })
})

test('raw questions are answered in their order, until nobody waits any more', async () => {
  const explorer = playing({ 'input 0 2': '43668000' })
  const questions = [
    { unitId: 3, register: 'input', address: 0, count: 2 },
    { unitId: 3, register: 'input', address: 7, count: 2 },
    { unitId: 3, identify: true },
  ] as const
  assert.deepEqual(await askAll(explorer, questions, {}), [
    { ok: true, hex: '43668000', tookMs: 4 },
    { ok: false, code: 'exception_2', tookMs: 4 },
    { ok: true, texts: { 0: 'ACME' } },
  ])
  const before = explorer.asked.length
  await assert.rejects(askAll(explorer, questions, { signal: AbortSignal.abort() }), { code: 'conflict' })
  assert.equal(explorer.asked.length, before)
})

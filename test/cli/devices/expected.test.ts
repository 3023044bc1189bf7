/** What fits an expected range, and whether it begins where it was looked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Block, hitsIn } from '../../../src/cli/devices/expected.ts'

const volts = { min: 220, max: 240 }

/** The registers of a device from address 0 on, and what three overlapping reads of `count` at `address` bring. */
function blocks(words: readonly number[], address: number, count: number): Block[] {
  const read = (from: number): Block[] => {
    if (from < 0 || from + count > words.length) return []
    const bytes = Buffer.alloc(count * 2)
    for (const [index, word] of words.slice(from, from + count).entries()) bytes.writeUInt16BE(word, index * 2)
    return [{ address: from, bytes }]
  }
  return [...read(address), ...read(address + 1), ...read(address - 1)]
}

/** Address, type and order, scale and value of what fits best. */
function best(words: readonly number[], address: number, count: number, range = volts): string | undefined {
  const [hit] = hitsIn(blocks(words, address, count), { range, address })
  return hit && `${hit.address} ${hit.type} ${hit.byteOrder} x ${hit.scale} = ${hit.value}`
}

const cases: readonly { name: string; words: number[]; address: number; count: number; is: string | undefined }[] = [
  { name: 'a float', words: [0x4366, 0x8000, 0, 0], address: 0, count: 2, is: '0 float32 ABCD x 1 = 230.5' },
  {
    name: 'with its words swapped',
    words: [0x8000, 0x4366, 0, 0],
    address: 0,
    count: 2,
    is: '0 float32 CDAB x 1 = 230.5',
  },
  {
    name: 'with its bytes swapped',
    words: [0x6643, 0x0080, 0, 0],
    address: 0,
    count: 2,
    is: '0 float32 BADC x 1 = 230.5',
  },
  { name: 'with both', words: [0x0080, 0x6643, 0, 0], address: 0, count: 2, is: '0 float32 DCBA x 1 = 230.5' },
  {
    name: 'one lower: the list counts from 1',
    words: [0x4366, 0x8000, 0, 0],
    address: 1,
    count: 2,
    is: '0 float32 ABCD x 1 = 230.5',
  },
  {
    name: 'one higher: the list counts from 0',
    words: [9, 9, 0x4366, 0x8000, 0],
    address: 1,
    count: 2,
    is: '2 float32 ABCD x 1 = 230.5',
  },
  { name: 'whole volts in one register', words: [230, 7, 0], address: 0, count: 1, is: '0 uint16 ABCD x 1 = 230' },
  { name: 'tenths of volts', words: [2305, 7, 0], address: 0, count: 1, is: '0 uint16 ABCD x 0.1 = 230.5' },
  {
    name: 'thousandths in two registers',
    words: [3, 0x8478, 0, 0],
    address: 0,
    count: 2,
    is: '0 uint32 ABCD x 0.001 = 230.52',
  },
  {
    name: 'a plain number next door goes before a scaled one here',
    words: [2305, 231, 0],
    address: 0,
    count: 1,
    is: '1 uint16 ABCD x 1 = 231',
  },
  {
    name: 'one lower, where the next value is alike: not its high word with our low word',
    words: [0x4366, 0x8000, 0x4367, 0x1000, 0x4365, 0x2000],
    address: 1,
    count: 2,
    is: '0 float32 ABCD x 1 = 230.5',
  },
  { name: 'nothing', words: [1, 2, 3, 4], address: 1, count: 2, is: undefined },
]

for (const { name, words, address, count, is } of cases) {
  test(name, () => assert.equal(best(words, address, count), is))
}

test('a range below zero finds signed numbers, and those only', () => {
  assert.equal(best([0xff85, 7, 0], 0, 1, { min: -130, max: -120 }), '0 int16 ABCD x 1 = -123')
})

test('what signed and unsigned say alike is told once', () => {
  const hits = hitsIn(blocks([230, 7, 0], 0, 1), { range: volts, address: 0 })
  assert.deepEqual(
    hits.filter(({ address }) => address === 0).map(({ type }) => type),
    ['uint16'],
  )
})

test('scaled readings are told only where nothing fits as it is', () => {
  const hits = hitsIn(blocks([230, 2310, 0], 0, 2), { range: volts, address: 0 })
  assert.ok(hits.length > 0 && hits.every(({ scale }) => scale === 1))
})

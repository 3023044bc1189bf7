/** What the same bytes mean in every type and order. Numbers by Python's struct module. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { interpretations, printable, textIn, type Width } from '../../../src/cli/devices/interpretations.ts'

function byName(hex: string, at: number, width: Width): Record<string, unknown> {
  const all = interpretations(Buffer.from(hex, 'hex'), { at, width })
  return Object.fromEntries(all.map(({ type, byteOrder, value }) => [`${type} ${byteOrder}`, value]))
}

test('two registers are read as floats and integers in four orders', () => {
  assert.deepEqual(byName('43668000', 0, 2), {
    'float32 ABCD': 230.5,
    'uint32 ABCD': 1130790912,
    'int32 ABCD': 1130790912,
    'bcd32 ABCD': 43668000,
    'float32 CDAB': -2.4178e-41,
    'uint32 CDAB': 2147500902,
    'int32 CDAB': -2147466394,
    'bcd32 CDAB': 80004366,
    'float32 BADC': 2.3021767e23,
    'uint32 BADC': 1715667072,
    'int32 BADC': 1715667072,
    'bcd32 BADC': 66430080,
    'float32 DCBA': 1.1791628e-38,
    'uint32 DCBA': 8414787,
    'int32 DCBA': 8414787,
    'bcd32 DCBA': 806643,
  })
})

test('one register has two orders of its bytes, and BCD only of digits', () => {
  assert.deepEqual(byName('0000ff85', 1, 1), {
    'uint16 ABCD': 65413,
    'int16 ABCD': -123,
    'bcd16 ABCD': undefined,
    'float16 ABCD': undefined,
    'uint16 BADC': 34303,
    'int16 BADC': -31233,
    'bcd16 BADC': undefined,
    'float16 BADC': -0.0000915,
  })
})

test('four registers keep every digit of an integer', () => {
  const all = byName('0123456789abcdef', 0, 4)
  assert.equal(all['uint64 ABCD'], 81985529216486895n)
  assert.equal(all['int64 DCBA'], -1167088121787636991n)
  assert.equal(all['uint64 CDAB'], 0xcdef89ab45670123n)
})

test('a text is found in both orders of its bytes, and nothing else is taken for one', () => {
  const bytes = Buffer.from('Eastron\0', 'latin1')
  assert.deepEqual(textIn(bytes), { text: 'Eastron', byteOrder: 'ABCD' })
  assert.deepEqual(textIn(Buffer.from('aEtsor\0n', 'latin1')), { text: 'Eastron', byteOrder: 'BADC' })
  assert.equal(textIn(Buffer.from('43668000', 'hex')), undefined)
  assert.equal(textIn(Buffer.from('AB\0\0')), undefined)
  assert.equal(printable(Buffer.from('4366008a', 'hex')), 'Cf..')
})

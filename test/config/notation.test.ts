/** The small notations: serial line, datasheet reference, where the key of a command is, broker urls. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseKeySource } from '../../src/config/key-source.ts'
import { numericLine, parseLine } from '../../src/config/line.ts'
import { formatRef, parseRef } from '../../src/config/ref.ts'
import { parseBrokerUrl } from '../../src/config/urls.ts'

describe('line', () => {
  test('9600 8N1 and its relatives are read', () => {
    assert.deepEqual(parseLine('9600 8N1'), { value: { baud: 9600, dataBits: 8, parity: 'none', stopBits: 1 } })
    assert.deepEqual(parseLine('19200 7e2'), { value: { baud: 19_200, dataBits: 7, parity: 'even', stopBits: 2 } })
  })

  test('the way other programs write it is refused with our way', () => {
    for (const other of ['9600,8,O,1', '8O1 9600', '9600/8-O-1', '9600-8o1', '9600 odd 8 1']) {
      const read = parseLine(other)
      assert.ok('problem' in read && read.hint === 'write 9600 8O1', `${other}: ${JSON.stringify(read)}`)
    }
  })

  test('a format or rate that no adapter has is refused', () => {
    for (const text of ['9600 8N3', '9600 9N1', '100 8N1', '9000000 8N1', '9600', ''])
      assert.ok('problem' in parseLine(text), text)
  })

  test('8E1 without quotes is the number 80, and is recognised', () => {
    assert.match(numericLine(80).hint, /9600 8E1/)
    assert.match(numericLine(700).hint, /9600 7E2/)
    assert.match(numericLine(19_200).hint, /19200 8N1/)
  })
})

describe('ref', () => {
  test('the first digit is the table, the rest counts from 1', () => {
    assert.deepEqual(parseRef(30013), { value: { register: 'input', address: 12 } })
    assert.deepEqual(parseRef(40001), { value: { register: 'holding', address: 0 } })
    assert.deepEqual(parseRef(400001), { value: { register: 'holding', address: 0 } })
    assert.deepEqual(parseRef(465536), { value: { register: 'holding', address: 65_535 } })
    assert.deepEqual(parseRef(10100), { value: { register: 'discrete', address: 99 } })
    assert.deepEqual(parseRef('00013'), { value: { register: 'coil', address: 12 } })
  })

  test('what no datasheet says is refused', () => {
    for (const text of [0, 13, 9999, 20013, 30000, 400000, 465537, 4000001, -30013, '3x013', '']) {
      assert.ok('problem' in parseRef(text), String(text))
    }
  })

  test('every place has a reference that leads back to it', () => {
    const tables = fc.constantFrom('holding', 'input', 'coil', 'discrete' as const)
    fc.assert(
      fc.property(tables, fc.integer({ min: 0, max: 65_535 }), (register, address) => {
        assert.deepEqual(parseRef(formatRef({ register, address })), { value: { register, address } })
      }),
    )
  })
})

describe('where the key of a command is', () => {
  test('the three forms are read', () => {
    assert.deepEqual(parseKeySource('topic:-1'), { value: { from: 'topic', level: -1 } })
    assert.deepEqual(parseKeySource('user-property:key'), { value: { from: 'user-property', name: 'key' } })
    assert.deepEqual(parseKeySource('json:/a/b~1c'), { value: { from: 'json', pointer: '/a/b~1c' } })
  })

  test('anything else is refused', () => {
    for (const text of [
      '',
      'topic',
      'topic:last',
      'topic:1.5',
      'user-property:',
      'json:key',
      'json:/a~2',
      'header:x',
    ]) {
      assert.ok('problem' in parseKeySource(text), text)
    }
  })
})

describe('broker urls', () => {
  test('the port is filled in', () => {
    const of = (text: string) => {
      const read = parseBrokerUrl(text)
      return 'value' in read ? read.value.url : read.problem
    }
    assert.equal(of('mqtt://h'), 'mqtt://h:1883')
    assert.equal(of('mqtts://h/'), 'mqtts://h:8883')
    assert.equal(of('mqtts://[::1]:444'), 'mqtts://[::1]:444')
  })

  test('what a broker cannot be reached by is refused', () => {
    for (const text of [
      'h:1883',
      'http://h',
      'ws://h',
      'mqtt://',
      'mqtt://h:99999',
      'mqtt://h/x',
      'mqtt://h?x',
      'mqtt://h:0',
    ]) {
      assert.ok('problem' in parseBrokerUrl(text), text)
    }
  })

  test('a password in a url is refused, and not repeated', () => {
    const read = parseBrokerUrl('mqtt://me:hunter2@h')
    assert.ok('problem' in read)
    assert.doesNotMatch(JSON.stringify(read), /hunter2/)
  })
})

/** The small notations: serial line, datasheet reference, command key, broker and proxy url, rate, topic, schedule, range, bytes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseSchedule } from '../../src/config/cron.ts'
import { parseHex } from '../../src/config/hex.ts'
import { parseKeySource } from '../../src/config/key-source.ts'
import { numericLine, parseLine } from '../../src/config/line.ts'
import { messagesPerSecond, parseByteRate, parseMessageRate } from '../../src/config/rate.ts'
import { formatRef, parseRef } from '../../src/config/ref.ts'
import { parsePercent, parseSpan } from '../../src/config/span.ts'
import { matchesFilter, queueOf } from '../../src/config/topics.ts'
import { parseBrokerUrl, parseProxyUrl } from '../../src/config/urls.ts'

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
    assert.equal(of('ws://h'), 'ws://h:80/mqtt')
    assert.equal(of('WSS://h'), 'wss://h:443/mqtt')
    assert.equal(of('wss://h:443'), 'wss://h:443/mqtt')
  })

  test('of a WebSocket url the path that is written counts, also the root', () => {
    for (const [text, url] of [
      ['ws://h/', 'ws://h:80/'],
      ['wss://h:8084/a/b', 'wss://h:8084/a/b'],
      ['ws://[::1]:1/x', 'ws://[::1]:1/x'],
    ] as const) {
      const read = parseBrokerUrl(text)
      assert.ok('value' in read && read.value.url === url, JSON.stringify(read))
    }
  })

  test('what is encrypted is known', () => {
    const encrypted = ['mqtt', 'mqtts', 'ws', 'wss'].map((scheme) => {
      const read = parseBrokerUrl(`${scheme}://h`)
      return 'value' in read && read.value.encrypted
    })
    assert.deepEqual(encrypted, [false, true, false, true])
  })

  test('what a broker cannot be reached by is refused', () => {
    for (const text of [
      'h:1883',
      'http://h',
      'ws://h?x',
      'wss://h/x#y',
      'ws://h:0',
      'wss://',
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

describe('proxies', () => {
  test('host and port; an IPv6 address without its brackets', () => {
    assert.deepEqual(parseProxyUrl('http://proxy.example:3128'), { value: { host: 'proxy.example', port: 3128 } })
    assert.deepEqual(parseProxyUrl('http://[fe80::1]:8080/'), { value: { host: 'fe80::1', port: 8080 } })
    assert.deepEqual(parseProxyUrl('HTTP://h:80'), { value: { host: 'h', port: 80 } })
  })

  test('what is no such proxy is refused', () => {
    for (const text of [
      'h:3128',
      'h',
      'http://h',
      'https://h:1',
      'socks5h://h:1',
      'http://h:3128/x',
      'http://h:3128?x',
      'http://h:0',
      'http://:3128',
      'http://me:pw@h:3128',
      '',
    ]) {
      assert.ok('problem' in parseProxyUrl(text), text)
    }
  })

  test('a password is not repeated', () => {
    assert.doesNotMatch(JSON.stringify(parseProxyUrl('http://me:hunter2@h:1')), /hunter2/)
  })
})

describe('rates', () => {
  const perSecond = (read: ReturnType<typeof parseByteRate>) => ('value' in read ? read.value.perSecond : read.problem)

  test('messages per second, minute or hour', () => {
    assert.equal(perSecond(parseMessageRate('20/s')), 20)
    assert.equal(perSecond(parseMessageRate('0.5/s')), 0.5)
    assert.equal(perSecond(parseMessageRate('120/min')), 2)
    assert.equal(perSecond(parseMessageRate('3600/h')), 1)
    assert.equal(perSecond(messagesPerSecond(0.1)), 0.1)
  })

  test('bytes per second, minute or hour', () => {
    assert.equal(perSecond(parseByteRate('64KiB/s')), 65_536)
    assert.equal(perSecond(parseByteRate('6MB/min')), 100_000)
    assert.equal(perSecond(parseByteRate('3600B/h')), 1)
  })

  test('nothing at all, and more than can be, is refused', () => {
    for (const text of ['0/s', '0/h', '1000001/s', '1e9/s', '-1/s', '/s', '20', '20/', '20/d', '']) {
      assert.ok('problem' in parseMessageRate(text), text)
    }
    for (const rate of [0, -1, 2_000_000]) assert.ok('problem' in messagesPerSecond(rate), String(rate))
    for (const text of ['0B/s', '1B/h', '-1KiB/s', '64KiB', '64/s', 'KiB/s', '']) {
      assert.ok('problem' in parseByteRate(text), text)
    }
  })

  test('other spellings are refused with ours', () => {
    const messages = ['20', '20/sec', '20/m', ' 20 / second ', '5/minutes', '1/hr'].map((text) =>
      Reflect.get(parseMessageRate(text), 'hint'),
    )
    assert.deepEqual(messages, ['write 20/s', 'write 20/s', 'write 20/min', 'write 20/s', 'write 5/min', 'write 1/h'])
    const bytes = ['64KiB', '64kib/s', '64KBps', '1MB/second', '512kbit/s', '2Mbps', '100b/s', '64 KiB/s'].map((text) =>
      Reflect.get(parseByteRate(text), 'hint'),
    )
    assert.deepEqual(bytes, [
      'write 64KiB/s',
      'write 64KiB/s',
      'write 64KB/s',
      'write 1MB/s',
      'write 64KB/s',
      'write 250KB/s',
      'write 12.5B/s',
      'write 64KiB/s',
    ])
  })

  test('what a hint says to write is accepted', () => {
    const parse = { messages: parseMessageRate, bytes: parseByteRate }
    // From a byte a second on, in whatever it is per.
    const amount = fc.integer({ min: 3600, max: 10_000 })
    const kind = fc.constantFrom('messages', 'bytes' as const)
    const unit = fc.constantFrom('', 'B', 'KiB', 'kb', 'kbit', 'Mb', 'mib')
    const span = fc.constantFrom('', '/s', '/sec', '/m', '/min', ' / hour', 'ps', '/fortnight')
    fc.assert(
      fc.property(kind, amount, unit, span, (which, amount, unit, span) => {
        const read = parse[which](`${amount}${unit}${span}`)
        if ('value' in read || read.hint === undefined || !read.hint.startsWith('write ')) return
        const again = parse[which](read.hint.slice('write '.length))
        assert.ok('value' in again, `${amount}${unit}${span}: ${read.hint}: ${JSON.stringify(again)}`)
      }),
    )
  })
})

describe('topics', () => {
  test('a subscription covers what MQTT says (5.0, 4.7)', () => {
    for (const [topic, filter, covered] of [
      ['a/b', 'a/b', true],
      ['a/b', 'a/+', true],
      ['a/b', '+/b', true],
      ['a/b/c', 'a/+', false],
      ['a/b/c', 'a/#', true],
      ['a', 'a/#', true],
      ['a', 'a/+', false],
      ['a/b', '#', true],
      ['a/b', 'a', false],
      ['a', 'a/b', false],
      ['$SYS/x', '#', false],
      ['$SYS/x', '+/x', false],
      ['$SYS/x', '$SYS/#', true],
    ] as const) {
      assert.equal(matchesFilter(topic, filter), covered, `${topic} ${filter}`)
    }
  })

  test('the queues of EMQX are known by their subscription', () => {
    assert.deepEqual(queueOf('$q/a/+'), { filter: 'a/+' })
    assert.deepEqual(queueOf('$queue/name'), { name: 'name' })
    assert.deepEqual(queueOf('$queue/name/a/#'), { name: 'name', filter: 'a/#' })
    for (const text of ['a/b', 'queue/a', '$share/g/a', '$queuex/a']) assert.equal(queueOf(text), undefined, text)
  })
})

describe('schedules', () => {
  test('five fields, or six with seconds first', () => {
    assert.deepEqual(parseSchedule('0 6,14,22 * * *'), { value: '0 6,14,22 * * *' })
    assert.deepEqual(parseSchedule('  */10  * * * *  mon-fri '), { value: '*/10 * * * * mon-fri' })
  })

  test('what has no time in it is refused, with the reason', () => {
    const problems = ['0 25 * * *', '0 0 31 2 *', '* * * *', '@hourly', '* * * * * * *', ''].map((text) => {
      const read = parseSchedule(text)
      return 'problem' in read ? read.problem : ''
    })
    assert.deepEqual(problems, [
      '"0 25 * * *" is no schedule: 25 is no hour',
      '"0 0 31 2 *" is no schedule: 31 2 is an impossible day of month for the given month',
      '"* * * *" is no schedule: it has 4 fields, and 5 are needed (or 6, with seconds first)',
      '"@hourly" is no schedule: it has 1 field, and 5 are needed (or 6, with seconds first)',
      '"* * * * * * *" is no schedule: it has 7 fields, and 5 are needed (or 6, with seconds first)',
      '"" is no schedule: it has 0 fields, and 5 are needed (or 6, with seconds first)',
    ])
  })
})

describe('ranges and shares', () => {
  test('from the smallest to the largest', () => {
    assert.deepEqual(parseSpan('180..260'), { value: { min: 180, max: 260 } })
    assert.deepEqual(parseSpan('-1.01..-0.5'), { value: { min: -1.01, max: -0.5 } })
    for (const text of ['180-260', '180..', '..260', '1..2..3', '180 .. 260', '5..5', 'a..b', ''])
      assert.ok('problem' in parseSpan(text), text)
    assert.deepEqual(parseSpan('260..180'), { problem: '180 is not above 260', hint: 'write 180..260' })
  })

  test('a share ends with a percent sign', () => {
    assert.deepEqual(parsePercent('2%'), { value: { percent: 2 } })
    assert.deepEqual(parsePercent('0.5%'), { value: { percent: 0.5 } })
    for (const text of ['2', '-2%', '2 %', '%', '2%%', '']) assert.ok('problem' in parsePercent(text), text)
  })
})

describe('bytes', () => {
  test('all bytes are read back from their hexadecimal form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.constantFrom('', ' '), (bytes, blank) => {
        const text = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(blank)
        assert.deepEqual(parseHex(text), { value: bytes })
      }),
    )
  })

  test('other forms are refused with ours, and what is no byte without', () => {
    for (const text of ['0xAA,0x55', 'aa:55', 'AA-55', 'AA  55', ' AA 55'])
      assert.equal(Reflect.get(parseHex(text), 'hint'), 'write "AA 55"', text)
    for (const text of ['', 'A', 'AA 5', 'XY', 'AA 55 G0']) {
      assert.deepEqual(Object.keys(parseHex(text)), ['problem'], text)
    }
  })
})

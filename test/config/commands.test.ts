/** What `commands:` becomes: its defaults, rates, programs, and that nothing is taken unchecked. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CommandSettings } from '../../src/command-settings.ts'
import { parseSettings } from '../../src/config/load.ts'
import { ConfigInvalid, type Problem } from '../../src/config/problem.ts'
import { bareCommandRate, commandRatePattern, parseCommandRate } from '../../src/config/rate.ts'
import { fitRule } from '../../src/inbox/targets/value-rule.ts'
import { blocksOf, pageText } from '../docs/pages.ts'

const host = { env: {}, hostname: 'box', serialFolder: '/nonexistent' }

interface Said {
  readonly command: CommandSettings | undefined
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

/** A site with one command; JSON is YAML. */
function read(command: object, inbox: object = {}): Said {
  const text = JSON.stringify({
    version: 1,
    gateway: { id: 'gw' },
    connections: {
      plc: { type: 'modbus-tcp', host: '127.0.0.1' },
      port: { type: 'serial-text', port: '/dev/ttyAMA0', line: '9600 8N1' },
    },
    devices: {
      boiler: {
        connection: 'plc',
        points: {
          setpoint: { address: 0, type: 'int16', access: 'rw' },
          pump: { address: 1, type: 'int16', access: 'rw' },
        },
      },
      scale: { connection: 'port', pattern: '(?<weight>.*)', points: { weight: {} } },
    },
    commands: { it: command },
    uplinks: { cloud: { type: 'mqtt', url: 'mqtt://127.0.0.1', commands: {} } },
    inbox,
  })
  const messages = (problems: readonly Problem[]) => problems.map(({ path, message }) => `${path} ${message}`)
  try {
    const { settings, warnings } = parseSettings(text, 'config.yaml', host)
    return { command: settings.commands[0], warnings: messages(warnings), errors: [] }
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error
    return { command: undefined, warnings: [], errors: messages(error.problems) }
  }
}

const write = { write: 'boiler.setpoint', verify: 'none' }
const exec = { exec: { program: '/bin/sh' } }

describe('mode and repeatable', () => {
  const cases: readonly (readonly [command: object, inbox: object, mode: string, repeatable: boolean])[] = [
    [write, {}, 'last_value', true],
    [write, { default_mode: 'queue' }, 'queue', false],
    [{ ...write, mode: 'queue' }, {}, 'queue', false],
    [{ ...write, mode: 'queue', repeatable: true }, {}, 'queue', true],
    [{ ...write, mode: 'last_value' }, { default_mode: 'queue' }, 'last_value', true],
    [{ ...write, repeatable: false }, {}, 'last_value', false],
    [exec, {}, 'last_value', false],
    [exec, { default_mode: 'queue' }, 'queue', false],
    [{ gateway: 'read_now' }, { default_mode: 'queue' }, 'last_value', false],
    [{ gateway: 'restart' }, {}, 'last_value', false],
    [{ send: { device: 'scale', text: 'Z' } }, {}, 'last_value', true],
    [{ send: { device: 'scale', text: 'Z' } }, { default_mode: 'queue' }, 'queue', false],
  ]
  for (const [command, inbox, mode, repeatable] of cases) {
    test(`${JSON.stringify(command)} with ${JSON.stringify(inbox)}`, () => {
      const said = read(command, inbox)
      assert.deepEqual([said.errors, said.command?.mode, said.command?.repeatable], [[], mode, repeatable])
    })
  }

  test('how many may wait is a matter of a queue', () => {
    assert.equal(read({ ...write, waiting: 7 }, { default_mode: 'queue' }).command?.waitingMax, 7)
    const message = 'commands.it.waiting waiting has no meaning with mode: last_value, where only the newest waits'
    assert.deepEqual(read({ ...write, waiting: 7 }).errors, [message])
    assert.deepEqual(read({ ...write, waiting: 7, mode: 'last_value' }, { default_mode: 'queue' }).errors, [message])
  })

  test('a wrong mode is told once, not also as a wrong key beside it', () => {
    assert.equal(read({ ...write, waiting: 7, mode: 'newest' }).errors.length, 1)
    assert.equal(read({ ...write, waiting: 7 }, { default_mode: 'newest' }).errors.length, 1)
    assert.equal(read({ ...write, waiting: 7 }, { mode: 'queue' }).errors.length, 1)
  })
})

describe('rates', () => {
  const good: readonly (readonly [string, number, number])[] = [
    ['10/1m', 10, 60_000],
    ['1/s', 1, 1_000],
    ['100/min', 100, 60_000],
    ['3/h', 3, 3_600_000],
    ['5/1.5h', 5, 5_400_000],
    ['1/1d', 1, 86_400_000],
  ]
  for (const [text, commands, perMs] of good) {
    test(text, () => {
      assert.deepEqual(parseCommandRate(text), { value: { commands, perMs } })
      assert.match(text, new RegExp(commandRatePattern))
    })
  }

  test('what is nearly one is corrected', () => {
    const hintOf = (text: string) => {
      const read = parseCommandRate(text)
      assert.ok('problem' in read, text)
      return read.hint
    }
    assert.equal(hintOf('10/m'), 'write 10/1m')
    assert.equal(hintOf('10/minute'), 'write 10/1m')
    assert.equal(hintOf('10 / 1m'), 'write 10/1m')
    assert.equal(hintOf('10/5 min'), undefined)
    assert.equal(hintOf('10/5min'), 'write 10/5m')
    assert.equal(hintOf('10/60'), 'write 10/60s')
    assert.equal(hintOf('0/1m'), 'remove it for no limit')
    assert.equal(hintOf('1.5/1m'), undefined)
    assert.equal(bareCommandRate(10), 'a rate needs a time, got 10\nwrite 10/1m')
  })

  test('a hint can be written as it stands', () => {
    const text = fc.tuple(fc.nat(2000), fc.constantFrom('/', ' / ', 'per', '/ '), fc.string({ maxLength: 6 }))
    fc.assert(
      fc.property(text, ([amount, between, span]) => {
        const read = parseCommandRate(`${amount}${between}${span}`)
        const meant = 'hint' in read ? /^write (.*)$/.exec(read.hint ?? '')?.[1] : undefined
        if (meant === undefined) return
        const again = parseCommandRate(meant)
        assert.ok('value' in again || !/^expected a rate/.test(again.problem), `${meant} of ${amount}${between}${span}`)
      }),
    )
  })
})

describe('values', () => {
  const send = (text: string) => ({ send: { device: 'scale', text } })

  test('without a rule no text with {value} is taken', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (before, behind) => {
        for (const command of [
          send(`${before}{value}${behind}`),
          { exec: { program: '/bin/sh', args: [`${before}{value}${behind}`] } },
        ]) {
          const { errors } = read(command)
          assert.ok(errors.some((one) => one.includes('{value} without values')))
        }
      }),
    )
  })

  test('every pattern that is taken can be used', () => {
    const piece = fc.constantFrom('a', '[a-z]', '\\d', '\\-', '(', ')', '{2}', '{', '*', '|', '^', '$', '\\u{61}', '.')
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 5 }), fc.string(), (pieces, value) => {
        const { command } = read({ ...send('{value}'), values: { pattern: pieces.join('') } })
        if (command?.target.type === 'message') assert.equal(typeof fitRule(command.target.value, value).ok, 'boolean')
      }),
    )
  })

  test('a pattern that takes for ever to refuse some texts is told, and nobody waits for it', () => {
    const warningsOf = (pattern: string) => read({ ...send('{value}'), values: { pattern } }).warnings
    for (const pattern of ['(a+)+b', '(x+x+)+y', '(\\w+\\s?)*!', '(.*)*,', '(ab|a|b)+c', '(a|aa)+']) {
      assert.match(warningsOf(pattern).join(), /it\.values\.pattern some texts take too long to match/, pattern)
    }
    for (const pattern of ['[A-Z]{1,8}', '.*', '\\d+(\\.\\d+)?', 'ch[1-4]=(on|off)', '[a-z][a-z0-9-]*']) {
      assert.deepEqual(warningsOf(pattern), [], pattern)
    }
    const fitted = fitRule({ pattern: '(a+)+b' }, 'a'.repeat(64))
    assert.deepEqual(fitted, { ok: false, reason: 'it takes too long to match the value with (a+)+b' })
  })

  test('a rule is of one kind', () => {
    const rules = { one_of: [1], min: 1, max: 2, pattern: '.' }
    for (const [first, second] of [
      ['one_of', 'min'],
      ['one_of', 'max'],
      ['one_of', 'pattern'],
      ['min', 'pattern'],
      ['max', 'pattern'],
    ] as const) {
      const values = { [first]: rules[first], [second]: rules[second] }
      const { errors } = read({ ...send('{value}'), values })
      assert.deepEqual(errors, [`commands.it.values.${second} ${first} and ${second} exclude each other`])
    }
    assert.deepEqual(read({ ...send('{value}'), values: { min: 1, max: 2 } }).errors, [])
  })
})

describe('groups', () => {
  test('keep their order, and their names', () => {
    const target = (given: unknown) => read({ write: given, verify: 'none' }).command?.target
    const [setpoint, pump] = ['boiler.setpoint', 'boiler.pump']
    const group = { type: 'group', device: 'boiler', verify: 'none' }
    assert.deepEqual(target([pump, setpoint]), {
      ...group,
      points: [
        { name: 'pump', point: 'pump' },
        { name: 'setpoint', point: 'setpoint' },
      ],
    })
    assert.deepEqual(target({ speed: pump, temp: setpoint }), {
      ...group,
      points: [
        { name: 'speed', point: 'pump' },
        { name: 'temp', point: 'setpoint' },
      ],
    })
  })

  test('have a bound', () => {
    const many = Array.from({ length: 65 }, () => 'boiler.setpoint')
    assert.deepEqual(read({ write: many }).errors, ['commands.it.write has more than 64 entries'])
    const named = Object.fromEntries(many.map((point, index) => [`n${index}`, point]))
    assert.deepEqual(read({ write: named }).errors, ['commands.it.write has more than 64 entries'])
  })
})

test('names that are numbers would lose their order in a group', () => {
  const { errors } = read({ write: { 2: 'boiler.setpoint', 1: 'boiler.pump' }, verify: 'none' })
  assert.deepEqual(errors, [
    'commands.it.write.1 "1" is a number, and the order of such names gets lost',
    'commands.it.write.2 "2" is a number, and the order of such names gets lost',
  ])
  assert.deepEqual(read({ write: { p2: 'boiler.setpoint', '01': 'boiler.pump' }, verify: 'none' }).errors, [])
})

test('a restart that would be done again and again is refused', () => {
  const errorsOf = (more: object) => read({ gateway: 'restart', ...more }).errors.length
  assert.equal(errorsOf({}), 0)
  for (const more of [{ mode: 'queue' }, { repeatable: true }, { accept_retained: true }]) {
    assert.equal(errorsOf(more), 1, JSON.stringify(more))
  }
})

test('a program is never repeatable, and says so', () => {
  assert.deepEqual(read({ ...exec, repeatable: true }).errors, [
    'commands.it.repeatable repeatable has no meaning with exec',
  ])
})

describe('programs', () => {
  test('one that cannot be run is told, and taken all the same', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const program = join(folder, 'lamp')
    const said = () => read({ exec: { program } })
    const warning = (message: string) => [`commands.it.exec.program ${message}`]
    assert.deepEqual(said().warnings, warning(`there is no file ${program}`))
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o644)
    assert.deepEqual(said().warnings, warning(`${program} may not be run by this user`))
    chmodSync(program, 0o755)
    assert.deepEqual(said().warnings, [])
    assert.deepEqual(said().command?.target, { type: 'exec', program, args: [], value: {}, timeoutMs: 10_000 })
    assert.deepEqual(read({ exec: { program: join(program, 'x') } }).warnings, warning(`there is no file ${program}/x`))
  })

  test('a value never becomes a part of a script', () => {
    const values = { one_of: ['a'] }
    const errorsOf = (program: string, args: readonly string[]) =>
      read({ exec: { program, args }, values }).errors.length
    assert.equal(errorsOf('/bin/bash', ['-c', 'lamp {value}']), 1)
    assert.equal(errorsOf('/bin/sh', ['-ec', '{value}']), 1)
    assert.equal(errorsOf('/usr/bin/perl', ['-e', 'print "{value}"']), 1)
    assert.equal(errorsOf('/bin/busybox', ['sh', '-c', 'lamp {value}']), 1)
    for (const [program, ...args] of [
      ['/usr/bin/timeout', '5', 'sh', '-c', 'echo {value}'],
      ['/usr/bin/timeout', '5', '{value}'],
      ['/usr/bin/env', 'A=b', '{value}'],
      ['/usr/bin/perl', '-E', 'say {value}'],
      ['/usr/bin/perl', '-e', '1', '-e', '{value}'],
      ['/usr/bin/php', '-r', '{value}'],
      ['/usr/bin/awk', '{value}'],
      ['/usr/bin/node', '--eval', 'f({value})'],
      ['/usr/bin/node', '--eval={value}'],
      ['/usr/bin/node', '-p', '{value}'],
      ['/usr/bin/ssh', 'host', 'lamp', '{value}'],
      ['/usr/bin/sed', '-n', '{value}', '/etc/lamps'],
      ['/usr/bin/find', '/dev', '-name', '{value}'],
      ['/usr/bin/nsenter', '-t', '1', '/bin/sh', '-c', '{value}'],
      ['/usr/bin/docker', 'exec', 'box', 'sh', '-c', 'lamp {value}'],
      ['/bin/sh', '-c', '--', 'lamp {value}'],
      ['/bin/sh', '{value}'],
      ['/bin/sh', '-o', 'errexit', '-c', '{value}'],
      ['/usr/bin/python3', '-W', 'ignore', '-c', '{value}'],
      ['/bin/sh', '/opt/lamp.sh', 'on {value}'],
    ] as const) {
      assert.equal(errorsOf(program, args), 1, [program, ...args].join(' '))
    }
    for (const [program, ...args] of [
      ['/bin/sh', '-c', 'lamp "$1"', 'sh', '{value}'],
      ['/usr/bin/timeout', '5', 'sh', '-c', 'lamp "$1"', 'sh', '{value}'],
      ['/usr/bin/timeout', '-k', '1', '5', 'lamp', '{value}'],
      ['/usr/bin/nice', '-n', '5', '/opt/lamp', '--to={value}'],
      ['/usr/bin/python3', '/opt/lamp.py', '-p', '{value}'],
      ['/usr/bin/python3', '/opt/lamp.py', '--level={value}'],
      ['/opt/lamps', 'node', '{value}'],
    ] as const) {
      assert.equal(errorsOf(program, args), 0, [program, ...args].join(' '))
    }
    assert.equal(errorsOf('/usr/local/bin/lamp', ['-c', '{value}']), 0)
  })

  test('a value that could be an option is told', () => {
    const warned = (args: readonly string[], pattern: string) =>
      read({ exec: { program: '/bin/echo', args }, values: { pattern } }).warnings.length > 0
    assert.equal(warned(['{value}'], '.*'), true)
    assert.equal(warned(['--', '{value}'], '.*'), false)
    assert.equal(warned(['--lamp={value}'], '.*'), false)
    assert.equal(warned(['{value}'], '[a-z][a-z-]*'), false)
  })
})

test('the commands shown in docs/configuration.md are good ones', () => {
  const block = blocksOf(pageText('docs/configuration.md')).find(({ text }) => text.startsWith('commands:'))
  assert.ok(block)
  const site = `
version: 1
connections:
  plc: { type: modbus-tcp, host: 127.0.0.1 }
  port: { type: serial-text, port: /dev/ttyAMA0, line: 9600 8N1 }
devices:
  boiler:
    connection: plc
    points:
      setpoint: { address: 0, type: int16, access: rw }
      pump_run: { register: coil, address: 0, access: rw }
  truck-scale: { connection: port, pattern: "(?<weight>.*)", points: { weight: {} } }
uplinks: { cloud: { type: mqtt, url: mqtt://127.0.0.1, commands: {} } }
`
  const { settings, warnings } = parseSettings(site + block.text, 'config.yaml', host)
  assert.deepEqual([...new Set(settings.commands.map(({ target }) => target.type))].sort(), [
    'exec',
    'gateway',
    'group',
    'message',
    'point',
  ])
  assert.deepEqual(
    warnings.map(({ message }) => message).filter((one) => !one.startsWith('there is no file')),
    [],
  )
})

test('what a command does is said exactly once', () => {
  const kinds = { write: 'boiler.setpoint', send: { device: 'scale', text: 'Z' }, gateway: 'read_now', ...exec }
  fc.assert(
    fc.property(fc.subarray(Object.keys(kinds)), (keys) => {
      const command = Object.fromEntries(Object.entries(kinds).filter(([key]) => keys.includes(key)))
      const { errors } = read(command)
      assert.equal(errors.length, keys.length === 1 ? 0 : 1, JSON.stringify([keys, errors]))
    }),
  )
})

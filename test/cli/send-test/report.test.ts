import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trialDocument, trialText } from '../../../src/cli/send-test/report.ts'
import { Stopwatch } from '../../../src/cli/send-test/steps.ts'
import type { Trial } from '../../../src/cli/send-test/trial.ts'
import { displayWidth } from '../../../src/cli/table.ts'

const good: Trial = {
  uplink: 'cloud',
  url: 'mqtt://mq.plant7.example',
  clientId: 'plant7-gw01-send-test',
  topic: 'tidegate/plant7-gw01/send-test',
  good: true,
  steps: [
    { step: 'dns', ms: 2.14 },
    { step: 'tcp', ms: 31.4 },
    { step: 'connack', ms: 130.2 },
    { step: 'puback', ms: 41 },
  ],
  details: { dns: 'mq.plant7.example:1883', connack: 'MQTT 5' },
  failures: [],
  limits: [{ what: 'in flight', value: '20 messages', meaning: 'less than window (1 000)' }],
  remarks: ['One more thing.'],
  see: "mosquitto_sub -h mq.plant7.example -v -t 'x'",
}

const { see: _see, ...unseen } = good

const bad: Trial = {
  ...unseen,
  good: false,
  steps: good.steps.slice(0, 2),
  failures: [{ step: 'tcp', code: 'tcp', message: 'mq.plant7.example:1883: refused', hint: 'look there' }],
  limits: [],
  remarks: [],
}

test('each step with its time, what the broker announced, and what is left to say', () => {
  assert.deepEqual(trialText(good), [
    'cloud  mqtt://mq.plant7.example  as plant7-gw01-send-test',
    '',
    '  dns      2.1 ms  mq.plant7.example:1883',
    '  tcp       31 ms',
    '  connack  130 ms  MQTT 5',
    '  puback    41 ms',
    '',
    'The broker announced:',
    '  in flight  20 messages  less than window (1 000)',
    '',
    'Good: the broker has the message.',
    '',
    'One more thing.',
    '',
    'To see it arrive, start this and test again:',
    "mosquitto_sub -h mq.plant7.example -v -t 'x'",
  ])
})

test('no line is wider than 80 columns, but for one to copy', () => {
  const words = 'so many words that nobody can say them in one breath and no terminal shows them in a line'
  const certificate = `TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of mq.plant7.example by ${words}, until 2027-01-01`
  const failure = { step: 'tls', code: 'tls', message: `mq.plant7.example:8883: ${words}`, hint: words } as const
  const wide: Trial = {
    ...good,
    url: 'wss://the-broker-of-the-customer.plant7.example:8443/mqtt/of/the/customer',
    details: { tls: certificate, puback: `tidegate/plant7-gw01/send-test, ${words}` },
    limits: [{ what: 'in flight', value: '20 messages', meaning: words }],
    remarks: [words],
    see: `mosquitto_sub -h mq.plant7.example -v -t '${'t'.repeat(80)}'`,
  }
  const steps = [...good.steps, { step: 'tls', ms: 12.3 } as const]
  for (const trial of [
    { ...wide, steps },
    { ...wide, steps, good: false, failures: [failure] },
  ]) {
    for (const line of trialText(trial)) {
      if (line !== trial.see) assert.ok(displayWidth(line) <= 80, `${displayWidth(line)} columns: ${line}`)
    }
    assert.ok(trialText(trial).join(' ').replaceAll(/\s+/g, ' ').includes(words))
  }
})

test('a failure: what happened, what it means, what to do', () => {
  assert.deepEqual(trialText(bad).slice(2), [
    '  dns  2.1 ms  mq.plant7.example:1883',
    '  tcp   31 ms  FAILED',
    '',
    'Bad: tcp: mq.plant7.example:1883: refused (tcp)',
    'Nobody takes connections at that address and port, or something in between drops',
    'them.',
    'Try: look there',
  ])
})

test('a failure without a hint of its own is looked up in the log of the broker', () => {
  const { hint: _, ...failure } = bad.failures[0] ?? assert.fail()
  assert.match(trialText({ ...bad, failures: [failure] }).at(-1) ?? '', /^Try: the log of the broker says more$/)
})

test('the same for programs', () => {
  assert.deepEqual(trialDocument([good, bad]), {
    good: false,
    tests: [
      {
        uplink: 'cloud',
        url: 'mqtt://mq.plant7.example',
        clientId: 'plant7-gw01-send-test',
        topic: 'tidegate/plant7-gw01/send-test',
        good: true,
        steps: [
          { step: 'dns', ms: 2.14, detail: 'mq.plant7.example:1883' },
          { step: 'tcp', ms: 31.4 },
          { step: 'connack', ms: 130.2, detail: 'MQTT 5' },
          { step: 'puback', ms: 41 },
        ],
        failures: [],
        limits: good.limits,
        remarks: ['One more thing.'],
        see: "mosquitto_sub -h mq.plant7.example -v -t 'x'",
      },
      {
        uplink: 'cloud',
        url: 'mqtt://mq.plant7.example',
        clientId: 'plant7-gw01-send-test',
        topic: 'tidegate/plant7-gw01/send-test',
        good: false,
        steps: [
          { step: 'dns', ms: 2.14, detail: 'mq.plant7.example:1883' },
          { step: 'tcp', ms: 31.4 },
        ],
        failures: [
          {
            step: 'tcp',
            code: 'tcp',
            message: 'mq.plant7.example:1883: refused',
            hint: 'look there',
            meaning: 'Nobody takes connections at that address and port, or something in between drops them.',
          },
        ],
        limits: [],
        remarks: [],
      },
    ],
  })
})

test('a step ends where the next begins', () => {
  let now = 0
  const stopwatch = new Stopwatch(() => now)
  stopwatch.end()
  stopwatch.begin('tcp')
  now = 1.23456
  stopwatch.begin('connack')
  now = 4
  stopwatch.end()
  now = 9
  stopwatch.end()
  assert.deepEqual(stopwatch.steps, [
    { step: 'tcp', ms: 1.23 },
    { step: 'connack', ms: 2.77 },
  ])
})

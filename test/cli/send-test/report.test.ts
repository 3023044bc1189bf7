import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trialDocument, trialText } from '../../../src/cli/send-test/report.ts'
import { Stopwatch } from '../../../src/cli/send-test/steps.ts'
import type { Trial } from '../../../src/cli/send-test/trial.ts'

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
}

const bad: Trial = {
  ...good,
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
  ])
})

test('a failure: what happened, what it means, what to do', () => {
  assert.deepEqual(trialText(bad).slice(2), [
    '  dns  2.1 ms  mq.plant7.example:1883',
    '  tcp   31 ms  FAILED',
    '',
    'Bad: tcp: mq.plant7.example:1883: refused (tcp)',
    'Nobody takes connections at that address and port, or something in between drops them.',
    'Try: look there',
  ])
})

test('a failure without a hint of its own has that of the step', () => {
  const { hint: _, ...failure } = bad.failures[0] ?? assert.fail()
  assert.match(trialText({ ...bad, failures: [failure] }).at(-1) ?? '', /^Try: look at host and port of url/)
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

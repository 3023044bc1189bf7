import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  connackClosed,
  disconnectClosed,
  pubackFate,
  returnCodeClosed,
  subackShortfall,
} from '../../../src/uplink/mqtt/fates.ts'

test('success and "no matching subscribers" mean that the server has taken the message', () => {
  assert.equal(pubackFate(0x00).fate, 'accepted')
  assert.equal(pubackFate(0x10).fate, 'accepted')
})

test('a payload that is invalid or too large is never sent again', () => {
  for (const code of [0x95, 0x99]) assert.equal(pubackFate(code).fate, 'rejected', `0x${code.toString(16)}`)
})

test('an unexplained refusal is tried again, but not for ever', () => {
  for (const code of [0x80, 0x83, 0xee]) {
    const fate = pubackFate(code)
    assert.ok(fate.fate === 'kept' && fate.triesMax === 8 && (fate.delayMs ?? 0) > 0, `0x${code.toString(16)}`)
  }
})

test('a topic that is forbidden or not wanted keeps its records for ever, asks again after a minute and lets others go on', () => {
  for (const code of [0x87, 0x90]) {
    const fate = pubackFate(code)
    assert.ok(fate.fate === 'kept' && fate.triesMax === undefined && fate.delayMs === 60_000, `0x${code.toString(16)}`)
    assert.equal(fate.onlyTopic, true)
  }
})

test('quota exceeded keeps the record and lowers the window', () => {
  for (const code of [0x93, 0x96, 0x97]) {
    const fate = pubackFate(code)
    assert.ok(fate.fate === 'kept' && fate.shrinkWindow === true && fate.triesMax === undefined)
    assert.equal(fate.onlyTopic, undefined)
  }
})

test('a server that cannot now is asked again as long as it takes', () => {
  for (const code of [0x88, 0x89, 0x8b]) {
    const fate = pubackFate(code)
    assert.ok(fate.fate === 'kept' && fate.triesMax === undefined && (fate.delayMs ?? 0) > 0)
  }
})

test('there is an answer to every code, and nothing is taken for delivered by mistake', () => {
  for (let code = 0; code <= 0xff; code++) {
    const { fate } = pubackFate(code)
    assert.equal(fate === 'accepted', code === 0x00 || code === 0x10, `0x${code.toString(16)}`)
  }
})

test('a packet id in use keeps the record for the next session', () => {
  const fate = pubackFate(0x91)
  assert.ok(fate.fate === 'kept' && fate.delayMs === undefined && fate.triesMax === undefined)
})

test("the server's own words are in the reason", () => {
  const fate = pubackFate(0x99, 'not JSON')
  assert.ok(fate.fate === 'rejected')
  assert.equal(fate.reason, 'payload format invalid (0x99), "not JSON"')
})

const soon = [0x80, 0x83, 0x88, 0x89, 0x8b, 0x8d, 0x93, 0x95, 0x96, 0x97, 0x98, 0x9c, 0x9f, 0xa0]
const slow = [0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8a, 0x8c, 0x8e, 0x94, 0x9a, 0x9b, 0x9d, 0x9e, 0xa1, 0xa2]

test('trouble of the server or the link is knocked at again soon', () => {
  for (const code of soon) {
    assert.equal(connackClosed(code).hurry, 'soon', `CONNACK 0x${code.toString(16)}`)
    assert.equal(disconnectClosed(code).hurry, 'soon', `DISCONNECT 0x${code.toString(16)}`)
  }
})

test('credentials, bans, a stolen session and configuration wait for a human', () => {
  for (const code of slow) {
    assert.equal(connackClosed(code).hurry, 'slow', `CONNACK 0x${code.toString(16)}`)
    assert.equal(disconnectClosed(code).hurry, 'slow', `DISCONNECT 0x${code.toString(16)}`)
  }
})

test('reasons are short codes, details are sentences with the name of the code', () => {
  assert.deepEqual(disconnectClosed(0x8e), {
    reason: 'taken_over',
    detail: 'the broker ended the connection: session taken over (0x8e)',
    hurry: 'slow',
  })
  assert.equal(connackClosed(0x87).reason, 'refused_135')
  assert.equal(disconnectClosed(0x8d).reason, 'keepalive')
  assert.equal(disconnectClosed(0).reason, 'closed')
  assert.match(connackClosed(0x97, 'come back tomorrow').detail, /quota exceeded \(0x97\), "come back tomorrow"$/)
})

test('MQTT 3.1.1: only "server unavailable" is worth a quick retry', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((code) => returnCodeClosed(code).hurry),
    ['slow', 'slow', 'soon', 'slow', 'slow'],
  )
  assert.match(returnCodeClosed(4).detail, /bad user name or password \(4\)/)
})

test('a refused subscription names the filter and what to do', () => {
  const { reason, detail, hint } = subackShortfall(0x87, 'cmd/#')
  assert.equal(reason, 'subscribe_135')
  assert.match(detail, /subscription to cmd\/#: not authorized \(0x87\)/)
  assert.match(hint ?? '', /allow the gateway to subscribe there/)
  assert.equal(subackShortfall(0x80, 'cmd/#').reason, 'subscribe_128')
  assert.match(subackShortfall(0x80, 'cmd/#').hint ?? '', /commands.subscribe/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connackClosed, disconnectClosed, pubackFate, returnCodeClosed, subackClosed } from '../../src/uplink/fates.ts'

test('success and "no matching subscribers" mean that the server has taken the message', () => {
  assert.equal(pubackFate(0x00).fate, 'accepted')
  assert.equal(pubackFate(0x10).fate, 'accepted')
})

test('a topic or a payload that is invalid is never sent again', () => {
  for (const code of [0x90, 0x95, 0x99]) assert.equal(pubackFate(code).fate, 'rejected', `0x${code.toString(16)}`)
})

test('an unexplained refusal is tried again, but not for ever', () => {
  for (const code of [0x80, 0x83, 0xee]) {
    const fate = pubackFate(code)
    assert.ok(fate.fate === 'kept' && fate.triesMax === 8 && (fate.delayMs ?? 0) > 0, `0x${code.toString(16)}`)
  }
})

test('a missing permission keeps the record for ever and asks again after a minute', () => {
  const fate = pubackFate(0x87)
  assert.ok(fate.fate === 'kept' && fate.triesMax === undefined && fate.delayMs === 60_000)
})

test('quota exceeded keeps the record and lowers the window', () => {
  const fate = pubackFate(0x97)
  assert.ok(fate.fate === 'kept' && fate.shrinkWindow === true && fate.triesMax === undefined)
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
    detail: 'the server ended the connection: session taken over (0x8e)',
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

test('a refused subscription names the filter and waits, except for a quota', () => {
  assert.equal(subackClosed(0x87, 'cmd/#').hurry, 'slow')
  assert.match(subackClosed(0x87, 'cmd/#').detail, /subscription to cmd\/#: not authorized \(0x87\)/)
  assert.equal(subackClosed(0x80, 'cmd/#').reason, 'subscribe_128')
  assert.equal(subackClosed(0x97, 'cmd/#').hurry, 'soon')
})

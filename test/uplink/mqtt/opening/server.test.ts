import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serverOf } from '../../../../src/uplink/mqtt/opening/server.ts'
import { ConnectError } from '../../../../src/uplink/transport.ts'

test('a url names host, port, encryption, and for a WebSocket the path', () => {
  const table: Record<string, ReturnType<typeof serverOf>> = {
    'mqtt://b.example': { host: 'b.example', port: 1883, secure: false, name: 'b.example:1883' },
    'mqtts://b.example:18883': { host: 'b.example', port: 18883, secure: true, name: 'b.example:18883' },
    'mqtts://[2001:db8::7]': { host: '2001:db8::7', port: 8883, secure: true, name: '[2001:db8::7]:8883' },
    'ws://b.example': { host: 'b.example', port: 80, secure: false, path: '/mqtt', name: 'b.example:80' },
    'wss://b.example:8084': { host: 'b.example', port: 8084, secure: true, path: '/mqtt', name: 'b.example:8084' },
    'wss://b.example/': { host: 'b.example', port: 443, secure: true, path: '/', name: 'b.example:443' },
    'wss://b.example/ws?a=1': { host: 'b.example', port: 443, secure: true, path: '/ws?a=1', name: 'b.example:443' },
  }
  for (const [url, server] of Object.entries(table)) assert.deepEqual(serverOf(url), server, url)
})

test('another scheme is an error that says which ones there are', () => {
  assert.throws(
    () => serverOf('http://b.example'),
    (error) =>
      error instanceof ConnectError &&
      error.closed.hurry === 'slow' &&
      /scheme is http, allowed are mqtt, mqtts, ws and wss/.test(error.message),
  )
})

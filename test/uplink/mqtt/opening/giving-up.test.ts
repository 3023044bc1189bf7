import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { MqttTransport } from '../../../../src/uplink/mqtt/mqtt.ts'
import type { Phase } from '../../../../src/uplink/mqtt/opening/phase.ts'
import { ConnectError } from '../../../../src/uplink/transport.ts'
import type { MqttSettings } from '../../../../src/uplink-settings.ts'
import { until } from '../../../support/until.ts'
import { mqttSettings } from '../../../support/uplink-settings.ts'

/** Somebody who takes connections and never says a word. */
async function mute(): Promise<{ port: number; open: Set<Socket>; server: Server }> {
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { port: address.port, open, server }
}

const ways: readonly [Phase, (port: number) => [string, Partial<MqttSettings>]][] = [
  ['proxy', (port) => ['mqtt://192.0.2.1', { proxy: { host: '127.0.0.1', port } }]],
  ['tls', (port) => [`mqtts://127.0.0.1:${port}`, {}]],
  ['websocket', (port) => [`ws://127.0.0.1:${port}`, {}]],
  ['connack', (port) => [`mqtt://127.0.0.1:${port}`, {}]],
]
const handlers = { onDelivery() {}, onClosed: () => assert.fail('a session that never was has ended') }

test('giving up, or waiting in vain, leaves no socket and no timer, in whichever step', async (t) => {
  const { port, open, server } = await mute()
  t.after(() => new Promise((resolve) => server.close(resolve)))
  const handles = () =>
    process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .sort()
  const before = handles()
  const nothingLeft = (step: string) =>
    until(() => open.size === 0 && JSON.stringify(handles()) === JSON.stringify(before), {
      what: `no handle left after ${step}`,
    })
  for (const [step, way] of ways) {
    const [url, settings] = way(port)
    const stop = new AbortController()
    let waitsFor: Phase | undefined
    const watch = {
      onPhase(phase: Phase) {
        waitsFor = phase
      },
    }
    const patient = new MqttTransport(mqttSettings(url, { ...settings, connectTimeoutMs: 60_000 }), watch)
    const failed = assert.rejects(
      patient.connect(handlers, stop.signal),
      (error) => error instanceof ConnectError && error.closed.reason === 'aborted',
    )
    await until(() => waitsFor === step && open.size === 1, { what: `the wait for ${step}` })
    stop.abort()
    await failed
    await nothingLeft(step)
    const impatient = new MqttTransport(mqttSettings(url, { ...settings, connectTimeoutMs: 50 }))
    await assert.rejects(
      impatient.connect(handlers, new AbortController().signal),
      (error) => error instanceof ConnectError && error.closed.reason === `${step}_timeout`,
    )
    await nothingLeft(`${step}_timeout`)
  }
})

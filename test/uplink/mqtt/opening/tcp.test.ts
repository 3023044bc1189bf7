import assert from 'node:assert/strict'
import dns from 'node:dns'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { openTcp } from '../../../../src/uplink/mqtt/opening/tcp.ts'
import { until } from '../../../support/until.ts'

/** Node's own patience with one of several addresses. */
const NODES_PATIENCE_MS = 250

/** Listens, and accepts nothing before the lock is opened. */
const SLEEPY_SERVER = `
const { parentPort, workerData } = require('node:worker_threads')
const server = require('node:net').createServer((socket) => socket.resume().on('error', () => {}))
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  parentPort.postMessage(server.address().port)
  setImmediate(() => Atomics.wait(workerData, 0, 0))
})
`

/** Connects until the kernel takes no further connection for the server, which accepts none. */
async function fill(port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    const from = performance.now()
    await until(() => !socket.connecting || performance.now() - from > 100, { what: 'a connection, or none' })
    if (socket.connecting) return sockets
  }
}

test('an address that answers after a second is waited for, though the name has another one', async (t) => {
  const lock = new Int32Array(new SharedArrayBuffer(4))
  const server = new Worker(SLEEPY_SERVER, { eval: true, workerData: lock })
  const port = await new Promise<number>((resolve) => server.once('message', resolve))
  const sockets = await fill(port)
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    await server.terminate()
  })
  const addresses = [
    { address: '127.0.0.1', family: 4 },
    // Nobody is there.
    { address: '::1', family: 6 },
  ]
  t.mock.method(dns, 'lookup', (_name: string, _options: object, done: (error: null, all: object[]) => void) =>
    done(null, addresses),
  )
  const seen: string[] = []
  const watch = { onPhase: (phase: string) => void seen.push(phase) }
  const { signal } = new AbortController()
  const opening = openTcp({ host: 'b.test', port }, { signal, watch, connectTimeoutMs: 60_000 })
  const from = performance.now()
  await until(() => performance.now() - from > 2 * NODES_PATIENCE_MS, { what: 'Node to lose its patience' })
  Atomics.store(lock, 0, 1)
  Atomics.notify(lock, 0)
  const socket = await opening
  assert.equal(socket.remoteAddress, '127.0.0.1')
  assert.equal(seen[0], 'dns')
  socket.destroy()
})

/** A tool with a connection of its own, which is given up under it: it goes on over a new one. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { withOwnTools } from '../../../src/cli/devices/own.ts'
import { Scan } from '../../../src/cli/devices/scan-run.ts'
import type { DeviceTools } from '../../../src/device-api.ts'
import { tcpSettings } from '../../support/bus-settings.ts'

type Manner = 'sound' | 'silent' | 'torn' | 'noisy' | 'closes'

interface Peer {
  readonly port: number
  readonly opened: () => number
  close(): void
}

/** Plays all units: reads are answered with zeros, or as the manner of the unit has it. */
async function peerWith(t: TestContext, mannerOf: (unitId: number) => Manner): Promise<Peer> {
  let opened = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    opened += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (request) => {
      const reply = Buffer.alloc(13)
      request.copy(reply, 0, 0, 4)
      reply.writeUInt16BE(7, 4)
      reply.set([request[6] ?? 0, request[7] ?? 0, 4], 6)
      switch (mannerOf(request[6] ?? 0)) {
        case 'sound':
          return void socket.write(reply)
        case 'torn':
          return void socket.write(reply.subarray(0, 10))
        case 'noisy':
          return void socket.write(Buffer.alloc(20, 0xa5))
        case 'closes':
          return void socket.destroy()
        case 'silent':
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.after(close)
  return { port: (server.address() as AddressInfo).port, opened: () => opened, close }
}

function scanOver(peer: Peer, units: readonly number[]) {
  const connection = { ...tcpSettings([]), host: '127.0.0.1', port: peer.port, timeoutMs: 1_000 }
  return withOwnTools(connection, (tools: DeviceTools) => {
    const scan = new Scan({ tools, connection: { name: connection.name } } as never, {
      timeoutMs: 250,
      profiles: [],
      signal: new AbortController().signal,
      onProgress: () => {},
    })
    return scan.run([{ title: 'units', lastResort: false, steps: units.map((unitId) => ({ unitId, known: false })) }])
  })
}

test('units that are silent before the first one that answers do not end a scan', async (t) => {
  const peer = await peerWith(t, (unitId) => (unitId < 11 ? 'silent' : 'sound'))
  const { found, problem } = await scanOver(peer, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.equal(problem, undefined)
  assert.deepEqual(
    found.map(({ unitId }) => unitId),
    [11],
  )
  assert.ok(peer.opened() > 1, 'the connection was given up and opened anew')
})

for (const manner of ['torn', 'noisy', 'closes'] as const) {
  test(`a unit whose reply is ${manner} is named, and its neighbours are found`, async (t) => {
    const peer = await peerWith(t, (unitId) => (unitId === 2 ? manner : 'sound'))
    const { found, damaged, problem } = await scanOver(peer, [1, 2, 3])
    assert.equal(problem, undefined)
    assert.deepEqual([found.map(({ unitId }) => unitId), damaged.map(({ unitId }) => unitId)], [[1, 3], [2]])
  })
}

test('a peer that is no Modbus server at all ends it, with what to do', async (t) => {
  const peer = await peerWith(t, () => 'noisy')
  const { found, problem } = await scanOver(peer, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(found.length, 0)
  assert.match(problem?.message ?? '', /not Modbus TCP/)
  assert.match(problem?.hint ?? '', /port number/)
})

test('a peer that cannot be reached any more ends it, with what was found', async (t) => {
  const peer = await peerWith(t, (unitId) => {
    if (unitId === 3) peer.close()
    return 'sound'
  })
  const { found, problem } = await scanOver(peer, [1, 2, 3, 4])
  assert.deepEqual(
    found.map(({ unitId }) => unitId),
    [1, 2],
  )
  assert.match(problem?.message ?? '', /refused/)
})

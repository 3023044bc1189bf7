/**
 * Drains a backlog from disk over a link with a round trip of 200 ms: at best, a window full of messages goes through per
 * round trip. Prints the share of that which is reached. Usage: node test/bench/latency.ts
 */
import { connect, createServer, type Socket } from 'node:net'
import { Mosquitto } from '../support/mosquitto.ts'
import { DiskBacklog } from './disk.ts'

const ROUND_TRIP_MS = 200
/** Round trips a drain takes, so that connecting weighs little. */
const ROUNDS = 60

/** A TCP proxy that hands on every byte half a round trip later, in both directions. */
async function slowLink(port: number): Promise<{ url: string; close: () => void }> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => setTimeout(() => to.write(bytes), ROUND_TRIP_MS / 2))
      from.on('close', () => setTimeout(() => to.destroy(), ROUND_TRIP_MS / 2))
      from.on('error', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { url: `mqtt://127.0.0.1:${address.port}`, close }
}

const broker = await Mosquitto.start(['max_inflight_messages 1000', 'max_queued_messages 0'])
const link = await slowLink(broker.port)
console.log(`\ndrain over a round trip of ${ROUND_TRIP_MS} ms, from disk`)
try {
  for (const window of [32, 1_000]) {
    const backlog = new DiskBacklog()
    try {
      await backlog.fill(window * ROUNDS, 110)
      const { perSecond } = await backlog.drain(link.url, { window, batch: 1 })
      const best = (window / ROUND_TRIP_MS) * 1_000
      const share = (perSecond / best).toFixed(2)
      console.log(
        `window ${String(window).padStart(4)}  ${Math.round(perSecond)} records/s  ${share} of window / round trip`,
      )
    } finally {
      backlog.remove()
    }
  }
} finally {
  link.close()
  await broker.close()
}

import { readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import { Mosquitto } from '../support/mosquitto.ts'
import { type Figure, TOPIC, WINDOW } from './contenders.ts'

/** Clock ticks per second of /proc/PID/stat on every Linux that Node runs on. */
const TICKS = 100

/**
 * A mosquitto bridge that drains the same backlog to the same kind of broker: it was queued while the broker was away.
 * First and last message have topics of their own, so that the counting costs the bridge nothing.
 */
export async function drainByBridge(count: number, payload: string): Promise<Figure> {
  const cloud = await Mosquitto.start([`max_inflight_messages ${WINDOW}`, 'max_queued_messages 0'])
  await cloud.down()
  const bridge = await Mosquitto.start([
    `max_inflight_messages ${WINDOW}`,
    'max_queued_messages 0',
    'connection cloud',
    `address 127.0.0.1:${cloud.port}`,
    'topic # out 1',
    'cleansession false',
    'restart_timeout 1',
    'try_private false',
  ])
  try {
    const publisher = await connectAsync(bridge.url, { protocolVersion: 5 })
    await publisher.publishAsync('begin', '', { qos: 1 })
    for (let left = count; left > 0; left -= WINDOW) {
      const burst = Array.from({ length: Math.min(WINDOW, left) }, () =>
        publisher.publishAsync(TOPIC, payload, { qos: 1 }),
      )
      await Promise.all(burst)
    }
    await publisher.publishAsync('end', '', { qos: 1 })
    await publisher.endAsync()
    return await watch({ cloud, bridge }, count)
  } finally {
    await bridge.close()
    await cloud.close()
  }
}

async function watch(brokers: { cloud: Mosquitto; bridge: Mosquitto }, count: number): Promise<Figure> {
  await brokers.cloud.up()
  const watcher = await connectAsync(brokers.cloud.url, { protocolVersion: 5 })
  const times = new Map<string, { at: number; cpu: number }>()
  const over = new Promise<void>((resolve) => {
    watcher.on('message', (topic) => {
      times.set(topic, { at: performance.now(), cpu: cpuSeconds(brokers.bridge.pid) })
      if (topic === 'end') resolve()
    })
  })
  await watcher.subscribeAsync(['begin', 'end'], { qos: 0 })
  await over
  await watcher.endAsync(true)
  const begin = times.get('begin')
  const end = times.get('end')
  if (!begin || !end) throw new Error('the bridge was connected before the watcher: run again')
  return {
    perSecond: (count / (end.at - begin.at)) * 1000,
    cpuMicroseconds: ((end.cpu - begin.cpu) / count) * 1e6,
  }
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

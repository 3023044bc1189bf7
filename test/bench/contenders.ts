/** What a drain is compared with: a bare socket (the limit) and a plain MQTT.js loop, both sending from memory. */
import { connect as connectTcp } from 'node:net'
import { connect as connectMqtt } from 'mqtt'
import { generate } from 'mqtt-packet'
import type { StoredRecord } from '../../src/model.ts'
import { recordText } from '../../src/uplink/formats/envelope.ts'

/** Messages in flight, for all contenders. */
export const WINDOW = 1_000
export const TOPIC = 't/d/data'

export interface Figure {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

export type Drain = (url: string, records: readonly StoredRecord[], batch: number) => Promise<void>

export const drainByMqttJs: Drain = async (url, records, batch) => {
  const client = connectMqtt(url, { protocolVersion: 5, clientId: 'plain', reconnectPeriod: 0 })
  await new Promise((resolve) => client.once('connect', resolve))
  const messages = Math.ceil(records.length / batch)
  await new Promise<void>((resolve, reject) => {
    let next = 0
    let acknowledged = 0
    const onAck = (error?: Error | null) => {
      if (error) return reject(error)
      acknowledged += 1
      if (acknowledged === messages) return resolve()
      if (next < messages) send()
    }
    const send = () => client.publish(TOPIC, payloadOf(records, next++, batch), { qos: 1 }, onAck)
    while (next < Math.min(WINDOW, messages)) send()
  })
  await client.endAsync()
}

function payloadOf(records: readonly StoredRecord[], index: number, batch: number): string {
  const first = records[index]
  if (batch === 1 && first) return recordText(first)
  const members = records.slice(index * batch, (index + 1) * batch).map(recordText)
  return `[${members.join(',')}]`
}

/** All packets in one buffer, with the end of each, so that any number of them is one write. */
export function prepare(records: readonly StoredRecord[], batch: number): { bytes: Buffer; ends: number[] } {
  const packets: Buffer[] = []
  const ends: number[] = []
  let end = 0
  for (let index = 0; index * batch < records.length; index++) {
    const payload = payloadOf(records, index, batch)
    const packet = { cmd: 'publish', topic: TOPIC, payload, qos: 1, dup: false, retain: false } as const
    const bytes = generate({ ...packet, messageId: (index % 60_000) + 1 }, { protocolVersion: 5 })
    end += bytes.length
    packets.push(bytes)
    ends.push(end)
  }
  return { bytes: Buffer.concat(packets), ends }
}

export async function drainBare(url: string, { bytes, ends }: ReturnType<typeof prepare>): Promise<void> {
  const socket = connectTcp({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true })
  socket.write(
    generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clean: true, clientId: 'bare', keepalive: 0 }),
  )
  await new Promise<void>((resolve) => {
    let sent = 0
    let acknowledged = 0
    let rest = Buffer.alloc(0)
    const refill = () => {
      const until = Math.min(ends.length, acknowledged + WINDOW)
      // As the uplink does: not a write for each acknowledgement.
      if (until - sent < Math.min(WINDOW / 16, ends.length - sent) || until === sent) return
      socket.write(bytes.subarray(sent === 0 ? 0 : ends[sent - 1], ends[until - 1]))
      sent = until
    }
    socket.on('data', (data) => {
      const chunk = rest.length === 0 ? data : Buffer.concat([rest, data])
      let at = 0
      // Acknowledgements are shorter than 128 bytes, so their length is one byte.
      while (at + 1 < chunk.length && at + 2 + (chunk[at + 1] ?? 0) <= chunk.length) {
        if (chunk[at] === 0x40) acknowledged += 1
        at += 2 + (chunk[at + 1] ?? 0)
      }
      rest = chunk.subarray(at)
      if (acknowledged === ends.length) resolve()
      else refill()
    })
  })
  socket.destroy()
}

export async function measure(records: number, run: () => Promise<void>): Promise<Figure> {
  const cpu = process.cpuUsage()
  const from = performance.now()
  await run()
  const seconds = (performance.now() - from) / 1000
  const used = process.cpuUsage(cpu)
  return { perSecond: records / seconds, cpuMicroseconds: (used.user + used.system) / records }
}

export function median(figures: readonly Figure[], of: (figure: Figure) => number): number {
  const sorted = figures.map(of).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

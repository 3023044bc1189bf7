/**
 * Drains a backlog from disk to mosquitto, QoS 1, and compares: a bare socket writing prepared packets (the limit), a
 * plain MQTT.js loop, both from memory, and a mosquitto bridge draining the same. All in one run; ratios are printed.
 * Usage: node test/bench/drain.ts [records from disk] [records of the others]
 */
import { recordText } from '../../src/uplink/formats/envelope.ts'
import { record } from '../support/feed.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { drainByBridge } from './bridge.ts'
import { drainBare, drainByMqttJs, type Figure, measure, prepare, WINDOW } from './contenders.ts'
import { DiskBacklog } from './disk.ts'

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const OTHERS = Number(process.argv[3] ?? 200_000)
const BODY_BYTES = 110

const samples = Array.from({ length: OTHERS }, (_, index) =>
  record({ seq: index + 1, body: `"device":"d","values":{"supply_temp":61.3,"note":"${'x'.repeat(60)}"}` }),
)

async function fromDisk(url: string, batch: number): Promise<Figure & { rssMiB: number }> {
  const backlog = new DiskBacklog()
  try {
    await backlog.fill(RECORDS, BODY_BYTES)
    return await backlog.drain(url, { window: WINDOW, batch })
  } finally {
    backlog.remove()
  }
}

async function compare(url: string, batch: number): Promise<void> {
  const prepared = prepare(samples, batch)
  const payload = recordText(samples[0] ?? record())
  console.log(`\n${payload.length} bytes a record, ${batch} a message, window ${WINDOW}`)
  const limit = await measure(OTHERS, () => drainBare(url, prepared))
  const show = (name: string, figure: Figure, more = '') => {
    const columns = [
      name.padEnd(26),
      `${Math.round(figure.perSecond).toString().padStart(8)} records/s`,
      `${figure.cpuMicroseconds.toFixed(2).padStart(6)} us of CPU each`,
      `${(figure.perSecond / limit.perSecond).toFixed(2)} of the bare socket${more}`,
    ]
    console.log(columns.join('  '))
  }
  show('bare socket, from memory', limit)
  const disk = await fromDisk(url, batch)
  show(`tidegate, ${RECORDS} from disk`, disk, `  (resident memory ${Math.round(disk.rssMiB)} MiB)`)
  show('plain MQTT.js, from memory', await measure(OTHERS, () => drainByMqttJs(url, samples, batch)))
  if (batch === 1) show('mosquitto bridge', await drainByBridge(OTHERS, payload))
}

const broker = await Mosquitto.start([`max_inflight_messages ${WINDOW}`, 'max_queued_messages 0'])
try {
  await measure(OTHERS, () => drainByMqttJs(broker.url, samples, 1)) // for the compiler
  await compare(broker.url, 1)
  await compare(broker.url, 100)
} finally {
  await broker.close()
}

/**
 * Drains a backlog from memory to mosquitto: the uplink's sender and MQTT transport, against a bare socket writing packets
 * that were prepared before (the limit), and a plain MQTT.js loop. All in one run and one process; ratios are printed.
 * Usage: node test/bench/drain-memory.ts [records] [rounds]
 */
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { StoredRecord } from '../../src/model.ts'
import type { Feed } from '../../src/uplink/feed.ts'
import { recordText } from '../../src/uplink/formats/envelope.ts'
import { MqttTransport } from '../../src/uplink/mqtt/mqtt.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import type { BatchSettings } from '../../src/uplink-settings.ts'
import { record } from '../support/feed.ts'
import { Mosquitto } from '../support/mosquitto.ts'
import { mqttSettings } from '../support/uplink-settings.ts'
import { type Drain, drainBare, drainByMqttJs, type Figure, measure, median, prepare, WINDOW } from './contenders.ts'

const RECORDS = Number(process.argv[2] ?? 100_000)
const ROUNDS = Number(process.argv[3] ?? 5)
const BATCH = 100

/** Hands out its records once; the sender's only partner here. */
class BenchFeed implements Feed {
  paused = false
  readonly dropped = 0
  onAppend: (() => void) | undefined
  readonly #records: readonly StoredRecord[]
  readonly #done: () => void
  #next = 0
  #left: number

  constructor(records: readonly StoredRecord[], done: () => void) {
    this.#records = records
    this.#left = records.length
    this.#done = done
  }

  next(max: number): readonly StoredRecord[] {
    const page = this.#records.slice(this.#next, this.#next + max)
    this.#next += page.length
    return page
  }

  nextLive(): readonly StoredRecord[] {
    return []
  }

  async spend(): Promise<void> {}

  hasLate(): boolean {
    return false
  }

  delivered(records: readonly StoredRecord[]): void {
    this.#left -= records.length
    if (this.#left === 0) this.#done()
  }

  rejected(one: StoredRecord, reason: string): void {
    throw new Error(`record ${one.seq} was rejected: ${reason}`)
  }

  rewind(): void {
    this.#next = 0
  }
}

const drainByUplink: Drain = async (url, records, batch) => {
  const done = Promise.withResolvers<void>()
  const batches: { batch: BatchSettings } | object =
    batch === 1 ? {} : { batch: { recordsMax: batch, bytesMax: 1_000_000, waitMaxMs: 0 } }
  const settings = mqttSettings(url, { clientId: 'uplink', window: WINDOW, ...batches })
  const uplink = new Uplink(settings, {
    transport: new MqttTransport(settings),
    feed: new BenchFeed(records, done.resolve),
    accept: async () => {},
    clock: systemClock,
    log: silentLogger,
  })
  uplink.start()
  await done.promise
  await uplink.stop()
}

async function compare(url: string, records: readonly StoredRecord[], batch: number): Promise<void> {
  const prepared = prepare(records, batch)
  const contenders: Record<string, () => Promise<void>> = {
    'bare socket': () => drainBare(url, prepared),
    'tidegate uplink': () => drainByUplink(url, records, batch),
    'plain MQTT.js': () => drainByMqttJs(url, records, batch),
  }
  const figures = new Map<string, Figure[]>()
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const figure = await measure(RECORDS, run)
      // The first round is for the compiler.
      if (round > 0) figures.set(name, [...(figures.get(name) ?? []), figure])
    }
  }
  const limit = median(figures.get('bare socket') ?? [], (figure) => figure.perSecond)
  console.log(
    `\n${RECORDS} records of ${recordText(records[0] ?? record()).length} bytes, ${batch} a message, window ${WINDOW}, median of ${ROUNDS}`,
  )
  for (const [name, all] of figures) {
    const perSecond = median(all, (figure) => figure.perSecond)
    const cpu = median(all, (figure) => figure.cpuMicroseconds)
    const ratio = (perSecond / limit).toFixed(2)
    console.log(
      `${name.padEnd(16)} ${Math.round(perSecond).toString().padStart(8)} records/s  ${cpu.toFixed(2).padStart(6)} us of CPU each  ${ratio} of the bare socket`,
    )
  }
}

const broker = await Mosquitto.start([`max_inflight_messages ${WINDOW}`, 'max_queued_messages 0'])
try {
  const body =
    '"device":"boiler","values":{"supply_temp":61.3,"return_temp":48.9,"flow":12.75,"pump":true},"errors":{"setpoint":"timeout"},"state":"heating","n":100000'
  const records = Array.from({ length: RECORDS }, (_, index) => record({ seq: index + 1, body: body.slice(0, 150) }))
  await compare(broker.url, records, 1)
  await compare(broker.url, records, BATCH)
} finally {
  await broker.close()
}

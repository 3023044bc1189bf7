import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { silentLogger } from '../../src/log.ts'
import type { NewRecord } from '../../src/model.ts'
import { Outbox } from '../../src/outbox/outbox.ts'
import { StorageThread } from '../../src/storage/storage.ts'
import { MqttTransport } from '../../src/uplink/mqtt/mqtt.ts'
import { Uplink } from '../../src/uplink/uplink.ts'
import type { BatchSettings } from '../../src/uplink-settings.ts'
import { until } from '../support/until.ts'
import { mqttSettings } from '../support/uplink-settings.ts'

/** Records appended in one call while a backlog is made. */
const CHUNK = 2_000
const UPLINK = 'cloud'

/** A state directory with an outbox that holds `records` for one uplink. */
export class DiskBacklog {
  readonly folder = mkdtempSync(join(tmpdir(), 'tidegate-bench-'))

  /** Adds `count` records of about `bodyBytes` bytes. */
  async fill(count: number, bodyBytes: number): Promise<void> {
    const { storage, outbox } = await this.#open()
    const padding = 'x'.repeat(Math.max(1, bodyBytes - 50))
    const record: NewRecord = {
      kind: 'data',
      source: 'd',
      body: `"device":"d","values":{"supply_temp":61.3,"note":"${padding}"}`,
      mono: systemClock.mono(),
    }
    for (let left = count; left > 0; left -= CHUNK) {
      await outbox.append(new Array<NewRecord>(Math.min(CHUNK, left)).fill(record), { durable: true })
    }
    await outbox.close()
    await storage.close()
  }

  /** Opens it, connects, and resolves when everything is acknowledged and the cursor is stored. */
  async drain(url: string, options: { readonly window: number; readonly batch: number }): Promise<DrainFigures> {
    const { storage, outbox } = await this.#open()
    const cursor = outbox.cursor(UPLINK)
    const batch: { batch?: BatchSettings } =
      options.batch === 1 ? {} : { batch: { recordsMax: options.batch, bytesMax: 1_000_000, waitMaxMs: 0 } }
    const settings = mqttSettings(url, { name: UPLINK, clientId: 'uplink', window: options.window, ...batch })
    const pending = () => cursor.account.issued(outbox.head()) - cursor.account.settled
    const records = pending()
    const cpu = process.cpuUsage()
    const from = performance.now()
    const uplink = new Uplink(settings, {
      transport: new MqttTransport(settings),
      feed: cursor,
      accept: async () => {},
      clock: systemClock,
      log: silentLogger,
    })
    uplink.start()
    await until(() => pending() === 0, { what: 'the backlog to drain', timeoutMs: 600_000 })
    const seconds = (performance.now() - from) / 1000
    const used = process.cpuUsage(cpu)
    const rssMiB = process.memoryUsage.rss() / 1024 / 1024
    await uplink.stop()
    await outbox.close()
    await storage.close()
    return { records, perSecond: records / seconds, cpuMicroseconds: (used.user + used.system) / records, rssMiB }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #open(): Promise<{ storage: StorageThread; outbox: Outbox }> {
    const clock = systemClock
    const log = silentLogger
    const storage = await StorageThread.open(join(this.folder, 'tidegate.db'), { clock, log })
    const outbox = await Outbox.open({
      storage,
      clock,
      log,
      commitIntervalMs: 1_000,
      start: {
        gateway: 'bench',
        boot: 'bench',
        mono: clock.mono(),
        wall: clock.wall(),
        clockKnown: true,
        uplinks: [{ name: UPLINK, startAt: 'head' }],
      },
    })
    return { storage, outbox }
  }
}

export interface DrainFigures {
  readonly records: number
  readonly perSecond: number
  /** CPU of the whole process, storage thread included, per record. */
  readonly cpuMicroseconds: number
  readonly rssMiB: number
}
